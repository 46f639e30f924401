"""The last descent of a fit, to the most probable parameters or to where the evidence was largest before.

Where the lines of a template are wrong, thousands of them can share a change with the resolving power: the
residuals still fall a little, but the volume of the posterior shrinks by more, so that what is most probable
is no longer where most of the probability is. The evidence in Laplace's approximation counts both.
"""

from __future__ import annotations

from dataclasses import replace

from blase.fit.descent import Solution
from blase.fit.evidence import log_evidence
from blase.fit.line_columns import FINE_WINDOWS
from blase.fit.objective import Objective
from blase.model.forward import SpectrumModel
from blase.pipeline.analysis import analyse_roughly
from blase.pipeline.attempt import Attempts
from blase.pipeline.state import Start
from blase.pipeline.summit import Summit

TOLERANCE = 0.1
"""A fit ends when a step gains less than this in ln(posterior) an order; 0.5 is one standard deviation of one
parameter."""
_AT_ONCE = 3
"""Steps from one look at the evidence to the next."""
_TURNED_BACK = "the evidence was largest here: a better fit would cost more of the volume of the posterior"


def last_descent(
    attempts: Attempts, state: Start, stage: str, max_iterations: int
) -> tuple[Objective[SpectrumModel], Solution]:
    """The objective at `state` and where its descent ends, after at most so many steps."""
    summit, done = Summit(len(attempts.pixels)), 0
    while True:
        objective, solution = attempts.descend(
            state,
            stage,
            max_iterations=min(_AT_ONCE, max_iterations - done),
            tolerance=TOLERANCE,
            windows=FINE_WINDOWS,
            done=done,
            total=max_iterations,
        )
        done += len(solution.history)
        state = replace(state, z=solution.z, damping=solution.damping)
        posterior = analyse_roughly(objective, solution).posterior
        summit.consider(log_evidence(objective, solution.z, posterior.log_determinant), state)
        if summit.state is state:
            best = objective, replace(solution, normal=None)
        if solution.converged or summit.is_behind or done >= max_iterations:
            break
    if not summit.has_fallen:
        return objective, replace(solution, normal=None)
    objective, solution = best
    objective.space.store(objective.model, solution.z)
    return objective, replace(solution, converged=True, reason=_TURNED_BACK)
