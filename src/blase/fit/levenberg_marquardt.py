"""The structured path: damped Gauss-Newton steps that use the shape of the standard forward model.

Levenberg (1944), Marquardt (1963), with the gain ratio of Nielsen (1999, IMM-REP-1999-05) steering the
damping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from blase.errors import InputError
from blase.fit.descent import Solution
from blase.fit.jacobian import jacobian
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective, require_cpu
from blase.fit.stretches import Stretches
from blase.model.forward import SpectrumModel

Progress = Callable[[int, float], None]
"""Called after every iteration with its number and the objective."""

LONGEST_STEP = 3.0
"""No parameter moves farther than this many prior widths at once."""
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 10.0, 1e-9, 1e12
IMMOVABLE = 1e18
"""Damping of what is held at its bound, so that the others do not step as if it moved with them."""


@dataclass(frozen=True)
class _Point:
    """Residuals (n_pixels,) at a whitened vector, and the objective of every stretch."""

    z: Tensor
    residuals: Tensor
    share: np.ndarray

    def gradient(self) -> np.ndarray:
        """Exact gradient (size,) of the objective."""
        bar = self.residuals.detach()
        (along,) = torch.autograd.grad(self.residuals, self.z, bar, retain_graph=True)
        return (along + self.z.detach()).numpy()


class _Descent:
    """State of one damped Gauss-Newton descent; `advance` makes one step."""

    def __init__(self, objective: Objective[SpectrumModel], start: Tensor, stretches: Stretches) -> None:
        if not isinstance(objective.model, SpectrumModel):
            raise InputError(
                "the structured solver knows the standard forward model only",
                value=type(objective.model).__name__,
                expected="a SpectrumModel",
                fix="use minimise_by_descent",
            )
        self.objective, self.model, self.stretches = objective, objective.model, stretches
        self.lower = objective.space.lower_bounds()
        self.z = np.maximum(start.numpy().copy(), self.lower)
        self.damping = np.full(stretches.count + 1, FIRST_DAMPING)
        self.growth = np.full(stretches.count + 1, 2.0)
        self.here = self._evaluate(self.z)

    def _evaluate(self, z: np.ndarray) -> _Point:
        """What the objective is at `z`, with the graph that its gradient needs."""
        variable = torch.from_numpy(z.copy()).requires_grad_(True)
        residuals = self.objective.residuals(variable)
        share = self.stretches.share(residuals.detach().numpy(), z)
        return _Point(variable, residuals, np.where(np.isfinite(share), share, np.inf))

    @property
    def value(self) -> float:
        """The objective where the descent stands."""
        return float(self.here.share.sum())

    def advance(self) -> None:
        """Linearise and step; nothing changes where no damping yields a decrease."""
        self.objective.space.store(self.model, torch.from_numpy(self.z))
        normal = NormalEquations(jacobian(self.model, self.objective.data, self.objective.space))
        slope = self.here.gradient()
        slope[(self.z <= self.lower) & (slope > 0)] = 0.0
        while not self._try(normal, slope) and self.damping.min() < MOST_DAMPING:
            pass

    def _try(self, normal: NormalEquations, slope: np.ndarray) -> bool:
        """One trial step; whether the objective fell and the step was taken."""
        held = (self.z <= self.lower) & (slope == 0)
        damping = np.where(held, IMMOVABLE, self.damping[self.stretches.parameter])
        step = -normal.solve(damping, slope)
        trial = np.maximum(self.z + np.clip(step, -LONGEST_STEP, LONGEST_STEP), self.lower)
        trial[held] = self.z[held]
        here = self.here
        predicted = here.residuals.detach().numpy() - normal.derivative.along(trial - self.z)
        promised = here.share - self.stretches.share(predicted, trial)
        there = self._evaluate(trial)
        worse = there.share > here.share
        worse[-1] = False
        if worse.any() and self.stretches.count > 1:
            trial = np.where(worse[self.stretches.parameter], self.z, trial)
            there = self._evaluate(trial)
        accepted = bool(there.share.sum() < here.share.sum())
        gain = here.share - there.share
        gain[-1], promised[-1] = gain.sum(), promised.sum()  # what is shared is judged by the whole
        self._steer(gain, promised, worse if accepted else np.ones_like(worse))
        if accepted:
            self.z, self.here = trial, there
        return accepted

    def _steer(self, gain: np.ndarray, promised: np.ndarray, refused: np.ndarray) -> None:
        ratio = np.clip(gain / np.maximum(promised, 1e-300), 0.0, 1.0)
        relaxed = self.damping * np.maximum(1 / 3, 1 - (2 * ratio - 1) ** 3)
        raised = np.where(refused, self.damping * self.growth, relaxed)
        self.damping = np.clip(raised, LEAST_DAMPING, MOST_DAMPING)
        self.growth = np.where(refused, np.minimum(2 * self.growth, MOST_DAMPING), 2.0)


def minimise_structured(
    objective: Objective[SpectrumModel],
    start: Tensor,
    *,
    stretches: Stretches | None = None,
    max_iterations: int = 60,
    tolerance: float = 1e-3,
    progress: Progress | None = None,
) -> Solution:
    """Minimise `objective` over a `SpectrumModel` from `start` (size,); the model is left at the solution.

    Stops when a step gains less than `tolerance` of the objective (where 0.5 is one standard deviation of one
    parameter), or when no damping yields a decrease. The objective never increases.

    Raises
    ------
    InputError
        if the model of `objective` is not a `SpectrumModel`, or not on the CPU.
    """
    require_cpu(objective)
    with threadpool_limits(1, user_api="blas"):  # threads only get in the way of a narrow band
        return _minimise(objective, start, stretches, max_iterations, tolerance, progress)


def _minimise(
    objective: Objective[SpectrumModel],
    start: Tensor,
    stretches: Stretches | None,
    max_iterations: int,
    tolerance: float,
    progress: Progress | None,
) -> Solution:
    stretches = stretches or Stretches.single(objective.data.flux.numel(), start.numel())
    descent = _Descent(objective, start, stretches)
    history: list[dict[str, Any]] = []
    converged, reason = False, f"{max_iterations} iterations were not enough"
    for iteration in range(1, max_iterations + 1):
        before = descent.value
        descent.advance()
        history.append({"iteration": iteration, "objective": descent.value})
        if progress is not None:
            progress(iteration, descent.value)
        if before - descent.value < tolerance:
            converged, reason = True, f"the last step gained less than {tolerance:g} in ln(posterior)"
            break
    z = torch.from_numpy(descent.z)
    objective.space.store(objective.model, z)
    return Solution(z, descent.value, converged, reason, history)
