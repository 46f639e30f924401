"""Assemble the standard forward model, its priors and its objective for a set of orders."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from blase.atmosphere.airglow import AirglowLines
from blase.cloning.clone import Clone
from blase.cloning.template_model import voigt_lines
from blase.constants import SPEED_OF_LIGHT
from blase.fit.objective import Data, Objective
from blase.fit.parameters import ParameterSpace, Prior
from blase.fit.priors import (
    STELLAR,
    TELLURIC,
    FloorPriorWidths,
    LinePriorWidths,
    floor_priors,
    line_priors,
    scalar_prior,
)
from blase.functional.continuum import normalised_coordinate
from blase.functional.reach import reaching
from blase.model.atmosphere import Atmosphere
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.instrument import LegendreContinuum, LineSpread
from blase.model.lines import VoigtLines
from blase.model.star import Star
from blase.pipeline.added_lines import with_added
from blase.pipeline.airglow import airglow_module, airglow_priors
from blase.pipeline.options import AIRGLOW_VELOCITY, CORE_FLOOR, STELLAR_SCALES, TELLURIC_SCALES, Freedom
from blase.pipeline.order_freedom import (
    Correction,
    correction_module,
    has_own_resolving_power,
    order_priors,
)
from blase.pipeline.prepare import Grid, Pixels, grid_step, lines_that_matter, order_grid
from blase.pipeline.regularisation import Regularisation

VELOCITY_PRIOR = 50.0
"""Width of the prior of the radial velocity about its starting value [km/s]: wide on purpose."""
WIND_PRIOR = 0.1
"""Width of the prior of the wind velocity [km/s]."""
VSINI_SQUARED_PRIOR = 1e4
"""Width of the prior of vsini squared about zero [km^2/s^2]."""
MACROTURBULENCE_SQUARED_PRIOR = 100.0
"""Width of the prior of macroturbulence squared about zero [km^2/s^2]."""
FIRST_MACROTURBULENCE = 3.0
"""Where a free macroturbulence begins [km/s]."""
CONTINUUM_PRIOR = 1.0
"""Width of the prior of every continuum coefficient, in units of the order's median flux."""
SCALE_PRIORS = {
    "stellar": {"strength": 0.5, "sigma": 0.1, "gamma": 0.5},
    "telluric": {"strength": 1.0, "gamma": 0.3},
}
"""Widths of the priors of the scales shared by all lines of a class [natural logarithm]."""
LIMB_DARKENING_PRIOR = 0.1
LINE_SPREAD_SHAPE_PRIOR = 0.05
MARGIN = 150.0
"""Lines within this velocity of an order are in its reach [km/s]."""
GROWTH = 30.0
"""Factor by which strength times gamma of a line may grow before its wings could be missed."""


@dataclass(frozen=True)
class Settings:
    """Everything but the data that defines a fit.

    Velocities in km/s; `species` are the molecules of the air that have a scale each; `resolving_power` and
    its error; `wind_velocity` of the air in the frame of the data.
    """

    star: Clone
    telluric: Clone | None
    radial_velocity: float
    vsini: float
    wind_velocity: float
    resolving_power: float
    resolving_power_error: float
    limb_darkening: float
    continuum_degree: int
    freedom: Freedom
    macroturbulence: float = 0.0
    airglow: AirglowLines | None = None
    species: tuple[str, ...] = ()
    wavelength_correction: Correction | None = None
    stellar_prior: LinePriorWidths = STELLAR
    telluric_prior: LinePriorWidths = TELLURIC
    regularisation: Regularisation = field(default_factory=Regularisation)


def in_reach(clone: Clone, pixels: list[Pixels], velocity: float) -> NDArray[np.bool_]:
    """Which lines (n_lines,) lie within `MARGIN` of any of the orders or have wings that reach one.

    They move at `velocity` [km/s]; the rest would burden the fit.
    """
    factor = (1 + velocity / SPEED_OF_LIGHT, 1 + MARGIN / SPEED_OF_LIGHT)
    keep = np.zeros(len(clone.lines), dtype=bool)
    for order in pixels:
        low, high = order.edges[0] / factor[0] / factor[1], order.edges[-1] / factor[0] * factor[1]
        keep |= (clone.lines.centre >= low) & (clone.lines.centre <= high)
        keep[lines_that_matter(clone.lines, order.edges, velocity, gain=GROWTH).numpy()] = True
    return keep


def _reaching(clone: Clone, pixels: list[Pixels], velocity: float) -> Clone:
    keep = in_reach(clone, pixels, velocity)
    return Clone(clone.kind, clone.lines.take(keep), clone.wavelength_range, clone.summary)


