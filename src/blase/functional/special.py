"""Bessel functions divided by their leading power: entire functions of q = s^2, differentiable at q = 0.

    Lambda_n(q) = J_n(s) / s^n,    lambda_n(q) = j_n(s) / s^n,    s = sqrt(q)

Both obey d/dq Lambda_n = -Lambda_{n+1} / 2 (DLMF 10.6.6 and 10.51.3), so that the derivative of every order
is again a member of the family: backward, double backward and forward mode are exact.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from blase.functional.bessel import bessel_j0_j1

_TERMS = 32  # leaves less than 1e-20 of the sum for every q in the range of the series, and for q > -100


def bessel_lambda(q: Tensor, order: int) -> Tensor:
    """Lambda_n(q) = J_n(sqrt q) / (sqrt q)^n; Lambda_n(0) = 1 / (2^n n!).

    Parameters
    ----------
    q : any shape, float64, q > -100. A negative q continues the function analytically.
    order : n >= 0.

    Returns
    -------
    Same shape as q. Error below 1e-13 of the envelope of oscillation for n <= 7.
    """
    return _BesselLambda.apply(q, order, False)


def spherical_bessel_lambda(q: Tensor, order: int) -> Tensor:
    """lambda_n(q) = j_n(sqrt q) / (sqrt q)^n; lambda_n(0) = 1 / (2n + 1)!!.

    Parameters
    ----------
    q : any shape, float64, q > -100. A negative q continues the function analytically.
    order : n >= 0.

    Returns
    -------
    Same shape as q. Error below 1e-13 of the envelope of oscillation for n <= 7.
    """
    return _BesselLambda.apply(q, order, True)


class _BesselLambda(torch.autograd.Function):
    """Value of either family, with the derivative rule above as backward and forward-mode rule."""

    @staticmethod
    def forward(q: Tensor, order: int, spherical: bool) -> Tensor:
        result = torch.empty_like(q)
        near = q < (order + 2.0) ** 2
        result[near] = _power_series(q[near], order, spherical)
        result[~near] = _upward_recursion(q[~near], order, spherical)
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, bool], output: Tensor) -> None:
        q, ctx.order, ctx.spherical = inputs
        ctx.save_for_backward(q)
        ctx.save_for_forward(q)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Tensor, int | None]:
        return _BesselLambda.apply(*args), in_dims[0]  # elementwise: the batch dimension stays where it is

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0] * _derivative(ctx), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        return tangents[0] * _derivative(ctx)


def _derivative(ctx: Any) -> Tensor:
    (q,) = ctx.saved_tensors
    return -0.5 * _BesselLambda.apply(q, ctx.order + 1, ctx.spherical)


def _power_series(q: Tensor, order: int, spherical: bool) -> Tensor:
    """DLMF 10.2.2 and 10.53.1, nested: a_0 (1 - q/(2 1 (2nu + 2)) (1 - q/(2 2 (2nu + 4)) (1 - ...))).

    nu = n for J_n and n + 1/2 for j_n. Loses at most two digits to cancellation for q < (n + 2)^2.
    """
    two_nu = 2 * order + spherical
    total = torch.ones_like(q)
    for m in range(_TERMS, 0, -1):
        total = 1.0 - q * total / (2.0 * m * (two_nu + 2.0 * m))
    return total * _value_at_zero(order, spherical)


def _value_at_zero(order: int, spherical: bool) -> float:
    if spherical:
        return 1.0 / math.prod(range(1, 2 * order + 2, 2))
    return 1.0 / (2.0**order * math.factorial(order))


def _upward_recursion(q: Tensor, order: int, spherical: bool) -> Tensor:
    """Lambda_{m+1} = (2 nu Lambda_m - Lambda_{m-1}) / q (DLMF 10.6.1, 10.51.1): stable for q > n^2."""
    s = torch.sqrt(q)
    if spherical:
        lower, current = torch.sin(s) / s, (torch.sin(s) / s - torch.cos(s)) / q
    else:
        lower, current = bessel_j0_j1(s)
        current = current / s
    if order == 0:
        return lower
    for m in range(1, order):
        lower, current = current, ((2 * m + spherical) * current - lower) / q
    return current
