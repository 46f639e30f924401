"""J_0 and J_1 to double precision on any device.

torch.special.bessel_j0 and bessel_j1 (torch 2.13) are off by up to 1e-6 between s = 3 and s = 30, which is
too coarse here. These are not differentiable by themselves: `blase.functional.special` adds the derivatives.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import jv
from torch import Tensor

_SEAM = 25.0  # below it the Chebyshev series, above it Hankel's expansion; both reach 1e-16 there
_CHEBYSHEV_TERMS = 36
_HANKEL_TERMS = 20


def bessel_j0_j1(s: Tensor) -> tuple[Tensor, Tensor]:
    """J_0(s) and J_1(s) for s > 0, any shape; absolute error below 3e-15 of the envelope sqrt(2 / (pi s))."""
    zeroth, first = torch.empty_like(s), torch.empty_like(s)
    near = s < _SEAM
    for part, evaluate in ((near, _chebyshev), (~near, _hankel)):
        zeroth[part], first[part] = evaluate(s[part])
    return zeroth, first


def _chebyshev_coefficients() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chebyshev coefficients of J_0(s) and J_1(s) / s in t = 1 - 2 s^2 / S^2 on 0 <= s <= S = 25.

    Graf's addition theorem (DLMF 10.23.7 with order 0 and u = v = z = S/2) gives
    J_0(s) = J_0(z)^2 + 2 sum_k J_k(z)^2 T_k(t); J_1(s) / s = -2 dJ_0/d(s^2) = (4 / S^2) dJ_0/dt.
    """
    squares = jv(np.arange(_CHEBYSHEV_TERMS), 0.5 * _SEAM) ** 2
    zeroth = np.concatenate([squares[:1], 2.0 * squares[1:]])
    return zeroth, np.polynomial.chebyshev.chebder(zeroth) * (4.0 / _SEAM**2)


_ZEROTH, _FIRST = _chebyshev_coefficients()


def _chebyshev(s: Tensor) -> tuple[Tensor, Tensor]:
    t = 1.0 - 2.0 * (s / _SEAM) ** 2
    return _clenshaw(t, _ZEROTH), s * _clenshaw(t, _FIRST)


def _clenshaw(t: Tensor, coefficients: NDArray[np.float64]) -> Tensor:
    """Sum of c_k T_k(t) by Clenshaw's recurrence."""
    twice = 2.0 * t
    later = latest = torch.zeros_like(t)
    for c in coefficients[:0:-1]:
        latest, later = float(c) + twice * latest - later, latest
    return float(coefficients[0]) + t * latest - later


def _hankel(s: Tensor) -> tuple[Tensor, Tensor]:
    """Hankel's expansion (DLMF 10.17.3) J_n = sqrt(2/(pi s)) [P_n cos(w_n) - Q_n sin(w_n)].

    w_n = s - n pi/2 - pi/4. cos(w_0) = (cos s + sin s) / sqrt 2 adds no rounding to the phase.
    """
    cos_s, sin_s = torch.cos(s), torch.sin(s)
    cosine, sine = cos_s + sin_s, sin_s - cos_s  # sqrt(2) times those of w_0
    scale = 1.0 / torch.sqrt(math.pi * s)
    p0, q0 = _hankel_sums(s, order=0)
    p1, q1 = _hankel_sums(s, order=1)
    return scale * (p0 * cosine - q0 * sine), scale * (p1 * sine + q1 * cosine)


def _hankel_sums(s: Tensor, *, order: int) -> tuple[Tensor, Tensor]:
    """P = sum (-1)^k a_2k / s^2k and Q = sum (-1)^k a_{2k+1} / s^{2k+1}, a_k from DLMF 10.17.1."""
    a = [1.0]
    for k in range(1, _HANKEL_TERMS):
        a.append(a[-1] * (4.0 * order**2 - (2.0 * k - 1.0) ** 2) / (8.0 * k))
    inverse = -1.0 / s**2
    p, q = torch.zeros_like(s), torch.zeros_like(s)
    for even, odd in zip(a[-2::-2], a[-1::-2], strict=True):
        p, q = even + inverse * p, odd + inverse * q
    return p, q / s
