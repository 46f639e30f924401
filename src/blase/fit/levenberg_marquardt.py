"""The structured path: damped Gauss-Newton on the arrowhead of the standard forward model.

Levenberg (1944), Marquardt (1963), with the gain ratio of Nielsen (1999, IMM-REP-1999-05) steering the damping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from blase.fit.arrowhead import ArrowheadFactor, band_storage, factor_arrowhead
from blase.fit.descent import Solution
from blase.fit.jacobian import Jacobian, jacobian
from blase.fit.objective import Objective

Progress = Callable[[int, float], None]
"""Called after every iteration with its number and the objective."""

LONGEST_STEP = 3.0
"""No parameter moves farther than this many prior widths at once."""
LEAST_DAMPING, MOST_DAMPING = 1e-9, 1e9
NOTHING_LEFT = 1e-9


class NormalEquations:
    """J^T J + 1 of a whitened Jacobian, in arrowhead storage."""

    def __init__(self, derivative: Jacobian) -> None:
        self.derivative = derivative
        local, dense = derivative.local, derivative.dense
        self.local_index, self.dense_index = derivative.local_index, derivative.dense_index
        self.band = band_storage((local.T @ local).tocsr())
        self.border = np.asarray(local.T @ dense)
        self.corner = dense.T @ dense + np.eye(dense.shape[1])
        if self.band.size:
            self.band[0] += 1.0

    def factor(self, damping: np.ndarray) -> ArrowheadFactor:
        """Factor with every entry of the diagonal enlarged by its own fraction `damping` (size,)."""
        band, corner = self.band.copy(), self.corner.copy()
        if band.size:
            band[0] *= 1 + damping[self.local_index]
        corner[np.diag_indices_from(corner)] *= 1 + damping[self.dense_index]
        return factor_arrowhead(band, self.border, corner)

    def solve(self, factor: ArrowheadFactor, vector: np.ndarray) -> np.ndarray:
        """Solution in the order of z of the factored system with right-hand side `vector`."""
        local, dense = factor.solve(vector[self.local_index], vector[self.dense_index])
        out = np.empty_like(vector)
        out[self.local_index], out[self.dense_index] = local, dense
        return out

    def diagonal(self) -> np.ndarray:
        """Diagonal of J^T J + 1 in the order of z."""
        out = np.empty(self.local_index.size + self.dense_index.size)
        if self.band.size:
            out[self.local_index] = self.band[0]
        out[self.dense_index] = np.diag(self.corner)
        return out

    def posterior_variance(self) -> np.ndarray:
        """Diagonal of (J^T J + 1)^-1: posterior over prior variance of every entry of z."""
        local, dense = self.factor(np.zeros(self.local_index.size + self.dense_index.size)).inverse_diagonal()
        out = np.empty(local.size + dense.size)
        out[self.local_index], out[self.dense_index] = local, dense
        return out


@dataclass(frozen=True)
class Stretches:
    """Pieces of the spectrum that are damped, accepted and refused one by one.

    `pixel` (n_pixels,) and `parameter` (size,) give the stretch 0 .. count - 1 that each belongs to.
    """

    pixel: np.ndarray
    parameter: np.ndarray
    count: int

    @classmethod
    def single(cls, n_pixels: int, size: int) -> Stretches:
        """The whole spectrum as one stretch."""
        return cls(np.zeros(n_pixels, dtype=np.int64), np.zeros(size, dtype=np.int64), 1)

    def share(self, residuals: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The objective of every stretch (count,): its pixels and the priors of its parameters."""
        pixels = np.bincount(self.pixel, 0.5 * residuals**2, minlength=self.count)
        return pixels + np.bincount(self.parameter, 0.5 * z**2, minlength=self.count)

    def sum(self, per_parameter: np.ndarray) -> np.ndarray:
        """Sum over the parameters of every stretch, (count,)."""
        return np.bincount(self.parameter, per_parameter, minlength=self.count)


