"""Solve one fit: the structured path, repeated until the errors match what the model leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from blase.fit.descent import Solution
from blase.fit.jacobian import jacobian
from blase.fit.levenberg_marquardt import NormalEquations, minimise_structured
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.objective import Objective
from blase.fit.stretches import Stretches
from blase.functional.doppler import doppler_factor
from blase.model.forward import SpectrumModel
from blase.pipeline.build import Settings, build_objective
from blase.pipeline.prepare import Pixels

FloatArray = NDArray[np.float64]
Progress = Callable[[dict[str, Any]], None]

TOLERANCE = 0.1
"""A fit ends when a step gains less than this in ln(posterior), a fifth of one standard deviation of one parameter."""
_INFLATION_ROUNDS = 6
_INFLATION_SETTLED = 0.03
"""Relative change of the noise inflation below which it has settled."""


@dataclass(frozen=True)
class Solved:
    """A fit that has ended.

    `noise_inflation` and `effective` (n_orders,): factor on the errors of every order and its share of the effective
    number of parameters. `variance_ratio` (size,): posterior over prior variance of every entry of z;
    `covariance` of the dense entries `dense_index` of z (whitened).
    """

    objective: Objective
    solution: Solution
    noise_inflation: FloatArray
    effective: FloatArray
    variance_ratio: FloatArray
    covariance: FloatArray
    dense_index: NDArray[np.int64]
    history: list[dict[str, Any]]

    @property
    def model(self) -> SpectrumModel:
        """The model at the solution."""
        model = self.objective.model
        assert isinstance(model, SpectrumModel)
        return model


def order_slices(pixels: list[Pixels]) -> list[slice]:
    """Where every order lies in the concatenated pixels."""
    ends = np.cumsum([p.flux.numel() for p in pixels])
    return [slice(int(end) - p.flux.numel(), int(end)) for p, end in zip(pixels, ends, strict=True)]


def _shares(normal: NormalEquations, slices: list[slice], removed: FloatArray) -> FloatArray:
    """Effective parameters of every order: each parameter counts where the data that determine it lie."""
    derivative = normal.derivative
    total = np.zeros(removed.size)
    parts = np.zeros((len(slices), removed.size))
    for k, where in enumerate(slices):
        parts[k, derivative.local_index] = np.asarray(derivative.local[where].power(2).sum(axis=0)).ravel()
        parts[k, derivative.dense_index] = (derivative.dense[where] ** 2).sum(axis=0)
        total += parts[k]
    return (parts / np.where(total > 0, total, 1.0)) @ removed


def _analyse(objective: Objective, slices: list[slice]) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.int64]]:
    normal = NormalEquations(jacobian(objective.model, objective.data, objective.space))
    ratio = normal.posterior_variance()
    covariance = normal.factor(np.zeros(objective.space.size)).dense_inverse()
    return ratio, _shares(normal, slices, 1 - ratio), covariance, normal.dense_index


def _chi_square(objective: Objective, solution: Solution, slices: list[slice]) -> FloatArray:
    with torch.no_grad():
        squares = objective.residuals(solution.z).numpy() ** 2
    return np.array([squares[where].sum() for where in slices])


def _stretches(objective: Objective, pixels: list[Pixels]) -> Stretches:
    """Stretches of neighbouring lines, star and atmosphere together, by observed wavelength."""
    model, space = objective.model, objective.space
    wavelength = np.full(space.size, np.nan)
    velocities = {"star": model.star and model.star.radial_velocity}
    velocities["atmosphere"] = model.atmosphere and model.atmosphere.wind_velocity
    for name, where in space.slices.items():
        if name.rsplit(".", 1)[1] in LINE_PARAMETERS:
            part = name.split(".", 1)[0]
            lines = getattr(model, part).lines
            wavelength[where] = (lines.centre * doppler_factor(velocities[part].detach())).numpy()
    return Stretches.by_wavelength(np.concatenate([p.wavelength for p in pixels]), wavelength)


def _once(
    pixels: list[Pixels],
    settings: Settings,
    inflation: FloatArray,
    start: torch.Tensor | None,
    stage: str,
    history: list[dict[str, Any]],
    progress: Progress | None,
    max_iterations: int,
    tolerance: float,
) -> tuple[Objective, Solution]:
    objective = build_objective(pixels, settings, inflation)
    z = objective.space.pack(objective.model) if start is None else start

    def tell(iteration: int, value: float) -> None:
        entry = {"stage": stage, "iteration": iteration, "objective": value, "residual_rms": None}
        history.append(entry)
        if progress is not None:
            message = f"{objective.space.size} parameters, objective {value:.5g}"
            progress({**entry, "total": max_iterations, "message": message})

    return objective, minimise_structured(
        objective,
        z,
        stretches=_stretches(objective, pixels),
        max_iterations=max_iterations,
        tolerance=tolerance,
        progress=tell,
    )


def solve(
    pixels: list[Pixels],
    settings: Settings,
    *,
    start: torch.Tensor | None = None,
    noise_inflation: FloatArray | None = None,
    first_inflation: FloatArray | None = None,
    max_iterations: int = 60,
    stage: str = "fit",
    progress: Progress | None = None,
    checkpoint: Callable[[torch.Tensor, FloatArray], None] | None = None,
) -> Solved:
    """Fit all orders together.

    Without a given `noise_inflation` the errors of every order are enlarged until chi-square equals the pixels less the
    effective parameters (MacKay 1992, Neural Comput. 4, 415, eq. 4.9, with the trace of the hat matrix), never
    below the stated errors; `first_inflation` says where to begin.
    """
    slices, history = order_slices(pixels), []
    counts = np.array([p.n_used for p in pixels], dtype=float)
    fixed = noise_inflation is not None
    given = noise_inflation if fixed else first_inflation
    inflation = np.ones(len(pixels)) if given is None else given
    for number in range(1, _INFLATION_ROUNDS + 1):
        name = stage if fixed else f"{stage}, pass {number}"
        tolerance = TOLERANCE * (1 if fixed else max(1, 10 - 4 * number))
        objective, solution = _once(
            pixels, settings, inflation, start, name, history, progress, max_iterations, tolerance
        )
        ratio, effective, covariance, dense = _analyse(objective, slices)
        if checkpoint is not None:
            checkpoint(solution.z, inflation)
        if fixed:
            break
        free = np.maximum(counts - effective, 1.0)
        wanted = np.maximum(inflation * np.sqrt(_chi_square(objective, solution, slices) / free), 1.0)
        if np.all(np.abs(np.log(wanted / inflation)) < _INFLATION_SETTLED):
            break
        inflation, start = wanted, solution.z
    return Solved(objective, solution, inflation, effective, ratio, covariance, dense, history)
