"""A template as data: the forward model of one absorber at native resolution or behind a known blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.cloning.find_lines import TypicalWidths
from blase.cloning.wing_blends import BLEND_PRIOR, FLOORED_PRIOR, blends
from blase.constants import BOLTZMANN_OVER_AMU, SPEED_OF_LIGHT
from blase.containers.line_list import FLOOR_COLUMNS, LineList
from blase.containers.spectrum import pixel_edges
from blase.fit.objective import Data, Objective
from blase.fit.parameters import ParameterSpace
from blase.fit.priors import FloorPriorWidths, LinePriorWidths, floor_priors, line_priors, scalar_prior
from blase.functional.grid import log_grid
from blase.functional.line_spread import velocity_sigma
from blase.functional.optical_depth import sampling
from blase.functional.pixels import PixelWeights, pixel_weights
from blase.functional.reach import reaching
from blase.model.atmosphere import Atmosphere
from blase.model.core_floor import CoreFloors
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.instrument import LineSpread
from blase.model.lines import VoigtLines
from blase.model.star import Star
from blase.templates.template import Template

FloatArray = NDArray[np.float64]

NATIVE_ERROR = 2e-3
"""Error ascribed to a template's samples: what a sum of Voigt lines may be expected to miss [continuum]."""
NATIVE_PRIOR = LinePriorWidths(centre_shift=1.0, log_strength=2.0, log_sigma=0.4, log_gamma=1.0)
NATIVE_FLOOR_PRIOR = FloorPriorWidths(
    logit_core_floor=0.3, logit_wing_floor=0.5, log_core_opacity=2.0, log_wing_power=0.2
)
BLURRED_STELLAR_PRIOR = LinePriorWidths(centre_shift=1.0, log_strength=2.0, log_sigma=0.15, log_gamma=0.5)
BLURRED_TELLURIC_PRIOR = LinePriorWidths(centre_shift=0.5, log_strength=2.0, log_sigma=0.0, log_gamma=0.3)
LEAST_WIDTH = 1e-3
"""Least sigma and gamma [km/s]."""
BLURRED_STEP = 0.2
"""Velocity step [km/s] of the grid behind a blurred template."""
GROWTH = 30.0
"""A line is left out of a piece of a blurred template only if so many times its strength would not matter."""
UNKNOWN_RESOLVING_POWER = (60_000.0, 0.3)
"""Start and relative prior width where a template's resolving power is to be found by the fit."""

_TELLURIC_TEMPERATURE = 270.0  # K, where most of the column is
_WATER_MASS = 18.0
_PRESSURE_HALF_WIDTH = (
    0.06  # cm^-1, air-broadened HWHM of near-infrared water lines at the mean pressure of their column
)


def telluric_widths(wavelength: float) -> TypicalWidths:
    """Thermal sigma of water at 270 K and a pressure-broadened gamma of 0.06 cm^-1, as velocities [km/s]."""
    sigma = float(np.sqrt(BOLTZMANN_OVER_AMU * _TELLURIC_TEMPERATURE / _WATER_MASS))
    return TypicalWidths(sigma, _PRESSURE_HALF_WIDTH * wavelength * 1e-8 * SPEED_OF_LIGHT)


@dataclass(frozen=True)
class Blur:
    """Resolving power of a template and the relative width of the belief in it (0: exact)."""

    resolving_power: float
    relative_error: float

    @property
    def sigma(self) -> float:
        """Standard deviation [km/s]."""
        return float(velocity_sigma(self.resolving_power))


def blur_of(template: Template) -> Blur | None:
    """The declared blur of `template`, None where it is native."""
    if template.fit_resolving_power:
        return Blur(*UNKNOWN_RESOLVING_POWER)
    if template.resolving_power is None:
        return None
    return Blur(template.resolving_power, (template.resolving_power_error or 0.0) / template.resolving_power)


def samples_of(template: Template, which: NDArray[np.int64]) -> Template:
    """The samples `which` (k,) of `template`, at least two."""
    names = ("wavelength", "normalised", "continuum")
    return replace(template, **{name: getattr(template, name)[which] for name in names})


