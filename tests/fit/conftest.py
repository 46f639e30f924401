"""A small simulated order behind an atmosphere, and the objective of fitting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from blase.fit.objective import Data, Objective
from blase.fit.parameters import ParameterSpace, Prior
from blase.fit.priors import FloorPriorWidths, LinePriorWidths, floor_priors, line_priors, scalar_prior
from blase.functional.continuum import normalised_coordinate
from blase.functional.displaced_pixels import displaced_pixels
from blase.functional.grid import log_grid
from blase.functional.optical_depth import Sampling, sampling
from blase.functional.pixels import pixel_weights
from blase.model.airglow import Airglow
from blase.model.atmosphere import Atmosphere
from blase.model.core_floor import CoreFloors
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.instrument import LegendreContinuum, LineSpread
from blase.model.lines import VoigtLines
from blase.model.star import Star
from blase.model.wavelength_correction import WavelengthCorrection

STELLAR_WIDTHS = LinePriorWidths(centre_shift=0.3, log_strength=0.5, log_sigma=0.15, log_gamma=0.3)
TELLURIC_WIDTHS = LinePriorWidths(centre_shift=0.03, log_strength=0.2, log_sigma=0.0, log_gamma=0.15)


def double(values) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def voigt_lines(
    table: np.ndarray,
    floors: dict[int, tuple[float, ...]] | None = None,
    species: tuple[str, ...] | None = None,
) -> VoigtLines:
    """Lines from rows of centre [Angstrom], strength [Angstrom], sigma and gamma [km/s].

    `floors` holds core floor, wing floor, core opacity and wing power of some of them, by their row.
    """
    centre, strength, sigma, gamma = double(table).T
    some = None
    if floors:
        core, wing, opacity, power = double(list(floors.values())).T
        some = CoreFloors(
            torch.tensor(list(floors)),
            core_floor=core,
            wing_floor=wing,
            core_opacity=opacity,
            wing_power=power,
        )
    return VoigtLines(
        centre=centre, strength=strength, sigma=sigma, gamma=gamma, floors=some, species=species
    )


def random_table(count: int, lower: float, upper: float, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    centre = np.linspace(lower, upper, count) + draw.uniform(-0.15, 0.15, count)
    shape = (
        10 ** draw.uniform(-2, -0.7, count),
        draw.uniform(1.5, 2.5, count),
        draw.uniform(0.05, 0.4, count),
    )
    return np.stack([centre, *shape], axis=1)


@dataclass
class Scene:
    """An objective whose data were drawn from its own model at `truth`, plus noise."""

    objective: Objective
    truth: torch.Tensor

    @property
    def model(self) -> SpectrumModel:
        return self.objective.model

    @property
    def space(self) -> ParameterSpace:
        return self.objective.space

    @property
    def start(self) -> torch.Tensor:
        return self.space.pack(self.model)


def build_order(
    edges: np.ndarray,
    stellar: int,
    telluric: int,
    *,
    margin: float = 1.5,
    own: bool = False,
    emission: tuple[float, ...] = (),
) -> OrderModel:
    """An order; `own` resolving power and wavelength correction where asked for, `emission` at places."""
    grid = log_grid(edges[0] - margin, edges[-1] + margin, step=0.3)
    middle = double(0.5 * (edges[1:] + edges[:-1]))
    correction = None
    if own:
        pixels = displaced_pixels(grid, np.stack([edges[:-1], edges[1:]], axis=1))
        correction = WavelengthCorrection(pixels, normalised_coordinate(middle), step=0.3, degree=1)
    return OrderModel(
        own_resolving_power=own,
        wavelength_correction=correction,
        grid=sampling(grid),
        pixels=pixel_weights(grid, edges),
        stellar=torch.arange(stellar),
        telluric=torch.arange(telluric),
        continuum=LegendreContinuum(normalised_coordinate(middle), degree=2),
        blaze=torch.linspace(0.8, 1.0, len(middle), dtype=torch.float64),
        airglow=build_airglow(sampling(grid), emission) if emission else None,
    )


def build_airglow(grid: Sampling, emission: tuple[float, ...]) -> Airglow:
    """Narrow lines at `emission` [Angstrom], the first two in one group, as bright as the continuum."""
    centre = double(emission)
    airglow = Airglow(
        grid,
        centre=centre,
        sigma=1e-6 * centre,
        gamma=1e-8 * centre,
        share=torch.where(torch.arange(len(emission)) < 2, 0.5, 1.0).to(torch.float64),
        group=torch.arange(len(emission)).clamp(min=1) - 1,
    )
    with torch.no_grad():
        airglow.amplitudes.fill_(0.1)
    return airglow


def build_priors(model: SpectrumModel) -> dict[str, Prior]:
    priors = {
        "star.radial_velocity": scalar_prior(float(model.star.radial_velocity.detach()), 5.0),
        "star.vsini_squared": scalar_prior(0.0, 50.0, lower=0.0),
        "line_spread.log_resolving_power": scalar_prior(
            float(model.line_spread.log_resolving_power.detach()), 0.03
        ),
        **line_priors("star", model.star.lines, STELLAR_WIDTHS),
        **floor_priors("star", model.star.lines, FloorPriorWidths()),
    }
    if isinstance(model.line_spread.h3, torch.nn.Parameter):
        for name in ("h3", "h4"):
            priors[f"line_spread.{name}"] = scalar_prior(
                float(getattr(model.line_spread, name).detach()), 0.1
            )
    if model.star.macroturbulence_squared is not None:
        priors["star.macroturbulence_squared"] = scalar_prior(0.0, 50.0, lower=0.0)
    prefixes = ["star"]
    if model.atmosphere is not None:
        priors["atmosphere.wind_velocity"] = scalar_prior(0.0, 0.2)
        priors |= line_priors("atmosphere", model.atmosphere.lines, TELLURIC_WIDTHS)
        prefixes.append("atmosphere")
    for prefix in prefixes:
        of_strength = [name for name, _ in getattr(model, prefix).lines.strength_scales()]
        for name in (*of_strength, "log_sigma_scale", "log_gamma_scale"):
            priors[f"{prefix}.lines.{name}"] = scalar_prior(0.0, 0.1)
    widths = {
        "continuum.coefficients": 0.5,
        "airglow.amplitudes": 0.05,
        "airglow.velocity": 0.2,
        "resolving_power_departure": 0.03,
        "correction.coefficients": 0.4,
    }
    for name, value in model.named_parameters():
        for ending, width in widths.items():
            if name.endswith(ending):
                priors[name] = Prior(value.detach().clone(), torch.full_like(value, width))
    return priors


def build_scene(
    *,
    stellar: np.ndarray | None = None,
    telluric: np.ndarray | None = None,
    edges: tuple[np.ndarray, ...] = (np.arange(8630.0, 8637.0, 0.06),),
    vsini: float = 3.0,
    macroturbulence: float = 0.0,
    noise: float = 0.01,
    seed: int = 1,
    hermite: tuple[float, float] | None = None,
    own: bool = False,
    floors: dict[int, tuple[float, ...]] | None = None,
    species: tuple[str, ...] | None = None,
    emission: tuple[float, ...] = (),
) -> Scene:
    """Fifteen lines, twelve of the star, unless told otherwise; truth one half prior width from the start.

    `floors` are of rows of `stellar`, `species` those of `telluric`.
    """
    stellar = random_table(12, 8630.5, 8636.5, 11) if stellar is None else stellar
    telluric = random_table(3, 8631.2, 8635.7, 12) if telluric is None else telluric
    model = SpectrumModel(
        [build_order(e, len(stellar), len(telluric), own=own, emission=emission) for e in edges],
        star=Star(
            voigt_lines(stellar, floors), radial_velocity=4.0, vsini=vsini, macroturbulence=macroturbulence
        ),
        atmosphere=Atmosphere(voigt_lines(telluric, None, species)) if len(telluric) else None,
        line_spread=LineSpread(55_000.0, gaussian=hermite is None),
    )
    if hermite is not None:
        with torch.no_grad():
            for parameter, value in zip((model.line_spread.h3, model.line_spread.h4), hermite, strict=True):
                parameter.fill_(value)
    space = ParameterSpace(model, build_priors(model))
    draw = np.random.default_rng(seed)
    truth = np.maximum(
        space.pack(model).numpy() + 0.5 * draw.standard_normal(space.size), space.lower_bounds()
    )
    with torch.no_grad():
        flux = torch.func.functional_call(model, space.unpack(double(truth)), ())
    sigma = torch.full_like(flux, noise)
    used = torch.ones_like(flux, dtype=torch.bool)
    used[40:44] = False
    noisy = flux + sigma * double(draw.standard_normal(len(flux)))
    return Scene(Objective(model, Data(noisy, sigma, used), space), double(truth))


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Scene]:
    return build_scene
