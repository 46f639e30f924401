"""A template as data: the forward model of one absorber at native resolution or behind a known blur."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.cloning.find_lines import TypicalWidths
from blase.constants import BOLTZMANN_OVER_AMU, SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.containers.spectrum import pixel_edges
from blase.fit.objective import Data, Objective
from blase.fit.parameters import ParameterSpace
from blase.fit.priors import LinePriorWidths, line_priors, scalar_prior
from blase.functional.grid import log_grid
from blase.functional.line_spread import velocity_sigma
from blase.functional.optical_depth import sampling
from blase.functional.pixels import pixel_weights
from blase.model.atmosphere import Atmosphere
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.instrument import LineSpread
from blase.model.lines import VoigtLines
from blase.model.star import Star
from blase.templates.template import Template

FloatArray = NDArray[np.float64]

NATIVE_ERROR = 2e-3
"""Error ascribed to a template's samples: what a sum of Voigt lines may be expected to miss [continuum]."""
NATIVE_PRIOR = LinePriorWidths(centre_shift=1.0, log_strength=2.0, log_sigma=0.4, log_gamma=1.0)
BLURRED_STELLAR_PRIOR = LinePriorWidths(centre_shift=1.0, log_strength=2.0, log_sigma=0.15, log_gamma=0.5)
BLURRED_TELLURIC_PRIOR = LinePriorWidths(centre_shift=0.5, log_strength=2.0, log_sigma=0.0, log_gamma=0.3)
BLURRED_STEP = 0.2
"""Velocity step [km/s] of the grid behind a blurred template."""
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


def _tensor(array: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))


def voigt_lines(lines: LineList) -> VoigtLines:
    """The module that holds `lines`; vanishing widths are raised to 1 m/s so that their logarithms exist."""
    return VoigtLines(
        centre=_tensor(lines.centre),
        strength=_tensor(lines.strength),
        sigma=_tensor(np.maximum(lines.sigma, 1e-3)),
        gamma=_tensor(np.maximum(lines.gamma, 1e-3)),
    )


def _orders(template: Template, blur: Blur | None, kind: str, count: int) -> list[OrderModel]:
    everything, nothing = torch.arange(count), torch.arange(0)
    stellar, telluric = (everything, nothing) if kind == "stellar" else (nothing, everything)
    if blur is None:
        return [
            OrderModel(
                sampling(_tensor(template.wavelength)), pixels=None, stellar=stellar, telluric=telluric
            )
        ]
    orders = []
    for part in template.segments():
        edges = pixel_edges(template.wavelength[part])
        margin = 1 + 8 * blur.sigma / SPEED_OF_LIGHT
        grid = log_grid(edges[0] / margin, edges[-1] * margin, step=BLURRED_STEP)
        weights = pixel_weights(grid, edges)
        orders.append(OrderModel(sampling(grid), pixels=weights, stellar=stellar, telluric=telluric))
    return orders


def template_objective(template: Template, lines: LineList, widths: TypicalWidths, kind: str) -> Objective:
    """Objective with the normalised samples of `template` as data and `lines` of one `kind` as model."""
    blur, module = blur_of(template), voigt_lines(lines)
    absorber = (
        {"star": Star(module, rotates=False)} if kind == "stellar" else {"atmosphere": Atmosphere(module)}
    )
    spread = None if blur is None else LineSpread(blur.resolving_power)
    model = SpectrumModel(_orders(template, blur, kind, len(lines)), line_spread=spread, **absorber)
    space = ParameterSpace(model, _priors(module, widths, blur, kind))
    n = len(template)
    data = Data(
        _tensor(template.normalised),
        torch.full((n,), NATIVE_ERROR, dtype=torch.float64),
        torch.ones(n, dtype=torch.bool),
    )
    return Objective(model, data, space)


def _priors(module: VoigtLines, widths: TypicalWidths, blur: Blur | None, kind: str) -> dict:
    prefix = "star" if kind == "stellar" else "atmosphere"
    blurred = BLURRED_STELLAR_PRIOR if kind == "stellar" else BLURRED_TELLURIC_PRIOR
    priors = line_priors(prefix, module, NATIVE_PRIOR if blur is None else blurred)
    for name, typical in (("log_sigma", widths.sigma), ("log_gamma", widths.gamma)):
        if f"{prefix}.lines.{name}" in priors:
            priors[f"{prefix}.lines.{name}"].mean.fill_(float(np.log(typical)))
    if blur is not None and blur.relative_error > 0:
        priors["line_spread.log_resolving_power"] = scalar_prior(
            float(np.log(blur.resolving_power)), blur.relative_error
        )
    return priors


def fitted_lines(objective: Objective, kind: str) -> LineList:
    """The lines of a fitted template model."""
    module = objective.model.star.lines if kind == "stellar" else objective.model.atmosphere.lines
    with torch.no_grad():
        centre = module.observed(0.0, torch.arange(len(module)))["centre"].numpy()
        strength, sigma, gamma = (
            torch.exp(p).numpy() for p in (module.log_strength, module.log_sigma, module.log_gamma)
        )
    return LineList(centre, strength, sigma, gamma)
