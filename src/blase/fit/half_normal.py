"""A half-normal belief in a positive number A whose logarithm is fitted.

    p(A) = sqrt(2 / pi) / s exp(-A^2 / (2 s^2)), A >= 0

is, of x = ln(A / s), the density p(x) = sqrt(2 / pi) exp(x - exp(2 x) / 2). It is largest at A = s with the
curvature 2, so that with the whitened z = sqrt(2) x

    rho(z) = (exp(sqrt(2) z) - 1 - sqrt(2) z) / 2.

Nothing is cut off and nothing is at a bound: the strength cannot become negative, its logarithm has a
gradient everywhere, and the evidence in Laplace's approximation is that of the half-normal prior.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.fit.penalties import Shape

_ROOT = math.sqrt(2.0)
WIDTH = 1.0 / _ROOT
"""Prior width of ln A: with it, z = (ln A - ln s) / `WIDTH`."""
_FARTHEST = 100.0
"""z beyond which the exponential is cut, far from where any step leads, lest it overflow."""


def _grown(z: Tensor) -> Tensor:
    return torch.exp(_ROOT * z.clamp(max=_FARTHEST))


def _penalty(z: Tensor) -> Tensor:
    return 0.5 * (torch.expm1(_ROOT * z.clamp(max=_FARTHEST)) - _ROOT * z)


def _weight(z: Tensor) -> Tensor:
    near = z.abs() < 1e-6
    safe = torch.where(near, torch.ones_like(z), z)
    return torch.where(near, 1.0 + z / _ROOT, torch.expm1(_ROOT * safe.clamp(max=_FARTHEST)) / (_ROOT * safe))


def _deviation() -> float:
    """Standard deviation of z: Var ln A = pi^2 / 8, as ln(A^2) is the logarithm of a chi-square number."""
    return _ROOT * math.pi / math.sqrt(8.0)


HALF_NORMAL = Shape(
    "half-normal",
    penalty=_penalty,
    weight=_weight,
    curvature=_grown,
    skew=lambda z: _ROOT * _grown(z),
    deviation=_deviation(),
    log_norm=0.5 + 0.5 * math.log(math.pi),
)


def partly(shape: Shape, which: NDArray[np.bool_]) -> Shape:
    """`shape`, but half-normal where `which` (n,) says."""
    index = torch.from_numpy(np.flatnonzero(which))

    def both(name: str) -> Callable[[Tensor], Tensor]:
        def value(z: Tensor) -> Tensor:
            special = getattr(HALF_NORMAL, name)(z[index])
            return getattr(shape, name)(z).index_put((index,), special)

        return value

    return replace(
        shape,
        name=f"{shape.name}, half-normal where added",
        penalty=both("penalty"),
        weight=both("weight"),
        curvature=both("curvature"),
        skew=both("skew"),
        log_norm=torch.from_numpy(np.where(which, HALF_NORMAL.log_norm, shape.log_norm)),
    )
