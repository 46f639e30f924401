"""Passes of a fit: each some steps of the lines, then one of noise, widths of priors and outliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from blase.fit.descent import Solution
from blase.fit.evidence import Evidence, log_evidence
from blase.fit.line_columns import FINE_WINDOWS
from blase.fit.objective import Objective
from blase.model.forward import SpectrumModel
from blase.pipeline.analysis import Analysis, analyse_roughly
from blase.pipeline.attempt import Attempts, deviations
from blase.pipeline.outliers import enlargement, weights
from blase.pipeline.prior_widths import learned
from blase.pipeline.state import Start
from blase.pipeline.summit import Summit

_ITERATIONS, _TOLERANCE = 2, 0.3
"""A pass need not converge while noise and prior widths are still on their way; but with a single step, what
they should be is judged by lines that lag behind them."""


class Passes:
    """The way to where noise and prior widths stand still, or to the largest evidence before that.

    It is at its end from the beginning where they are `settled`.
    """

    def __init__(self, attempts: Attempts, max_iterations: int, *, settled: bool) -> None:
        self.settled = settled
        self._attempts, self._summit = attempts, Summit(len(attempts.pixels))
        self._iterations = min(max_iterations, _ITERATIONS)

    def onward(self, state: Start, stage: str, checkpoint: Callable[[Start], None] | None) -> Start:
        """The state after one pass from `state`; `checkpoint` is told of the lines that it found."""
        attempts, summit = self._attempts, self._summit
        objective, solution = attempts.descend(
            state,
            stage,
            max_iterations=self._iterations,
            tolerance=_TOLERANCE,
            windows=FINE_WINDOWS,
        )
        here = replace(state, z=solution.z, damping=solution.damping)
        if checkpoint is not None:
            checkpoint(here)
        analysis = analyse_roughly(objective, solution)
        summit.consider(log_evidence(objective, solution.z, analysis.posterior.log_determinant), here)
        found = _reconsidered(attempts, state, objective, solution, analysis)
        self.settled = summit.is_behind or (summit.is_level and found.settled(state))
        if self.settled and summit.state is not None:
            return summit.state
        return replace(found, z=_whitened_anew(objective, solution, attempts, found))


def _reconsidered(
    attempts: Attempts,
    state: Start,
    objective: Objective[SpectrumModel],
    solution: Solution,
    analysis: Analysis,
) -> Start:
    """Noise inflation, outliers and prior widths as the `solution` of one pass suggests them."""
    settings, deviation = attempts.settings, solution.residuals
    if deviation is None:
        deviation = deviations(objective, solution.z)
    used = np.concatenate([p.used.numpy() for p in attempts.pixels])
    counted = np.array([(used * weights(state.enlargement))[s].sum() for s in attempts.slices])
    noise = state.noise_inflation
    if settings.regularisation.noise_inflation is None:
        free = np.maximum(counted - analysis.effective, 1.0)
        noise = np.maximum(noise * np.sqrt(attempts.chi_square(deviation) / free), 1.0)
    growth = np.repeat(noise / state.noise_inflation, [p.flux.numel() for p in attempts.pixels])
    evidence, space = Evidence(objective, solution.z, analysis.normal, analysis.posterior), objective.space
    held = settings.regularisation
    widths = (state.stellar_prior, settings.stellar_prior), (state.telluric_prior, settings.telluric_prior)
    added = settings.star.lines.is_added
    return Start(
        None,
        noise,
        learned(evidence, space, "stellar", *widths[0], held, added),
        learned(evidence, space, "telluric", *widths[1], held),
        enlargement(deviation * state.enlargement / growth),
        solution.damping,
    )


def _whitened_anew(
    objective: Objective[SpectrumModel], solution: Solution, attempts: Attempts, state: Start
) -> torch.Tensor:
    """The solution as a whitened vector under the priors of `state`."""
    values = objective.space.unpack(solution.z)
    space = attempts.objective_at(state).space
    return torch.cat([((values[n] - p.mean) / p.width).reshape(-1) for n, p in space.priors.items()])