def with_known_blur(template: Template, resolving_power: float | None) -> Template:
    """The same template, its resolving power declared to be exactly this, or None where it is native."""
    return replace(
        template, resolving_power=resolving_power, resolving_power_error=None, fit_resolving_power=False
    )


def _tensor(array: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))


def voigt_lines(lines: LineList, *, species: Sequence[str] = ()) -> VoigtLines:
    """The module that holds `lines`; vanishing widths are raised to `LEAST_WIDTH`, for their logarithms.

    Lines of each of the `species`, where there are several, share a scale of their own.
    """
    several = len(species) > 1 and lines.species is not None
    return VoigtLines(
        centre=_tensor(lines.centre),
        strength=_tensor(lines.strength),
        sigma=_tensor(np.maximum(lines.sigma, LEAST_WIDTH)),
        gamma=_tensor(np.maximum(lines.gamma, LEAST_WIDTH)),
        floors=_core_floors(lines),
        species=[str(name) for name in lines.species] if several and lines.species is not None else None,
        among=species if several else (),
    )


def _core_floors(lines: LineList) -> CoreFloors | None:
    if not lines.floored.size:
        return None
    return CoreFloors(
        torch.from_numpy(lines.floored), **{name: _tensor(values) for name, values in lines.floors().items()}
    )


def optical_depth_of(lines: LineList, wavelength: FloatArray) -> FloatArray:
    """Optical depth (n,) of `lines` at rest on the increasing `wavelength` (n,) [Angstrom], n >= 2."""
    with torch.no_grad():
        return voigt_lines(lines)(sampling(_tensor(wavelength)), 0.0, torch.arange(len(lines))).numpy()


def _reaching(lines: LineList, wavelength: FloatArray, *, growth: float = 1.0) -> Tensor:
    scale = lines.centre / SPEED_OF_LIGHT
    return reaching(
        wavelength,
        centre=lines.centre,
        strength=growth * lines.strength,
        sigma=lines.sigma * scale,
        gamma=lines.gamma * scale,
    )


def _order(
    grid: Tensor, kind: str, lines: LineList, others: LineList, pixels: PixelWeights | None
) -> OrderModel:
    """Grid and pixels of a piece, its lines, and the `others` in the place of the other absorber."""
    own = _reaching(lines, grid.numpy(), growth=GROWTH)
    beside = _reaching(others, grid.numpy())
    stellar, telluric = (own, beside) if kind == "stellar" else (beside, own)
    return OrderModel(sampling(grid), pixels=pixels, stellar=stellar, telluric=telluric)


def _native_order(template: Template, kind: str, lines: LineList, others: LineList) -> OrderModel:
    """The very samples of `template`, with the light that the `others` leave as a fixed factor."""
    everything, nothing = torch.arange(len(lines)), torch.arange(0)
    stellar, telluric = (everything, nothing) if kind == "stellar" else (nothing, everything)
    beside = others.take(_reaching(others, template.wavelength).numpy())
    light = _tensor(np.exp(-optical_depth_of(beside, template.wavelength))) if len(beside) else None
    grid = sampling(_tensor(template.wavelength))
    return OrderModel(grid, pixels=None, stellar=stellar, telluric=telluric, blaze=light)


def _blurred_orders(
    template: Template, blur: Blur, kind: str, lines: LineList, others: LineList
) -> list[OrderModel]:
    orders = []
    for part in template.segments():
        edges = pixel_edges(template.wavelength[part])
        margin = 1 + 8 * blur.sigma / SPEED_OF_LIGHT
        grid = log_grid(edges[0] / margin, edges[-1] * margin, step=BLURRED_STEP)
        orders.append(_order(grid, kind, lines, others, pixel_weights(grid, edges)))
    return orders


def _model(
    orders: list[OrderModel], module: VoigtLines, others: LineList, kind: str, spread: LineSpread | None
) -> SpectrumModel:
    """The lines of one kind, and in the place of the other the lines that are held."""
    held = voigt_lines(others) if len(others) else None
    stellar, telluric = (module, held) if kind == "stellar" else (held, module)
    star = None if stellar is None else Star(stellar, rotates=False)
    atmosphere = None if telluric is None else Atmosphere(telluric)
    return SpectrumModel(orders, star=star, atmosphere=atmosphere, line_spread=spread)


