"""Solve one fit: the structured path, repeated until the errors match what the model leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from blase.fit.covariance import Covariance
from blase.fit.data_space import DataSpace, Posterior
from blase.fit.descent import Solution
from blase.fit.evidence import Evidence, log_evidence
from blase.fit.jacobian import jacobian
from blase.fit.line_blocks import IntArray
from blase.fit.line_columns import COARSE_WINDOWS, FINE_WINDOWS
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective
from blase.fit.parameters import ParameterSpace
from blase.model.forward import SpectrumModel
from blase.pipeline.approach import approach
from blase.pipeline.attempt import Attempts, Progress, deviations
from blase.pipeline.build import Settings
from blase.pipeline.fixed_point import Relaxation
from blase.pipeline.outliers import enlargement, weights
from blase.pipeline.prepare import Pixels
from blase.pipeline.prior_widths import learned, relaxed
from blase.pipeline.state import FloatArray, Start
from blase.pipeline.summit import Summit

TOLERANCE = 0.1
"""A fit ends when a step gains less than this in ln(posterior) an order; 0.5 is one standard deviation of one
parameter."""
_PASSES = 60
_PASS_ITERATIONS, _PASS_TOLERANCE = 1, 0.0
"""A pass need not converge while noise and prior widths are still on their way; the last one must."""


@dataclass(frozen=True)
class Solved:
    """A fit that has ended.

    `state` holds the noise inflation and the prior widths it ended with; `effective` (n_orders,) the
    effective number of parameters of every order; `posterior` the second moments of the parameters, in the
    widths of `normal_space`, whose normal priors are as curved as those of the objective at the solution.
    """

    objective: Objective[SpectrumModel]
    solution: Solution
    state: Start
    effective: FloatArray
    posterior: Posterior
    normal_space: ParameterSpace
    history: list[dict[str, Any]]

    @property
    def variance_ratio(self) -> FloatArray:
        """Posterior over prior variance (size,) of every free number, the prior as curved as it is there."""
        return self.posterior.variance

    def covariance(self, first: IntArray, second: IntArray) -> FloatArray:
        """Posterior covariance (k, l) of the entries `first` (k,) of z with the entries `second` (l,).

        Entries are those of `normal_space.slices`; it is in the units of the parameters. Raises `InputError`
        for an entry that is not one of z.
        """
        space = self.normal_space
        system = DataSpace(jacobian(self.model, self.objective.data, space))
        width = np.concatenate([prior.width.reshape(-1).numpy() for prior in space.priors.values()])
        return Covariance(system)(first, second) * np.outer(width[first], width[second])

    @property
    def model(self) -> SpectrumModel:
        """The model at the solution."""
        return self.objective.model


@dataclass(frozen=True)
class Analysis:
    """The posterior where a model stands, and the effective number of parameters of every order."""

    space: ParameterSpace
    normal: NormalEquations
    posterior: Posterior
    effective: FloatArray


def analyse(objective: Objective[SpectrumModel], solution: Solution, windows: float) -> Analysis:
    """Laplace's approximation at the solution, `windows` as for `jacobian`."""
    space = objective.space.gaussian_at(objective.model, solution.z)
    derivative = jacobian(objective.model, objective.data, space, windows=windows)
    return _analysis(space, NormalEquations(derivative))


def _roughly(objective: Objective[SpectrumModel], solution: Solution) -> Analysis:
    """The same from what the last step knew where that will do: it was linearised one step earlier."""
    if solution.normal is None or not objective.space.is_gaussian:
        return analyse(objective, solution, COARSE_WINDOWS)
    return _analysis(objective.space, solution.normal)


def _analysis(space: ParameterSpace, normal: NormalEquations) -> Analysis:
    """Each parameter counts where the data that determine it lie."""
    posterior, power = normal.posterior, normal.derivative.power()
    total = power.sum(axis=0)
    effective = (power / np.where(total > 0, total, 1.0)) @ (1 - posterior.variance)
    return Analysis(space, normal, posterior, effective)


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
    fixed point of the same evidence (ibid., eq. 4.8), with a weak hyperprior at the first guess, or where the
    evidence was largest if that fixed point lies beyond. So are the weights of outliers. What the settings
    hold is not re-estimated.
    """
    attempts = Attempts(pixels, settings, stage, progress)
    state = start or Start.at_clone(pixels, settings)
    if state.z is None:
        state = approach(attempts, state, known=fixed or settings.regularisation.noise_inflation is not None)
    settled, way, summit = fixed, _Way(settings), Summit(len(pixels))
    for number in range(1, _PASSES + 1):
        last = settled or number == _PASSES
        objective, solution = attempts.descend(
            state,
            stage if fixed else f"{stage}, pass {number}",
            max_iterations=max_iterations if last else min(max_iterations, _PASS_ITERATIONS),
            tolerance=TOLERANCE if last else _PASS_TOLERANCE,
            windows=FINE_WINDOWS,
        )
        analysis = analyse(objective, solution, FINE_WINDOWS) if last else _roughly(objective, solution)
        if last:
            break
        if checkpoint is not None:
            checkpoint(replace(state, z=solution.z, damping=solution.damping))
        evidence = log_evidence(objective, solution.z, analysis.posterior.log_determinant)
        summit.consider(evidence, replace(state, z=solution.z, damping=solution.damping))
        found = _reconsidered(attempts, state, objective, solution, analysis)
        settled = summit.is_behind or (summit.is_level and found.settled(state))
        if summit.is_behind and summit.state is not None:
            state = summit.state
            continue
        if not settled:
            found = way.further(state, found)
        state = replace(found, z=_whitened_anew(objective, solution, attempts, found))
    if not settled:
        solution = replace(
            solution,
            converged=False,
            reason=f"noise and prior widths had not settled after {_PASSES} passes",
        )
    return Solved(
        objective,
        solution,
        state,
        analysis.effective,
        analysis.posterior,
        analysis.space,
        attempts.history,
    )


class _Way:
    """What noise inflation and prior widths have done so far on the way to where they stand still."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._noise, self._stellar, self._telluric = Relaxation(), Relaxation(), Relaxation()

    def further(self, now: Start, wanted: Start) -> Start:
        """What follows `now`, of which the fixed point asks to be `wanted`."""
        settings, noise = self._settings, wanted.noise_inflation
        if settings.regularisation.noise_inflation is None:
            noise = np.maximum(self._noise.step(now.noise_inflation, noise), 1.0)
        star = now.stellar_prior, wanted.stellar_prior, settings.stellar_prior
        air = now.telluric_prior, wanted.telluric_prior, settings.telluric_prior
        return replace(
            wanted,
            noise_inflation=noise,
            stellar_prior=relaxed(self._stellar, "stellar", *star),
            telluric_prior=relaxed(self._telluric, "telluric", *air),
        )


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
