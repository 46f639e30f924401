"""Solve one fit: the structured path, repeated until the errors match what the model leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from blase.fit.data_space import Posterior
from blase.fit.descent import Solution
from blase.fit.line_columns import FINE_WINDOWS
from blase.fit.objective import Objective
from blase.fit.parameters import ParameterSpace
from blase.model.forward import SpectrumModel
from blase.pipeline.analysis import analyse
from blase.pipeline.approach import approach
from blase.pipeline.attempt import Attempts, Progress
from blase.pipeline.build import Settings
from blase.pipeline.last_descent import last_descent
from blase.pipeline.passes import Passes
from blase.pipeline.prepare import Pixels
from blase.pipeline.state import FloatArray, Start

_PASSES = 60


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

    @property
    def model(self) -> SpectrumModel:
        """The model at the solution."""
        return self.objective.model


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
    passes, number = Passes(attempts, max_iterations, settled=fixed), 0
    while not passes.settled and number < _PASSES:
        number += 1
        state = passes.onward(state, f"{stage}, pass {number}", checkpoint)
    objective, solution = last_descent(attempts, state, stage, max_iterations)
    analysis = analyse(objective, solution, FINE_WINDOWS)
    if not passes.settled:
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
