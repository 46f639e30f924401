"""What every order may have for itself besides its continuum: resolving power and corrected wavelengths."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from blase.containers.metadata import Metadata
from blase.errors import InputError
from blase.fit.parameters import Prior
from blase.functional.displaced_pixels import displaced_pixels
from blase.functional.grid import velocity_step
from blase.functional.optical_depth import Sampling
from blase.instruments.defaults import default_wavelength_uncertainty
from blase.model.forward import SpectrumModel
from blase.model.wavelength_correction import WavelengthCorrection
from blase.pipeline.options import Freedom
from blase.pipeline.prepare import Pixels

DEPARTURE_PRIOR = 0.01
"""Width of the prior of ln R of one order less that of all, zero in the mean.

A free number for every order, not a smooth curve: orders of different detectors, arms or slits share no
curve. One per cent is tight: where the widths of the template are wrong, each order would rather change its
resolving power than hundreds of lines.
"""
DEFAULT_DEGREE = 1
HIGHEST_DEGREE, LARGEST_WIDTH = 6, 20.0
"""Bounds of what a user may ask of a wavelength correction; the width in km/s."""
REACH = 6.0
"""Prior widths by which every coefficient may move the pixels within the model grid."""

Asked = float | tuple[float, int] | str | None
"""A width [km/s], a width and a degree, `"off"`, or None for the instrument's default."""


@dataclass(frozen=True)
class Correction:
    """Prior width [km/s] and degrees `lowest` ... `degree` of the correction of every order's wavelengths."""

    width: float
    degree: int
    lowest: int = 0

    @property
    def reach(self) -> float:
        """Largest displacement [km/s] for which the model grid has room."""
        return REACH * self.width * (self.degree + 1 - self.lowest)


def has_own_resolving_power(freedom: Freedom, n_orders: int, *, common_is_free: bool) -> bool:
    """Whether every order departs from the common resolving power.

    By default where there are several and the common one is not held: who holds it knows it.
    """
    name = "resolving_power_orders"
    if n_orders < 2:
        return False
    return name in freedom.freed or (name not in freedom.fixed and common_is_free)


def require_several(freedom: Freedom, n_orders: int, path: str | None) -> None:
    """Raise `InputError` where a single order is to have a resolving power besides that of all orders."""
    name = "resolving_power_orders"
    if n_orders < 2 and (name in freedom.fixed or name in freedom.freed):
        raise InputError(
            f"{name} means nothing for a single order",
            path=path,
            value=f"{n_orders} order",
            expected="two orders or more",
            fix="choose more with --order, or leave --fix and --free of it away",
        )


def parse_correction(asked: Asked) -> Correction | None:
    """The correction that a user asked for; None for `"off"` and None.

    Raises
    ------
    InputError
        for a width or a degree out of range.
    """
    if asked is None or asked == "off":
        return None
    width, degree = asked if isinstance(asked, tuple) else (asked, DEFAULT_DEGREE)
    if not isinstance(width, str) and 0 < width <= LARGEST_WIDTH and 0 <= degree <= HIGHEST_DEGREE:
        return Correction(float(width), int(degree))
    raise InputError(
        "the wavelength correction is out of range",
        value=asked,
        expected=f"off, or a width up to {LARGEST_WIDTH:g} km/s and a degree from 0 to {HIGHEST_DEGREE}",
        fix="pass --wavelength-correction KM_S[:DEGREE] (wavelength_correction=(0.5, 1)), or off",
    )


def choose_correction(
    asked: Asked, metadata: Metadata, *, anchored: bool, n_orders: int
) -> tuple[Correction | None, list[str]]:
    """The correction of a fit, and sentences that announce it; nothing is corrected without them.

    `anchored` says whether telluric lines, whose wavelengths are known, take part in the fit. Without them
    a shift common to all pixels cannot be told from the radial velocity: that of a single order is left out,
    those of several orders are zero in the mean by their priors, and the error of the radial velocity says
    how well.

    Raises
    ------
    InputError
        for what `parse_correction` refuses, and for a mere shift of a single order that nothing anchors.
    """
    correction, why = parse_correction(asked), "as asked"
    known = default_wavelength_uncertainty(metadata.instrument) if asked is None else None
    if known is not None:
        correction, why = Correction(known.width, DEFAULT_DEGREE), f"{metadata.instrument}: {known.source}"
    if correction is None:
        return None, []
    said = [
        f"the wavelengths of every order are corrected by a Legendre series of degree {correction.degree}, "
        f"prior width {correction.width:g} km/s ({why}); --wavelength-correction off takes them as they are"
    ]
    if anchored:
        return correction, said
    beyond = (
        "no telluric lines anchor the wavelengths: their common shift cannot be told from the radial velocity"
    )
    if n_orders > 1:
        share = correction.width / math.sqrt(n_orders)
        return correction, [*said, f"{beyond}, whose error includes {share:.2g} km/s for it"]
    if correction.degree == 0:
        raise InputError(
            "a shift of all wavelengths cannot be told from the radial velocity",
            path=metadata.path,
            value="a wavelength correction of degree 0 and no telluric lines",
            expected="telluric lines in the fit, or a correction of degree 1 or more",
            fix="give --telluric (telluric=...), or another --wavelength-correction",
        )
    return replace(correction, lowest=1), [*said, f"{beyond} and is left out"]


def correction_module(
    correction: Correction | None, pixels: Pixels, grid: Sampling, coordinate: torch.Tensor
) -> WavelengthCorrection | None:
    """The part of an order's model that displaces its pixels; `coordinate` as for its continuum."""
    if correction is None:
        return None
    return WavelengthCorrection(
        displaced_pixels(grid.wavelength, pixels.bounds),
        coordinate,
        step=velocity_step(grid.wavelength),
        degree=correction.degree,
        lowest=correction.lowest,
    )


def order_priors(model: SpectrumModel, correction: Correction | None) -> dict[str, Prior]:
    """Priors, zero in the mean, of what every order has for itself besides its continuum."""
    widths = {"log_resolving_power_departure": DEPARTURE_PRIOR}
    widths["wavelength_correction.coefficients"] = math.nan if correction is None else correction.width
    return {
        name: Prior(torch.zeros_like(value), torch.full_like(value, width))
        for name, value in model.named_parameters()
        for ending, width in widths.items()
        if name.endswith(ending)
    }
