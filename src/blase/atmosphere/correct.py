"""Telluric correction of a spectrum: physics first, then line by line, then the spectrum without the air."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.continuum import WaterContinuum, read_continuum
from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.layers import Air, Layering
from blase.atmosphere.line_refinement import LinePriors, RefinedOrder, refine_lines
from blase.atmosphere.line_sources import find_lines
from blase.atmosphere.observed_order import ObservedOrder
from blase.atmosphere.physical_fit import PhysicalFit, fit_atmosphere
from blase.atmosphere.profile import Profile
from blase.atmosphere.source import HotStar, Source
from blase.atmosphere.synthesis import choose_profile
from blase.containers.metadata import resolving_power_of
from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError
from blase.functional.parallel import map_all

FloatArray = NDArray[np.float64]

LEAST_TRANSMISSION = 0.05
"""Blurred transmission below which nothing is recovered: the pixel is masked in the corrected spectrum."""
CONTINUUM_DEGREE = 5
_BANDS = ((0.9, np.inf), (0.5, 0.9), (0.2, 0.5), (LEAST_TRANSMISSION, 0.2))
_FAR = 300.0  # [cm^-1] beyond an order, within which lines are read


@dataclass(frozen=True, eq=False)
class CorrectedOrder:
    """One order without the atmosphere; arrays (n_pixels,).

    Attributes
    ----------
    wavelength : vacuum Angstrom, in the frame of the data.
    flux, uncertainty, mask : as read; `used` are the pixels that were fitted.
    model, continuum, star, telluric : expected flux; continuum with the blaze; star and air blurred alone.
    telluric_free : flux * blurred(star) / blurred(star * telluric), NaN where masked.
    telluric_free_uncertainty : one standard deviation, noise and the uncertainty of the model in quadrature.
    telluric_free_mask : True where the pixel is masked as read or transmission is below the threshold.
    refined : lines and their departures from physics.
    """

    row: int
    wavelength: FloatArray
    flux: FloatArray
    uncertainty: FloatArray
    mask: NDArray[np.bool_]
    used: NDArray[np.bool_]
    model: FloatArray
    continuum: FloatArray
    star: FloatArray
    telluric: FloatArray
    telluric_free: FloatArray
    telluric_free_uncertainty: FloatArray
    telluric_free_mask: NDArray[np.bool_]
    refined: RefinedOrder

    def quality(self) -> list[dict[str, Any]]:
        """By range of transmission: pixels, rms of data / model - 1, rms of residuals over the noise."""
        found = []
        seen = self.model / (self.continuum * self.star)
        for low, high in _BANDS:
            part = self.used & (seen > low) & (seen <= high)
            if part.sum() < 5:
                continue
            residual = self.flux[part] - self.model[part]
            found.append(
                {
                    "transmission": [low, None if np.isinf(high) else high],
                    "n_pixels": int(part.sum()),
                    "residual_rms": float(np.sqrt(np.mean((residual / self.model[part]) ** 2))),
                    "residual_over_noise": float(np.sqrt(np.mean((residual / self.uncertainty[part]) ** 2))),
                }
            )
        return found


@dataclass(frozen=True, eq=False)
class Correction:
    """All orders, the physical fit behind them, the state of the air, and what was read."""

    orders: tuple[CorrectedOrder, ...]
    physical: PhysicalFit
    air: Air
    notes: tuple[str, ...]


def correct_spectrum(
    spectrum: EchelleSpectrum,
    conditions: Conditions,
    *,
    source: Source | None = None,
    line_lists: Sequence[str | Path] | None = None,
    profile: str | Path | Profile | None = None,
    continuum: str | Path | WaterContinuum | None = None,
    resolving_power: float | tuple[float, float] | None = None,
    continuum_degree: int = CONTINUUM_DEGREE,
    least_transmission: float = LEAST_TRANSMISSION,
    priors: LinePriors | None = None,
    held: dict[str, float] | None = None,
    refine: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Correction:
    """Fit the air to all orders of a spectrum together, refine its lines order by order, and divide it out.

    Parameters
    ----------
    spectrum : in the frame of the observatory; select the orders before.
    conditions : site, weather and airmass; the column of water is where its fit starts.
    source : the star; a hot one with lines of hydrogen where None.
    line_lists, profile, continuum : as in `blase.atmosphere.synthesis.synthesise`.
    resolving_power : R or (R, error); else as the spectrum states it.
    least_transmission : below which pixels are masked.
    priors : of the lines' departures from physics.
    held : parameters of the physical fit that do not move, by name.
    refine : whether single lines may depart from physics; else `blase fit` may go on from there.

    Raises
    ------
    InputError : on a spectrum in another frame or without a resolving power, and on files as in `synthesise`.
    """
    _check_frame(spectrum)
    say = progress or (lambda text: None)
    power, error = resolving_power_of(spectrum.metadata, resolving_power)
    usable = [order for order in spectrum.orders if (~order.mask).sum() > 10 * (continuum_degree + 1)]
    if not usable:
        raise InputError(
            "no order has enough good pixels",
            path=spectrum.metadata.path,
            value=f"{len(spectrum.orders)} orders",
            expected=f"more than {10 * (continuum_degree + 1)} pixels that are not masked",
            fix="choose other orders, or a lower --continuum-degree",
        )
    layering = Layering(choose_profile(profile), altitude=conditions.altitude)
    air = layering.air(conditions)
    low = min(order.wavelength[0] for order in usable)
    high = max(order.wavelength[-1] for order in usable)
    files = find_lines(line_lists, wavelength_range=(float(low), float(high)))
    water = read_continuum(continuum) if isinstance(continuum, str | Path) else continuum

    def observe(order: Order) -> ObservedOrder:
        return ObservedOrder(
            order,
            source or HotStar(),
            lines=_near(files.lines, order),
            layering=layering,
            air=air,
            continuum=water,
            resolving_power=power,
            degree=continuum_degree,
        )

    observed = [observe(order) for order in usable]
    say(f"fitting the air to {len(observed)} orders")
    fit = fit_atmosphere(observed, air, resolving_power=power, resolving_power_error=error, held=held)
    state = _air_at(air, fit)

    def finish(order: ObservedOrder) -> CorrectedOrder:
        refined = refine_lines(order, fit.values, state, priors=priors, free=refine)
        say(f"order {order.order.row}: {len(refined.lines)} lines refined")
        return _corrected(order.order, refined, least_transmission)

    return Correction(tuple(map_all(finish, observed)), fit, state, files.notes)


def _corrected(order: Order, refined: RefinedOrder, least: float) -> CorrectedOrder:
    seen = refined.both / refined.star
    mask = order.mask | (seen < least)
    ratio = 1 / np.maximum(seen, 1e-12)
    free = np.where(mask, np.nan, order.flux * ratio)
    noise = order.uncertainty * refined.noise_inflation * ratio
    model = refined.continuum * refined.star * refined.light_error
    return CorrectedOrder(
        row=order.row,
        wavelength=order.wavelength,
        flux=order.flux,
        uncertainty=order.uncertainty,
        mask=order.mask,
        used=refined.used,
        model=refined.continuum * refined.both,
        continuum=refined.continuum,
        star=refined.star,
        telluric=refined.telluric,
        telluric_free=free,
        telluric_free_uncertainty=np.where(mask, np.nan, np.hypot(noise, model)),
        telluric_free_mask=mask,
        refined=refined,
    )


def _air_at(air: Air, fit: PhysicalFit) -> Air:
    """The state of the air at the solution."""
    values = {name: torch.tensor(value, dtype=torch.float64) for name, value in fit.values.items()}
    gases = {
        name.removeprefix("log_"): torch.exp(value)
        for name, value in values.items()
        if name.startswith("log_") and name not in ("log_water", "log_resolving_power")
    }
    return replace(
        air,
        water=torch.exp(values["log_water"]),
        temperature_offset=values["temperature_offset"],
        scale=gases,
    )


def _near(lines: HitranLines, order: Order) -> HitranLines:
    low, high = 1e8 / order.wavelength[-1] - _FAR, 1e8 / order.wavelength[0] + _FAR
    return lines.take((lines.wavenumber > low) & (lines.wavenumber < high))


def _check_frame(spectrum: EchelleSpectrum) -> None:
    if spectrum.metadata.frame not in (None, "observatory"):
        raise InputError(
            "the wavelengths are not in the frame of the observatory, where the air is at rest",
            path=spectrum.metadata.path,
            value=spectrum.metadata.frame,
            expected="observatory",
            fix="give the spectrum before the barycentric correction, or state --frame observatory",
        )