def within_reach(settings: Settings, pixels: list[Pixels]) -> Settings:
    """The same settings with only those lines that are in reach of an order."""
    star = _reaching(settings.star, pixels, settings.radial_velocity)
    telluric = settings.telluric and _reaching(settings.telluric, pixels, settings.wind_velocity)
    species = settings.species or _species(telluric)
    return replace(settings, star=star, telluric=telluric, species=species)


def _species(telluric: Clone | None) -> tuple[str, ...]:
    """Molecules of the lines of the air, where these are known."""
    if telluric is None or telluric.lines.species is None:
        return ()
    return tuple(str(name) for name in np.unique(telluric.lines.species))


def order_grids(pixels: list[Pixels], settings: Settings) -> list[Grid]:
    """Model grid and pixel weights of every order: they do not change while an order is fitted."""
    telluric, correction = settings.telluric, settings.wavelength_correction
    step = grid_step(settings.star.lines, *([telluric.lines] if telluric else []))
    margin = (
        max(1.5 * settings.vsini + 3 * settings.macroturbulence, 30.0)
        + 10
        + (correction.reach if correction else 0.0)
    )
    power = settings.resolving_power
    return [order_grid(p, step=step, margin=margin, resolving_power=power) for p in pixels]


def _order_model(pixels: Pixels, settings: Settings, on: Grid, *, own_power: bool) -> OrderModel:
    correction, (grid, weights) = settings.wavelength_correction, on
    coordinate = normalised_coordinate(torch.from_numpy(pixels.wavelength))
    telluric = settings.telluric
    return OrderModel(
        grid,
        pixels=weights,
        stellar=lines_that_matter(settings.star.lines, grid.array, settings.radial_velocity),
        telluric=(
            lines_that_matter(telluric.lines, grid.array, settings.wind_velocity)
            if telluric
            else torch.arange(0)
        ),
        continuum=LegendreContinuum(coordinate, degree=settings.continuum_degree),
        blaze=pixels.blaze,
        own_resolving_power=own_power,
        wavelength_correction=correction_module(correction, pixels, grid, coordinate),
        airglow=airglow_module(settings.airglow, pixels, grid, settings.wind_velocity),
    )


def build_model(pixels: list[Pixels], settings: Settings, grids: list[Grid] | None = None) -> SpectrumModel:
    """The forward model of all orders at the starting values; `grids` as from `order_grids`, if known."""
    telluric = settings.telluric
    star = Star(
        voigt_lines(settings.star.lines),
        radial_velocity=settings.radial_velocity,
        vsini=settings.vsini,
        limb_darkening=settings.limb_darkening,
        macroturbulence=settings.macroturbulence,
    )
    atmosphere = None
    if telluric is not None:
        atmosphere = Atmosphere(
            voigt_lines(telluric.lines, species=settings.species), wind_velocity=settings.wind_velocity
        )
    spread = LineSpread(settings.resolving_power, gaussian="line_spread_shape" not in settings.freedom.freed)
    own_power = has_own_resolving_power(
        settings.freedom, len(pixels), common_is_free=_resolving_power_is_free(settings)
    )
    grids = grids or order_grids(pixels, settings)
    orders = [
        _order_model(p, settings, grid, own_power=own_power) for p, grid in zip(pixels, grids, strict=True)
    ]
    return SpectrumModel(orders, star=star, atmosphere=atmosphere, line_spread=spread)


def reconsider_reach(model: SpectrumModel) -> None:
    """Decide anew which lines matter in which order, as strong and as broad as they are now."""
    parts = (("stellar", model.star, "radial_velocity"), ("telluric", model.atmosphere, "wind_velocity"))
    for name, part, velocity in parts:
        if part is None:
            continue
        with torch.no_grad():
            seen = part.lines.observed(getattr(part, velocity), torch.arange(len(part.lines)))
        arrays = {key: value.numpy() for key, value in seen.items()}
        for order in model.orders:
            setattr(order, name, reaching(order.grid.array, **arrays))


