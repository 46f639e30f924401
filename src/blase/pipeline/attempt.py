"""One descent with given errors and prior widths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from blase.fit.descent import Solution
from blase.fit.levenberg_marquardt import minimise_structured
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.objective import Objective
from blase.fit.stretches import Stretches
from blase.functional.doppler import doppler_factor
from blase.model.core_floor import FLOOR_PARAMETERS
from blase.model.forward import SpectrumModel
from blase.pipeline.build import Settings, build_objective, order_grids, reconsider_reach
from blase.pipeline.prepare import Grid, Pixels
from blase.pipeline.state import FloatArray, Start

Progress = Callable[[dict[str, Any]], None]

SWEEPS = 1
"""Descents in windows before every step of all lines together."""


def order_slices(pixels: list[Pixels]) -> list[slice]:
    """Where every order lies in the concatenated pixels."""
    ends = np.cumsum([p.flux.numel() for p in pixels])
    return [slice(int(end) - p.flux.numel(), int(end)) for p, end in zip(pixels, ends, strict=True)]


def deviations(objective: Objective[SpectrumModel], z: torch.Tensor) -> FloatArray:
    """(flux - model) / error (n_pixels,) at `z`, zero where unused."""
    with torch.no_grad():
        return objective.residuals(z).numpy()


def objective_at(
    pixels: list[Pixels], settings: Settings, state: Start, grids: list[Grid] | None = None
) -> Objective[SpectrumModel]:
    """The objective under the errors and prior widths of `state`; `grids` as in `build_model`."""
    believed = replace(settings, stellar_prior=state.stellar_prior, telluric_prior=state.telluric_prior)
    return build_objective(pixels, believed, state.noise_inflation, state.enlargement, grids)


def _stretches(objective: Objective[SpectrumModel], pixels: list[Pixels]) -> Stretches:
    """Stretches of neighbouring lines, star and atmosphere together, by observed wavelength."""
    model, space = objective.model, objective.space
    wavelength = np.full(space.size, np.nan)
    parts = {}
    if model.star is not None:
        parts["star"] = (model.star.lines, model.star.radial_velocity)
    if model.atmosphere is not None:
        parts["atmosphere"] = (model.atmosphere.lines, model.atmosphere.wind_velocity)
    for name, where in space.slices.items():
        kind = name.rsplit(".", 1)[1]
        if kind in (*LINE_PARAMETERS, *FLOOR_PARAMETERS):
            lines, velocity = parts[name.split(".", 1)[0]]
            centre = lines.centre if kind in LINE_PARAMETERS else lines.floored_centre
            wavelength[where] = (centre * doppler_factor(velocity.detach())).numpy()
    return Stretches.by_wavelength(np.concatenate([p.wavelength for p in pixels]), wavelength)


class Attempts:
    """Descends from one state after another, and remembers the way.

    `history` holds one entry an iteration; `progress` is called with the same.
    """

    def __init__(
        self, pixels: list[Pixels], settings: Settings, stage: str, progress: Progress | None = None
    ) -> None:
        self.pixels, self.settings, self.stage, self.progress = pixels, settings, stage, progress
        self.slices = order_slices(pixels)
        self.used = np.array([p.n_used for p in pixels], dtype=float)
        self.noise_length = np.array([p.noise_length for p in pixels])
        self.history: list[dict[str, Any]] = []
        self._grids = order_grids(pixels, settings)

    def objective_at(self, state: Start) -> Objective[SpectrumModel]:
        """The objective under the errors and prior widths of `state`."""
        return objective_at(self.pixels, self.settings, state, self._grids)

    def descend(
        self,
        state: Start,
        stage: str,
        *,
        max_iterations: int,
        tolerance: float,
        windows: float,
        sweeps: int = SWEEPS,
        done: int = 0,
        total: int | None = None,
    ) -> tuple[Objective[SpectrumModel], Solution]:
        """Minimise from `state`.

        `tolerance` is the gain an order at which to stop, `windows` that of `jacobian`, `sweeps` those of
        `minimise_structured`. So many iterations of a `total` were `done` before.
        """
        objective = self.objective_at(state)
        z = objective.space.pack(objective.model) if state.z is None else state.z
        objective.space.store(objective.model, z)
        reconsider_reach(objective.model)

        def tell(iteration: int, value: float, rms: float) -> None:
            entry = {"stage": stage, "iteration": done + iteration, "objective": value, "residual_rms": rms}
            self.history.append(entry)
            if self.progress is not None:
                message = f"{objective.space.size} parameters, objective {value:.5g}"
                self.progress({**entry, "total": total or max_iterations, "message": message})

        return objective, minimise_structured(
            objective,
            z,
            stretches=_stretches(objective, self.pixels),
            max_iterations=max_iterations,
            tolerance=tolerance * len(self.pixels),
            damping=state.damping,
            windows=windows,
            sweeps=sweeps,
            progress=tell,
        )

    def chi_square(self, deviation: FloatArray) -> FloatArray:
        """Sum of squares (n_orders,) of the `deviation` (n_pixels,) of every order, from single pixels'
        errors.

        Errors that were enlarged because neighbours share noise are larger than the scatter of single pixels,
        by the square root of `noise_length`.
        """
        return self.noise_length * np.array([(deviation[where] ** 2).sum() for where in self.slices])
