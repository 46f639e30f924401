"""The structured path: damped Gauss-Newton steps that use the shape of the standard forward model.

Levenberg (1944), Marquardt (1963), with the gain ratio of Nielsen (1999, IMM-REP-1999-05) steering the
damping.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from blase.errors import InputError
from blase.fit.continuum_step import continuum_step
from blase.fit.descent import Solution
from blase.fit.jacobian import Jacobian, jacobian
from blase.fit.line_columns import FINE_WINDOWS
from blase.fit.local_descent import descend_locally
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective, require_cpu
from blase.fit.order_graphs import OrderGraphs
from blase.fit.second_order import line_curvature
from blase.fit.stretches import Stretches
from blase.fit.window_descent import FLATTEST, GROWTH, LONGEST_STEP
from blase.model.forward import SpectrumModel

Progress = Callable[[int, float, float], None]
"""Called after every iteration with its number, the objective and the weighted rms of data/model - 1."""

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 10.0, 0.5, 1e12
"""In units of the curvature of a prior: much less would not steady a step, and would take long to grow."""
SLACK = 0.2
"""Share of the average gain of a stretch that it may lose before it is damped."""
LEAST_SLACK = 0.02
"""It may always lose this much of ln(posterior), where half a unit is one standard deviation."""
MENDED = 0.1
"""Stretches that failed are put back where they lost more than this share of what the others won."""
FAIR = 0.25
"""What all stretches share is damped less after a step that gained this share of its promise."""
CONTINUUM_GAIN = 0.05
"""The continuum follows a step where that gains this share of what the step had promised."""
HARDLY = 0.1
"""A stretch that could have gained less than this share of what a neighbour could is not to blame for it."""
IMMOVABLE = 1e18
"""Damping of what is held at its bound, so that the others do not step as if it moved with them."""


@dataclass(frozen=True)
class _Point:
    """Residuals at a whitened vector with the graphs that lead there, and the objective of every stretch."""

    graphs: OrderGraphs
    share: np.ndarray

    @property
    def residuals(self) -> np.ndarray:
        """(flux - model) / sigma, (n_pixels,)."""
        return self.graphs.residuals


class _Descent:
    """State of one damped Gauss-Newton descent; `advance` makes one step."""

    def __init__(
        self,
        objective: Objective[SpectrumModel],
        start: Tensor,
        stretches: Stretches,
        damping: np.ndarray | None = None,
        windows: float = FINE_WINDOWS,
        sweeps: int = 0,
    ) -> None:
        if not isinstance(objective.model, SpectrumModel):
            raise InputError(
                "the structured solver knows the standard forward model only",
                value=type(objective.model).__name__,
                expected="a SpectrumModel",
                fix="use minimise_by_descent",
            )
        self.objective, self.model, self.stretches = objective, objective.model, stretches
        self.windows, self.sweeps, self.swept = windows, sweeps, 0
        self.lower = objective.space.lower_bounds()
        self.z = np.maximum(start.numpy().copy(), self.lower)
        self.damping = np.full(stretches.count + 1, FIRST_DAMPING)
        if damping is not None and damping.size == self.damping.size:
            self.damping = np.minimum(damping, FIRST_DAMPING)
        self.growth = np.full(stretches.count + 1, GROWTH)
        self.normal: NormalEquations | None = None
        self.here = self._evaluate(self.z)

    def _evaluate(self, z: np.ndarray) -> _Point:
        """What the objective is at `z`, with the graph that its gradient needs."""
        graphs = OrderGraphs.at(self.objective, z)
        with np.errstate(over="ignore"):  # of a trial that went astray, which will be refused
            share = self._share(graphs.residuals, z)
        return _Point(graphs, np.where(np.isfinite(share), share, np.inf))

    def _share(self, residuals: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The objective of every stretch, (count + 1,)."""
        return self.stretches.share(residuals, self.objective.space.penalty(torch.from_numpy(z)).numpy())

    def _of_parameters(self, share: np.ndarray) -> np.ndarray:
        """The sum (count + 1,) of the `share` (size,) of the parameters of every stretch."""
        return np.bincount(self.stretches.parameter, share, minlength=self.stretches.count + 1)

    @property
    def value(self) -> float:
        """The objective where the descent stands."""
        return float(self.here.share.sum())

    @property
    def residual_rms(self) -> float:
        """rms of data/model - 1 where the descent stands, weighted by (model/sigma)^2; NaN without pixels."""
        data = self.objective.data
        used, residuals = data.used.numpy(), self.here.residuals
        expected = data.flux.numpy()[used] / data.sigma.numpy()[used] - residuals[used]
        weight = float((expected**2).sum())
        return float((residuals**2).sum() / weight) ** 0.5 if weight > 0 else math.nan

    def advance(self) -> None:
        """Descend in every window, then linearise and step; no step is taken that does not lower the
        objective.
        """
        self.sweep()
        self.step()

    def sweep(self) -> None:
        """Descents in windows, the borders of which are elsewhere each time; stretches that lose go back."""
        for _ in range(self.sweeps):
            self.swept += 1
            offset = 0.5 * (self.swept % 2)
            trial = descend_locally(self.objective, self.z, self.here.residuals, offset=offset)
            there, share = self._evaluate(trial), self.here.share
            failed = share - there.share < -LEAST_SLACK
            failed[-1] = False
            if self._worth_mending(share - there.share, failed):
                trial = np.where(failed[self.stretches.parameter], self.z, trial)
                there = self._evaluate(trial)
            if there.share.sum() >= share.sum():
                return
            self.z, self.here = trial, there

    def step(self) -> None:
        """Linearise and step; nothing changes where no damping yields a decrease."""
        self.objective.space.store(self.model, torch.from_numpy(self.z))
        objective, self.normal = self.objective, None  # the old one makes room
        derivative = jacobian(self.model, objective.data, objective.space, windows=self.windows)
        self.normal = normal = NormalEquations(derivative)
        weight = objective.space.weight(torch.from_numpy(self.z)).numpy()
        along = self.here.graphs.gradient()
        slope = along + weight * self.z
        slope[(self.z <= self.lower) & (slope > 0)] = 0.0
        bent = line_curvature(self.model, objective.space, along)
        bent = np.maximum(bent, FLATTEST - weight)
        while not self._try(normal, slope, weight - 1.0, bent) and self.damping.min() < MOST_DAMPING:
            pass

    def _try(self, normal: NormalEquations, slope: np.ndarray, flatter: np.ndarray, bent: np.ndarray) -> bool:
        """One trial step; whether the objective fell and the step was taken.

        `flatter` (size,) is by how much the curvature of a prior differs from that of a normal one, `bent`
        (size,) what the curvature of the lines adds.
        """
        held = (self.z <= self.lower) & (slope == 0)
        damping = np.where(held, IMMOVABLE, self.damping[self.stretches.parameter] + flatter + bent)
        step = -normal.solve(damping, slope)
        trial = np.maximum(self.z + np.clip(step, -LONGEST_STEP, LONGEST_STEP), self.lower)
        trial[held] = self.z[held]
        here = self.here
        predicted = here.residuals - normal.derivative.along(trial - self.z)
        extra = self._of_parameters(0.5 * bent * (trial - self.z) ** 2)
        promised = here.share - self._share(predicted, trial) - extra
        there = self._evaluate(trial)
        failed = self._failed(here.share - there.share, promised)
        if self._worth_mending(here.share - there.share, failed):
            mended = np.where(failed[self.stretches.parameter], self.z, trial)
            partly = self._evaluate(mended)
            if partly.share.sum() < there.share.sum():
                trial, there = mended, partly
        trial, there = self._with_best_continuum(normal.derivative, trial, there, promised)
        gain = here.share - there.share
        accepted = bool(gain.sum() > 0)
        gain[-1], promised[-1] = gain.sum(), promised.sum()  # what is shared is judged by the whole
        innocent = _hardly(self._of_parameters(np.abs(slope * step)))
        guilty = failed & ~innocent
        self._steer(gain, promised, innocent, guilty if accepted else self._to_blame(guilty))
        if accepted:
            self.z, self.here = trial, there
        return accepted

    def _with_best_continuum(
        self, derivative: Jacobian, z: np.ndarray, point: _Point, promised: np.ndarray
    ) -> tuple[np.ndarray, _Point]:
        """A trial with the continuum that suits it best, where that gains much of what was `promised`."""
        step, gain = continuum_step(derivative, self.objective.space, z, point.residuals)
        if gain < CONTINUUM_GAIN * max(float(promised.sum()), 0.0) + LEAST_SLACK:
            return z, point
        better = self._evaluate(z + step)
        return (z + step, better) if better.share.sum() < point.share.sum() else (z, point)

    def _worth_mending(self, gain: np.ndarray, failed: np.ndarray) -> bool:
        """Whether those of many stretches that `failed` lost a good part of what the others won."""
        lost = -gain[failed].sum()
        return self.stretches.count > 1 and bool(lost > MENDED * (gain.sum() + lost))

    def _slack(self, promised: np.ndarray) -> float:
        """What a stretch may lose without being blamed: a part of what an average one gains."""
        return max(SLACK * float(promised.sum()) / self.stretches.count, LEAST_SLACK)

    def _failed(self, gain: np.ndarray, promised: np.ndarray) -> np.ndarray:
        """Stretches that lost what they were not meant to lose.

        A shared parameter may well make one stretch worse, as the linearised model foresees.
        """
        failed = gain < np.minimum(promised, 0.0) - self._slack(promised)
        failed[-1] = False
        return failed

    def _to_blame(self, failed: np.ndarray) -> np.ndarray:
        """What to damp after a step that gained nothing: failed stretches, their neighbours, what is shared.

        Everything, once that does not help.
        """
        blamed = failed.copy()
        blamed[:-2] |= failed[1:-1]
        blamed[1:-1] |= failed[:-2]
        blamed[-1] = True
        if self.damping[blamed].max() >= MOST_DAMPING:
            blamed[:] = True
        return blamed

    def _steer(
        self, gain: np.ndarray, promised: np.ndarray, innocent: np.ndarray, refused: np.ndarray
    ) -> None:
        """Raise the damping of what is `refused`, and lower that of what did as it `promised`.

        An `innocent` stretch only suffers from its neighbours: damped for that, again and again, it would
        never move any more. What all share is not to blame for single stretches that keep no promise.
        """
        scale = np.maximum(np.abs(promised), self._slack(promised))
        ratio = np.clip(1.0 - (promised - gain) / scale, 0.0, 1.0)
        relaxed = self.damping * np.maximum(1 / 3, 1 - (2 * ratio - 1) ** 3)
        relaxed[-1] = self.damping[-1] / 3 if ratio[-1] > FAIR else self.damping[-1]
        relaxed[innocent] = np.minimum(relaxed, self.damping)[innocent]
        raised = np.where(refused, self.damping * self.growth, relaxed)
        self.damping = np.clip(raised, LEAST_DAMPING, MOST_DAMPING)
        self.growth = np.where(refused, np.minimum(2 * self.growth, MOST_DAMPING), GROWTH)


