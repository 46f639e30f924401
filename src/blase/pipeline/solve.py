"""Solve one fit: the structured path, repeated until the errors match what the model leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from blase.fit.data_space import Posterior
from blase.fit.descent import Solution
from blase.fit.jacobian import jacobian
from blase.fit.line_columns import COARSE_WINDOWS, FINE_WINDOWS, LINE_PARAMETERS
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective
from blase.fit.priors import LinePriorWidths
from blase.model.forward import SpectrumModel
from blase.pipeline.approach import approach
from blase.pipeline.attempt import Attempts, Progress, deviations, objective_at
from blase.pipeline.build import Settings
from blase.pipeline.outliers import enlargement, weights
from blase.pipeline.prepare import Pixels
from blase.pipeline.state import FloatArray, Start

TOLERANCE = 0.1
"""A fit ends when a step gains less than this in ln(posterior) an order; 0.5 is one standard deviation of one
parameter."""
LARGEST_CHANGE = 4.0
"""Prior widths stay within this factor of where they began."""
WIDEST_TELLURIC_CENTRE = 0.05
"""Of the prior of telluric centres [km/s]: their catalogue is better than what a blend may suggest."""
HYPERPRIOR_LINES = 2.0
"""Weight of the first guess of a prior width, in lines: it decides where the data determine fewer."""
_PASSES = 20
_PASS_ITERATIONS, _PASS_TOLERANCE = 5, 0.3
"""A pass need not converge while noise and prior widths are still on their way; the last one must."""


@dataclass(frozen=True)
class Solved:
    """A fit that has ended.

    `state` holds the noise inflation and the prior widths it ended with; `effective` (n_orders,) the
    effective number of parameters of every order; `posterior` the second moments of z (whitened); `widest`
    names the classes of lines whose prior width ended at its largest value.
    """

    objective: Objective[SpectrumModel]
    solution: Solution
    state: Start
    effective: FloatArray
    posterior: Posterior
    history: list[dict[str, Any]]
    widest: tuple[str, ...]

    @property
    def variance_ratio(self) -> FloatArray:
        """Posterior over prior variance (size,) of every entry of z."""
        return self.posterior.variance

    @property
    def model(self) -> SpectrumModel:
        """The model at the solution."""
        return self.objective.model


def _analyse(objective: Objective[SpectrumModel], windows: float) -> tuple[Posterior, FloatArray]:
    """Posterior where the model stands, and the effective number of parameters of every order.

    Each parameter counts where the data that determine it lie.
    """
    derivative = jacobian(objective.model, objective.data, objective.space, windows=windows)
    posterior = NormalEquations(derivative).posterior
    power = derivative.power()
    total = power.sum(axis=0)
    return posterior, (power / np.where(total > 0, total, 1.0)) @ (1 - posterior.variance)


def solve(
    pixels: list[Pixels],
    settings: Settings,
    *,
    start: Start | None = None,
    fixed: bool = False,
    max_iterations: int = 60,
    stage: str = "fit",
    progress: Progress | None = None,
    checkpoint: Callable[[Start], None] | None = None,
) -> Solved:
    """Fit all orders together.

    Unless `fixed`, the errors of every order and the prior widths of every class of lines are re-estimated
    after each pass until they settle: the errors so that chi-square equals the pixels less the effective
    parameters (MacKay 1992, Neural Comput. 4, 415, eq. 4.9), never below the stated ones; the widths by the
    fixed point of the same evidence (ibid., eq. 4.8), with a weak hyperprior at the first guess. So are the
    weights of outliers.
    """
    attempts = Attempts(pixels, settings, stage, progress)
    state = start or Start.at_clone(pixels, settings)
    if state.z is None:
        state = approach(attempts, state, known=fixed)
    settled = fixed
    for number in range(1, _PASSES + 1):
        last = settled or number == _PASSES
        objective, solution = attempts.descend(
            state,
            stage if fixed else f"{stage}, pass {number}",
            max_iterations=max_iterations if last else min(max_iterations, _PASS_ITERATIONS),
            tolerance=TOLERANCE if last else _PASS_TOLERANCE,
            windows=FINE_WINDOWS,
        )
        posterior, effective = _analyse(objective, FINE_WINDOWS if last else COARSE_WINDOWS)
        if last:
            break
        if checkpoint is not None:
            checkpoint(replace(state, z=solution.z, damping=solution.damping))
        found = _reconsidered(attempts, state, objective, solution, posterior, effective)
        settled = found.settled(state)
        state = replace(found, z=_whitened_anew(objective, solution, attempts, found))
    if not settled:
        solution = replace(
            solution,
            converged=False,
            reason=f"noise and prior widths had not settled after {_PASSES} passes",
        )
    widest = _at_bound(state, settings)
    return Solved(objective, solution, state, effective, posterior, attempts.history, widest)


def _reconsidered(
    attempts: Attempts,
    state: Start,
    objective: Objective[SpectrumModel],
    solution: Solution,
    posterior: Posterior,
    effective: FloatArray,
) -> Start:
    """Noise inflation, outliers and prior widths as the `solution` of one pass suggests them."""
    deviation = deviations(objective, solution.z)
    used = np.concatenate([p.used.numpy() for p in attempts.pixels])
    counted = np.array([(used * weights(state.enlargement))[s].sum() for s in attempts.slices])
    free = np.maximum(counted - effective, 1.0)
    noise = np.maximum(state.noise_inflation * np.sqrt(attempts.chi_square(deviation) / free), 1.0)
    growth = np.repeat(noise / state.noise_inflation, [p.flux.numel() for p in attempts.pixels])
    settings, ratio = attempts.settings, posterior.variance
    return Start(
        None,
        noise,
        _learned(objective, solution, ratio, "star", state.stellar_prior, settings.stellar_prior),
        _learned(objective, solution, ratio, "atmosphere", state.telluric_prior, settings.telluric_prior),
        enlargement(deviation * state.enlargement / growth),
        solution.damping,
    )


def _learned(
    objective: Objective[SpectrumModel],
    solution: Solution,
    ratio: FloatArray,
    prefix: str,
    widths: LinePriorWidths,
    first: LinePriorWidths,
) -> LinePriorWidths:
    """Prior widths of every free class of lines after one step towards the largest evidence.

    width^2 <- (sum of squared departures + k first^2) / (n_effective + k), k = `HYPERPRIOR_LINES`: a scaled
    inverse chi-square hyperprior.
    """
    z, found = solution.z.numpy(), {}
    for kind in LINE_PARAMETERS:
        where = objective.space.slices.get(f"{prefix}.lines.{kind}")
        if where is not None and where.stop > where.start:
            start, k = getattr(first, kind), HYPERPRIOR_LINES
            departures, effective = (getattr(widths, kind) * z[where]) ** 2, 1 - ratio[where]
            width = np.sqrt((departures.sum() + k * start**2) / (effective.sum() + k))
            found[kind] = float(np.clip(width, start / LARGEST_CHANGE, _widest(prefix, kind, start)))
    return replace(widths, **found)


def _widest(prefix: str, kind: str, first: float) -> float:
    """Largest prior width of a class of lines that began at `first`."""
    highest = LARGEST_CHANGE * first
    if (prefix, kind) == ("atmosphere", "centre_shift"):
        return min(highest, max(first, WIDEST_TELLURIC_CENTRE))
    return highest


def _at_bound(state: Start, settings: Settings) -> tuple[str, ...]:
    """Names of the classes of lines whose prior width ended at its largest value."""
    found = []
    for origin, prefix in (("stellar", "star"), ("telluric", "atmosphere")):
        for kind in LINE_PARAMETERS:
            first = getattr(getattr(settings, f"{origin}_prior"), kind)
            now = getattr(getattr(state, f"{origin}_prior"), kind)
            if first > 0 and now >= _widest(prefix, kind, first):
                found.append(f"{origin} {kind.removeprefix('log_').replace('_shift', '')}")
    return tuple(found)


def _whitened_anew(
    objective: Objective[SpectrumModel], solution: Solution, attempts: Attempts, state: Start
) -> torch.Tensor:
    """The solution as a whitened vector under the priors of `state`."""
    values = objective.space.unpack(solution.z)
    space = objective_at(attempts.pixels, attempts.settings, state).space
    return torch.cat([((values[n] - p.mean) / p.width).reshape(-1) for n, p in space.priors.items()])