def template_objective(
    template: Template,
    lines: LineList,
    widths: TypicalWidths,
    kind: str,
    *,
    others: LineList | None = None,
    resolving_power: float | None = None,
    narrow: NDArray[np.bool_] | None = None,
) -> Objective:
    """Objective with the normalised samples of `template` as data and `lines` of one `kind` as model.

    Parameters
    ----------
    widths : what sigma and gamma are believed to be.
    others : lines that are there too but are not to be fitted.
    resolving_power : where the fit of an unknown blur starts, if not at what is believed of it.
    narrow : which lines (n_lines,) are held to the widths of ordinary lines, by default the blends in the
        wings of lines with floors.
    """
    blur, module = blur_of(template), voigt_lines(lines)
    beside = lines.take(slice(0, 0)) if others is None else others
    if blur is None:
        orders = [_native_order(template, kind, lines, beside)]
        model = _model(orders, module, beside.take(slice(0, 0)), kind, None)
    else:
        orders = _blurred_orders(template, blur, kind, lines, beside)
        spread = LineSpread(resolving_power or blur.resolving_power)
        model = _model(orders, module, beside, kind, spread)
    held = torch.from_numpy(blends(lines, beside) if narrow is None else narrow)
    space = ParameterSpace(model, _priors(module, widths, blur, kind, held))
    n = len(template)
    data = Data(
        _tensor(template.normalised),
        torch.full((n,), NATIVE_ERROR, dtype=torch.float64),
        torch.ones(n, dtype=torch.bool),
    )
    return Objective(model, data, space)


def _priors(module: VoigtLines, widths: TypicalWidths, blur: Blur | None, kind: str, narrow: Tensor) -> dict:
    prefix = "star" if kind == "stellar" else "atmosphere"
    blurred = BLURRED_STELLAR_PRIOR if kind == "stellar" else BLURRED_TELLURIC_PRIOR
    priors = line_priors(prefix, module, NATIVE_PRIOR if blur is None else blurred)
    for name, typical in (("log_sigma", widths.sigma), ("log_gamma", widths.gamma)):
        if f"{prefix}.lines.{name}" in priors:
            priors[f"{prefix}.lines.{name}"].mean.fill_(float(np.log(typical)))
            priors[f"{prefix}.lines.{name}"].width[narrow] = BLEND_PRIOR[name]
            if module.floors is not None:
                priors[f"{prefix}.lines.{name}"].width[module.floors.index] = FLOORED_PRIOR[name]
    priors |= floor_priors(prefix, module, NATIVE_FLOOR_PRIOR)
    if blur is not None and blur.relative_error > 0:
        priors["line_spread.log_resolving_power"] = scalar_prior(
            float(np.log(blur.resolving_power)), blur.relative_error
        )
    return priors


def fitted_lines(objective: Objective, kind: str, lines: LineList) -> LineList:
    """The lines of a fitted template model that was made of `lines`, sorted anew."""
    module = objective.model.star.lines if kind == "stellar" else objective.model.atmosphere.lines
    with torch.no_grad():
        centre = module.observed(0.0, torch.arange(len(module)))["centre"].numpy()
        strength, sigma, gamma = (
            torch.exp(p).numpy() for p in (module.log_strength, module.log_sigma, module.log_gamma)
        )
    return replace(
        lines, centre=centre, strength=strength, sigma=sigma, gamma=gamma, **_fitted_floors(module)
    )


def _fitted_floors(module: VoigtLines) -> dict[str, Any]:
    """The columns of floors (n_lines,) of a fitted model; none where no line has one."""
    if module.floors is None:
        return {}
    columns = {name: np.full(len(module), np.nan) for name in FLOOR_COLUMNS}
    with torch.no_grad():
        for name, values in module.floors.levels(torch.arange(len(module.floors))).items():
            columns[name][module.floors.index.numpy()] = values.numpy()
    return columns
