"""Evidence of a model in Laplace's approximation, and the widths of priors that raise it.

With H = J^T J + diag(rho''(z)) at the most probable z (MacKay 1992, Neural Comput. 4, 415; Tierney & Kadane
1986, doi:10.1080/01621459.1986.10478240),

    ln p(data) = -sum_p [r_p^2 / 2 + ln(sigma_p sqrt(2 pi))]
                 - sum_k [rho(z_k) + ln N_k - ln(2 pi) / 2] - ln(det H) / 2,

N_k the integral of exp(-rho). Where the entries k of one class share a width s, at fixed J,

    d ln p / d ln s = sum_k [rho'_k z_k - 1 + v_k (rho''_k + rho'''_k z_k / 2)] - sum_i v_i rho'''_i u_i / 2,

v the posterior variance of z and u = H^-1 (rho'' z + rho') over the class: the most probable z moves with the
width, and where the prior is not normal its curvature moves with z. For normal priors this is MacKay's
sum(z^2) - sum(1 - v), whose zero is the fixed point.

Of a parameter that the data do not determine, the exact evidence does not depend on its prior. Laplace's
approximation sees the peak of the prior and not its tails, and so takes off ln N_k - ln(2 pi) / 2 each:
evidences of different widths may be compared, those of different shapes may not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blase.fit.data_space import Posterior
from blase.fit.line_blocks import FloatArray, IntArray
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def log_evidence(objective: Objective[Any], z: Tensor, log_determinant: float) -> float:
    """ln p(data | widths, noise) in Laplace's approximation about the most probable `z` (size,).

    `log_determinant` is that of J^T J + 1 in units of `ParameterSpace.gaussian_at`, as in `Posterior`.
    """
    space, data = objective.space, objective.data
    noise = float(torch.log(data.sigma[data.used]).sum()) + _HALF_LOG_TWO_PI * int(data.used.sum())
    norm = float((space.log_norm() - _HALF_LOG_TWO_PI).sum())
    curved = float(torch.log(space.curvature(z)).sum())
    return -objective.value(z) - noise - norm - 0.5 * (log_determinant + curved)


@dataclass(frozen=True)
class WidthSlope:
    """d ln(evidence) / d ln(width) of one class is `departures` - `determined`, neither below zero.

    For normal priors the sum of z squared and the number of entries that the data determine.
    """

    departures: float
    determined: float


class Evidence:
    """Slopes of the evidence about the most probable `z` (size,).

    `normal` and `posterior` are those under the priors of `ParameterSpace.gaussian_at`.
    """

    def __init__(
        self, objective: Objective[Any], z: Tensor, normal: NormalEquations, posterior: Posterior
    ) -> None:
        space = objective.space
        self._normal, self._gaussian = normal, space.is_gaussian
        self._z = z.numpy()
        self._slope = (space.weight(z) * z).numpy()
        self._curvature, self._skew = space.curvature(z).numpy(), space.skew(z).numpy()
        self._told = posterior.variance  # of z, times the curvature of the prior

    def by_width(self, where: slice | IntArray) -> WidthSlope:
        """Slope by the width that the entries `where` of z share."""
        departures = float((self._slope * self._z)[where].sum())
        determined = float((1.0 - self._told[where]).sum())
        bend = 0.0 if self._gaussian else self._bend(where)
        return WidthSlope(departures + max(bend, 0.0), determined + max(-bend, 0.0))

    def _bend(self, where: slice | IntArray) -> float:
        """What the third derivative of the priors adds."""
        relative = self._told * self._skew / self._curvature
        push = np.zeros_like(self._z)
        push[where] = (self._curvature * self._z + self._slope)[where]
        moved = self._solve(push)
        return 0.5 * float((relative * self._z)[where].sum() - (relative * moved).sum())

    def _solve(self, vector: FloatArray) -> FloatArray:
        """H^-1 `vector`, both (size,) in units of z."""
        root = np.sqrt(self._curvature)
        return np.asarray(self._normal.solve(np.zeros_like(root), vector / root) / root)