def build_priors(model: SpectrumModel, settings: Settings) -> dict[str, Prior]:
    """Priors of every free parameter; what is frozen has none."""
    free = settings.freedom.is_free
    priors: dict[str, Prior] = {}
    if free("radial_velocity"):
        priors["star.radial_velocity"] = scalar_prior(settings.radial_velocity, VELOCITY_PRIOR)
    if free("vsini"):
        priors["star.vsini_squared"] = scalar_prior(0.0, VSINI_SQUARED_PRIOR, lower=0.0)
    if free("limb_darkening"):
        priors["star.limb_darkening"] = scalar_prior(settings.limb_darkening, LIMB_DARKENING_PRIOR, lower=0.0)
    if free("macroturbulence"):
        priors["star.macroturbulence_squared"] = scalar_prior(0.0, MACROTURBULENCE_SQUARED_PRIOR, lower=0.0)
    if _resolving_power_is_free(settings):
        relative = settings.resolving_power_error / settings.resolving_power
        priors["line_spread.log_resolving_power"] = scalar_prior(
            float(np.log(settings.resolving_power)), relative
        )
    if free("line_spread_shape"):
        for name in ("line_spread.h3", "line_spread.h4"):
            priors[name] = scalar_prior(0.0, LINE_SPREAD_SHAPE_PRIOR)
    if model.atmosphere is not None and free("wind_velocity"):
        priors["atmosphere.wind_velocity"] = scalar_prior(settings.wind_velocity, WIND_PRIOR)
    if free("continuum"):
        for name, value in model.named_parameters():
            if name.endswith("continuum.coefficients"):
                priors[name] = Prior(value.detach().clone(), torch.full_like(value, CONTINUUM_PRIOR))
    priors |= order_priors(model, settings.wavelength_correction) | airglow_priors(
        model, moving=free(AIRGLOW_VELOCITY)
    )
    if model.star is not None and free(CORE_FLOOR):
        priors |= floor_priors("star", model.star.lines, FloorPriorWidths())
    return priors | _scale_priors(model, settings) | _line_priors(model, settings)


def _resolving_power_is_free(settings: Settings) -> bool:
    return settings.freedom.is_free("resolving_power") and settings.resolving_power_error > 0


def _scale_priors(model: SpectrumModel, settings: Settings) -> dict[str, Prior]:
    """Scales shared by all lines of a class, free where single lines of that class are; of strength one for
    every molecule of the air whose lines are known to be its.

    Those of the star only if asked for: vsini, the resolving power and a width that all lines share can
    hardly be told apart, and where thousands of lines move the most probable values of these three lie
    several of their errors from their means.
    """
    priors: dict[str, Prior] = {}
    for origin, prefix, part in (
        ("stellar", "star", model.star),
        ("telluric", "atmosphere", model.atmosphere),
    ):
        if part is None or (origin == "stellar" and not settings.freedom.is_free(STELLAR_SCALES)):
            continue
        if origin == "telluric" and not settings.freedom.is_free(TELLURIC_SCALES):
            continue
        for kind, width in SCALE_PRIORS[origin].items():
            if f"{origin}_{kind}" in settings.freedom.fixed:
                continue
            of_strength = [name for name, _ in part.lines.strength_scales()]
            for name in of_strength if kind == "strength" else [f"log_{kind}_scale"]:
                priors[f"{prefix}.lines.{name}"] = scalar_prior(0.0, width)
    return priors


def _line_priors(model: SpectrumModel, settings: Settings) -> dict[str, Prior]:
    resolution = SPEED_OF_LIGHT / settings.resolving_power
    sources: list[tuple[str, str, VoigtLines, LinePriorWidths]] = []
    if model.star is not None:
        sources.append(("stellar", "star", model.star.lines, settings.stellar_prior))
    if model.atmosphere is not None:
        sources.append(("telluric", "atmosphere", model.atmosphere.lines, settings.telluric_prior))
    priors: dict[str, Prior] = {}
    for origin, prefix, lines, widths in sources:
        shapes = settings.regularisation.shapes_of(origin)
        found = line_priors(prefix, lines, widths, shapes)
        if origin == "stellar":
            found = with_added(found, settings.star.lines.is_added, resolution=resolution)
        for name, prior in found.items():
            short = name.rsplit(".", 1)[1].removeprefix("log_").removesuffix("_shift")
            if f"{origin}_{short}" not in settings.freedom.fixed:
                priors[name] = prior
    return priors


def build_objective(
    pixels: list[Pixels],
    settings: Settings,
    noise_inflation: np.ndarray,
    enlargement: np.ndarray,
    grids: list[Grid] | None = None,
) -> Objective[SpectrumModel]:
    """Objective of all orders, each order's errors enlarged by its `noise_inflation` (n_orders,), every
    pixel's by its `enlargement` (n_pixels,); `grids` as in `build_model`.
    """
    model = build_model(pixels, settings, grids)
    sigma = torch.cat([p.sigma * float(f) for p, f in zip(pixels, noise_inflation, strict=True)])
    sigma = sigma * torch.from_numpy(enlargement)
    data = Data(torch.cat([p.flux for p in pixels]), sigma, torch.cat([p.used for p in pixels]))
    return Objective(model, data, ParameterSpace(model, build_priors(model, settings)))