class _Descent:
    """State of one damped Gauss-Newton descent; `advance` makes one step."""

    def __init__(self, objective: Objective, start: Tensor, stretches: Stretches) -> None:
        self.objective, self.stretches = objective, stretches
        self.lower = objective.space.lower_bounds()
        self.z = np.maximum(start.numpy().copy(), self.lower)
        self.damping = np.full(stretches.count, 1e-3)
        self.growth = np.full(stretches.count, 2.0)
        self.share = self._share(self.z)

    def _share(self, z: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            residuals = self.objective.residuals(torch.from_numpy(z)).numpy()
        share = self.stretches.share(residuals, z)
        return np.where(np.isfinite(share), share, np.inf)

    @property
    def value(self) -> float:
        """The objective where the descent stands."""
        return float(self.share.sum())

    def advance(self) -> float:
        """Linearise and step; returns the decrease that the undamped quadratic model still promises."""
        model = self.objective.model
        self.objective.space.store(model, torch.from_numpy(self.z))
        normal = NormalEquations(jacobian(model, self.objective.data, self.objective.space))
        _, gradient = self.objective.value_and_gradient(torch.from_numpy(self.z))
        slope = gradient.numpy().copy()
        slope[(self.z <= self.lower) & (slope > 0)] = 0.0
        while True:
            promised = self._try(normal, slope)
            if promised is not None:
                return promised
            if self.damping.min() > MOST_DAMPING:
                return 0.0

    def _try(self, normal: NormalEquations, slope: np.ndarray) -> float | None:
        """One trial step; the promised decrease if it was taken anywhere or nothing is left to gain."""
        each = self.damping[self.stretches.parameter]
        step = -normal.solve(normal.factor(each), slope)
        trial = np.maximum(self.z + np.clip(step, -LONGEST_STEP, LONGEST_STEP), self.lower)
        trial[(self.z <= self.lower) & (slope == 0)] = self.z[(self.z <= self.lower) & (slope == 0)]
        step = trial - self.z
        promised = self._promised(normal.derivative, slope, step)
        share = self._share(trial)
        worse = share > self.share
        if self.stretches.count > 1 and worse.any():
            trial = np.where(worse[self.stretches.parameter], self.z, trial)
            share = self._share(trial)
        accepted = share.sum() < self.share.sum()
        self._steer(self.share - share, promised, worse if accepted else np.ones_like(worse))
        if accepted:
            self.z, self.share = trial, share
        return float(promised.sum()) if accepted or 0 <= promised.sum() < NOTHING_LEFT else None

    def _promised(self, derivative: Jacobian, slope: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Decrease (count,) of the quadratic model along `step`."""
        change = np.bincount(
            self.stretches.pixel, 0.5 * derivative.along(step) ** 2, minlength=self.stretches.count
        )
        return -self.stretches.sum(slope * step + 0.5 * step**2) - change

    def _steer(self, gain: np.ndarray, promised: np.ndarray, refused: np.ndarray) -> None:
        ratio = np.clip(gain / np.maximum(promised, 1e-300), 0.0, 1.0)
        relaxed = self.damping * np.maximum(1 / 3, 1 - (2 * ratio - 1) ** 3)
        self.damping = np.clip(np.where(refused, self.damping * self.growth, relaxed), LEAST_DAMPING, None)
        self.growth = np.where(refused, 2 * self.growth, 2.0)


def minimise_structured(
    objective: Objective,
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
    """
    with threadpool_limits(1, user_api="blas"):  # threads only get in the way of a narrow band
        return _minimise(objective, start, stretches, max_iterations, tolerance, progress)


def _minimise(
    objective: Objective,
    start: Tensor,
    stretches: Stretches | None,
    max_iterations: int,
    tolerance: float,
    progress: Progress | None,
) -> Solution:
    stretches = stretches or Stretches.single(objective.data.flux.numel(), start.numel())
    descent = _Descent(objective, start, stretches)
    history: list[dict[str, Any]] = []
    converged, reason = False, f"{max_iterations} iterations were not enough: raise max_iterations"
    for iteration in range(1, max_iterations + 1):
        before = descent.value
        promised = descent.advance()
        history.append({"iteration": iteration, "objective": descent.value, "promised": promised})
        if progress is not None:
            progress(iteration, descent.value)
        if before - descent.value < tolerance:
            converged, reason = True, f"the last step gained less than {tolerance:g} in ln(posterior)"
            break
    z = torch.from_numpy(descent.z)
    objective.space.store(objective.model, z)
    return Solution(z, descent.value, converged, reason, history)