def _hardly(moved: np.ndarray) -> np.ndarray:
    """Which stretches `moved` (count + 1,) much less than one of their neighbours; never what is shared."""
    beside = np.zeros_like(moved)
    beside[:-2] = moved[1:-1]
    beside[1:-1] = np.maximum(beside[1:-1], moved[:-2])
    beside[-1] = 0.0
    return np.asarray(moved < HARDLY * beside)


def minimise_structured(
    objective: Objective[SpectrumModel],
    start: Tensor,
    *,
    stretches: Stretches | None = None,
    max_iterations: int = 60,
    tolerance: float = 1e-3,
    damping: np.ndarray | None = None,
    windows: float = FINE_WINDOWS,
    sweeps: int = 0,
    progress: Progress | None = None,
) -> Solution:
    """Minimise `objective` over a `SpectrumModel` from `start` (size,); the model is left at the solution.

    Stops when a step gains less than `tolerance` of the objective (where 0.5 is one standard deviation of one
    parameter), or when no damping yields a decrease. The objective never increases. `damping` may be that of
    an earlier solution of nearly the same problem, which knows how far each stretch can be trusted. `windows`
    is the optical depth at which the curvature cuts lines off (the gradient never does). Before every step of
    the whole there are so many `sweeps` of descents in windows, which only a model with pixels knows.

    Raises
    ------
    InputError
        if the model of `objective` is not a `SpectrumModel`, or not on the CPU.
    """
    require_cpu(objective)
    with threadpool_limits(1, user_api="blas"):  # threads only get in the way of a narrow band
        stretches = stretches or Stretches.single(objective.data.flux.numel(), start.numel())
        descent = _Descent(objective, start, stretches, damping, windows, sweeps)
        return _minimise(descent, max_iterations, tolerance, progress)


def _minimise(
    descent: _Descent, max_iterations: int, tolerance: float, progress: Progress | None
) -> Solution:
    history: list[dict[str, Any]] = []
    enough, small = min(descent.stretches.count, 2), 0  # of several stretches some may lose what others gain
    converged, reason = False, f"{max_iterations} iterations were not enough"
    for iteration in range(1, max_iterations + 1):
        before = descent.value
        descent.advance()
        history.append({"iteration": iteration, "objective": descent.value})
        if progress is not None:
            progress(iteration, descent.value, descent.residual_rms)
        gain = before - descent.value
        small = small + 1 if gain < tolerance else 0
        if small == enough or gain == 0:
            converged, reason = True, f"the last step gained less than {tolerance:g} in ln(posterior)"
            break
    z = torch.from_numpy(descent.z)
    descent.objective.space.store(descent.model, z)
    return Solution(
        z,
        descent.value,
        converged,
        reason,
        history,
        descent.damping,
        descent.here.residuals,
        descent.normal,
    )
