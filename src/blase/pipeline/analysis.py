"""The posterior where a model stands, in Laplace's approximation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blase.fit.data_space import Posterior
from blase.fit.descent import Solution
from blase.fit.jacobian import jacobian
from blase.fit.line_columns import COARSE_WINDOWS
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective
from blase.fit.parameters import ParameterSpace
from blase.model.forward import SpectrumModel
from blase.pipeline.state import FloatArray


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


def analyse_roughly(objective: Objective[SpectrumModel], solution: Solution) -> Analysis:
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
