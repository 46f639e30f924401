"""Shapes of priors: -ln p of a whitened entry z up to a constant, zero and of unit curvature at its mode.

- gaussian: z^2 / 2;
- laplace: sqrt(1 + z^2) - 1, Laplace's exponential tails, the peak rounded over one scale so that it has a
  curvature (the hyperbolic distribution, Barndorff-Nielsen 1977, doi:10.1098/rspa.1977.0041);
- student-t: (nu + 1)/2 ln(1 + z^2/(nu + 1)) with nu = 4 degrees of freedom.

Near zero all are the same normal prior; far away the others let a few entries go while they hold the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.special import gammaln, kve
from torch import Tensor

DEGREES_OF_FREEDOM = 4.0
"""Of Student's t: few, for heavy tails, and enough for a variance."""

_ONE_MORE = DEGREES_OF_FREEDOM + 1.0


@dataclass(frozen=True)
class Shape:
    """One shape; every function works entry by entry on a tensor z.

    Attributes
    ----------
    penalty : rho(z) = -ln p + constant.
    weight : rho'(z) / z, the curvature of the parabola that touches rho at z and bounds it from above, in
        (0, 1]: that of iteratively reweighted least squares (Huber 1981, Robust Statistics, ch. 7).
    curvature : rho''(z); it may be negative.
    skew : rho'''(z).
    deviation : standard deviation of z.
    log_norm : ln of the integral of exp(-rho), one number or one for every entry.
    """

    name: str
    penalty: Callable[[Tensor], Tensor]
    weight: Callable[[Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor]
    skew: Callable[[Tensor], Tensor]
    deviation: float
    log_norm: float | Tensor


def _laplace_skew(z: Tensor) -> Tensor:
    return -3.0 * z * (1.0 + z * z) ** -2.5


def _student_curvature(z: Tensor) -> Tensor:
    u = z * z / _ONE_MORE
    return (1.0 - u) / (1.0 + u) ** 2


def _student_skew(z: Tensor) -> Tensor:
    u = z * z / _ONE_MORE
    return -2.0 * z / _ONE_MORE * (3.0 - u) / (1.0 + u) ** 3


GAUSSIAN = Shape(
    "gaussian",
    penalty=lambda z: 0.5 * z * z,
    weight=torch.ones_like,
    curvature=torch.ones_like,
    skew=torch.zeros_like,
    deviation=1.0,
    log_norm=0.5 * math.log(2.0 * math.pi),
)
LAPLACE = Shape(
    "laplace",
    penalty=lambda z: z * z / (1.0 + torch.sqrt(1.0 + z * z)),
    weight=lambda z: torch.rsqrt(1.0 + z * z),
    curvature=lambda z: (1.0 + z * z) ** -1.5,
    skew=_laplace_skew,
    deviation=float((kve(2, 1.0) / kve(1, 1.0)) ** 0.5),
    log_norm=math.log(2.0 * kve(1, 1.0)),
)
STUDENT_T = Shape(
    "student-t",
    penalty=lambda z: 0.5 * _ONE_MORE * torch.log1p(z * z / _ONE_MORE),
    weight=lambda z: 1.0 / (1.0 + z * z / _ONE_MORE),
    curvature=_student_curvature,
    skew=_student_skew,
    deviation=(_ONE_MORE / (DEGREES_OF_FREEDOM - 2.0)) ** 0.5,
    log_norm=float(
        gammaln(0.5 * DEGREES_OF_FREEDOM) - gammaln(0.5 * _ONE_MORE) + 0.5 * math.log(math.pi * _ONE_MORE)
    ),
)
SHAPES = {shape.name: shape for shape in (GAUSSIAN, LAPLACE, STUDENT_T)}
"""Every shape by its name."""
