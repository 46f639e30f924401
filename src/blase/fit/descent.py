"""The general path: minimise any differentiable objective by quasi-Newton descent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective


@dataclass(frozen=True)
class Solution:
    """Where a solver stopped: whitened vector, objective, whether it converged, why, and the way there.

    The structured path adds its `damping`, stretch by stretch, the `residuals` (n_pixels,) in units of their
    errors, and `normal`, the linearised problem of its last step, about where that step began.
    """

    z: Tensor
    objective: float
    converged: bool
    reason: str
    history: list[dict[str, Any]] = field(default_factory=list)
    damping: np.ndarray | None = None
    residuals: np.ndarray | None = None
    normal: NormalEquations | None = None


def minimise_by_descent(
    objective: Objective[Any],
    start: Tensor,
    *,
    max_iterations: int = 2000,
    tolerance: float = 1e-10,
    progress: Callable[[int, float], None] | None = None,
) -> Solution:
    """Minimise `objective` from `start` (size,) with bounded L-BFGS (Byrd et al. 1995, doi:10.1137/0916069).

    Needs nothing of the model but that autograd can differentiate it, on the device where `start` and the
    objective are. `tolerance` is the relative decrease of the objective below which it stops.
    """
    history: list[dict[str, Any]] = []

    def evaluate(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective.value_and_gradient(torch.from_numpy(z.copy()).to(start.device))
        return value, gradient.cpu().numpy()

    def report(intermediate_result: Any) -> None:
        history.append({"iteration": len(history) + 1, "objective": float(intermediate_result.fun)})
        if progress is not None:
            progress(len(history), float(intermediate_result.fun))

    found = minimize(
        evaluate,
        start.cpu().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, None) for low in objective.space.lower_bounds()],
        callback=report,
        options={
            "maxiter": max_iterations,
            "maxfun": 2 * max_iterations,
            "ftol": tolerance,
            "gtol": 1e-7,
            "maxcor": 30,
        },
    )
    return Solution(
        torch.from_numpy(found.x.copy()).to(start.device),
        float(found.fun),
        bool(found.success),
        str(found.message),
        history,
    )
