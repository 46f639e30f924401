"""The way from the clone into the right valley.

Errors begin as large as the misfit, then shrink. While they are large the priors hold every line near theory,
and what is wrong with all of them is mended first; a blend fitted at its full weight at once is easily
trapped (graduated optimisation, Blake & Zisserman 1987).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from blase.fit.line_columns import COARSE_WINDOWS
from blase.fit.objective import Objective
from blase.model.forward import SpectrumModel
from blase.pipeline.attempt import Attempts, deviations
from blase.pipeline.state import FloatArray, Start

SHRINK = 4.0
"""Factor by which enlarged errors shrink from one step to the next."""
_ITERATIONS, _TOLERANCE = 4, 3.0
_STEPS = 20
_ARRIVED = 1.5
"""Errors that would have to shrink by less than this match what the model leaves."""


def approach(attempts: Attempts, state: Start, *, known: bool) -> Start:
    """Where the passes of a fit may begin.

    If the noise inflation is `known`, errors shrink until they have that of `state`; else until they match
    the residuals, since to fit a wrong template to photon noise would spoil it.
    """
    floor = state.noise_inflation
    inflation = np.maximum(_misfit(attempts, state), floor)
    if np.all(inflation < _ARRIVED * floor):
        return state
    for _ in range(_STEPS):
        current = replace(state, noise_inflation=inflation)
        objective, solution = attempts.descend(
            current,
            f"{attempts.stage}, approach",
            max_iterations=_ITERATIONS,
            tolerance=_TOLERANCE,
            windows=COARSE_WINDOWS,
            sweeps=0,  # lines would make up for what is wrong with all of them
        )
        state = replace(current, z=solution.z, damping=solution.damping)
        left = _spread(attempts, objective, solution.z, inflation)
        wanted = np.maximum(inflation / SHRINK, floor if known else np.maximum(left, floor))
        shrinks = inflation > _ARRIVED * wanted
        if not (shrinks.any() if known else shrinks.mean() > 0.5):
            break
        inflation = wanted
    return replace(state, noise_inflation=wanted)


def _misfit(attempts: Attempts, state: Start) -> FloatArray:
    """Noise inflation (n_orders,) that would explain the residuals at the start."""
    objective = attempts.objective_at(state)
    return _spread(attempts, objective, objective.space.pack(objective.model), state.noise_inflation)


def _spread(
    attempts: Attempts, objective: Objective[SpectrumModel], z: Tensor, inflation: FloatArray
) -> FloatArray:
    """Root mean square residual of every order at `z`, in units of its errors before `inflation`."""
    chi_square = attempts.chi_square(deviations(objective, z))
    return np.asarray(inflation * np.sqrt(chi_square / np.maximum(attempts.used, 1.0)))
