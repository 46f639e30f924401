"""The Faddeeva function w(z) = exp(-z^2) erfc(-iz) in the upper half plane, in plain torch.

Two analytic forms meet at |z|^2 = 36: Weideman's rational expansion inside
(Weideman 1994, SIAM J. Numer. Anal. 31, 1497, doi:10.1137/0731077, eq. 38, N = 32, error 4e-14) and the
asymptotic series outside (Abramowitz & Stegun 7.1.23, 14 terms, relative error 4e-13).
The coefficients here also serve the compiled back end, so that both compute the same numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WEIDEMAN_ORDER = 32
SERIES_TERMS = 14
SEAM = 36.0
"""|z|^2 at which the asymptotic series takes over."""


def _weideman(order: int) -> tuple[float, np.ndarray]:
    """Scale L and coefficients a_1..a_N of Weideman's expansion (his eqs. 33-38), lowest power first."""
    m = 2 * order
    k = np.arange(-m + 1, m)
    scale = float(np.sqrt(order / np.sqrt(2.0)))
    t = scale * np.tan(k * np.pi / (2 * m))
    f = np.concatenate([[0.0], np.exp(-(t**2)) * (scale**2 + t**2)])
    coefficients = np.real(np.fft.fft(np.fft.fftshift(f)))[1 : order + 1] / (2 * m)
    return scale, coefficients


WEIDEMAN_SCALE, WEIDEMAN_COEFFICIENTS = _weideman(WEIDEMAN_ORDER)
SERIES_COEFFICIENTS = np.cumprod(np.concatenate([[1.0], np.arange(1, 2 * SERIES_TERMS - 2, 2) / 2.0]))
"""(2n-1)!!/2^n for n = 0, 1, ...: w(z) = i/(sqrt(pi) z) * sum_n c_n z^(-2n)."""


def _inside(z: Tensor) -> Tensor:
    iz = 1j * z
    denominator = WEIDEMAN_SCALE - iz
    ratio = (WEIDEMAN_SCALE + iz) / denominator
    p = torch.zeros_like(z)
    for a in WEIDEMAN_COEFFICIENTS[::-1]:
        p = p * ratio + float(a)
    return 2 * p / denominator**2 + 1 / (np.sqrt(np.pi) * denominator)


def _outside(z: Tensor) -> Tensor:
    u = 1 / z**2
    p = torch.zeros_like(z)
    for c in SERIES_COEFFICIENTS[::-1]:
        p = p * u + float(c)
    return 1j * p / (np.sqrt(np.pi) * z)


def faddeeva(z: Tensor) -> Tensor:
    """w(z) for complex `z` of any shape with Im z >= 0; absolute error below 1e-12.

    Built of plain torch operations, hence differentiable to any order in reverse and forward mode. The
    argument is swapped for a harmless one on the far side of the seam so that no branch yields NaN.
    """
    outside = z.real**2 + z.imag**2 >= SEAM
    inner = torch.where(outside, torch.ones_like(z), z)
    outer = torch.where(outside, z, torch.full_like(z, 10.0))
    return torch.where(outside, _outside(outer), _inside(inner))
