"""Equivalent width of a Voigt line from its parameters."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import voigt_profile

from blase.functional.core_floor import effective_depth

FloatArray = NDArray[np.float64]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_FAINT = 1e-4
"""Optical depth beyond which a wing is summed analytically."""


def equivalent_width(
    strength: FloatArray,
    *,
    sigma: FloatArray,
    gamma: FloatArray,
    floors: dict[str, FloatArray] | None = None,
) -> FloatArray:
    """W = integral of 1 - exp(-A V(x)) dx of single lines, relative error below 1e-6, shape (n,).

    `strength`, `sigma` (standard deviation) and `gamma` (half width) share one unit, which W has too. With
    `floors`, the arguments (n,) of `effective_depth` of all these lines, 1 - S is integrated instead.
    Gauss-Legendre quadrature in u with x = s sinh(u), s = sigma + gamma, out to where the wing is optically
    thin; beyond, the integral of A gamma / (pi x^2).
    """
    a, s, g = (np.atleast_1d(np.asarray(p, dtype=np.float64)) for p in (strength, sigma, gamma))
    scale = s + g
    end = np.maximum(12 * scale, np.sqrt(a * g / (np.pi * _FAINT)))
    reach = np.arcsinh(end / scale)
    u = 0.5 * reach[:, None] * (_NODES + 1)
    x = scale[:, None] * np.sinh(u)
    depth = a[:, None] * voigt_profile(x, s[:, None], g[:, None])
    absorbed = -np.expm1(-(depth if floors is None else _effective(depth, floors)))
    core = (absorbed * np.cosh(u)) @ _WEIGHTS * 0.5 * reach * scale
    return np.asarray(2 * (core + _tail(a, s, g, end)))


def _effective(depth: FloatArray, floors: dict[str, FloatArray]) -> FloatArray:
    """Effective depth (n, m) of lines with floors, whose levels are (n,)."""
    levels = {name: torch.from_numpy(np.asarray(level)[:, None]) for name, level in floors.items()}
    return np.asarray(effective_depth(torch.from_numpy(depth), **levels))


def _tail(a: FloatArray, s: FloatArray, g: FloatArray, end: FloatArray) -> FloatArray:
    """Integral of A V from `end` to infinity: gamma / (pi x^2) (1 + (3 sigma^2 - gamma^2) / x^2)."""
    return np.asarray(a * g / np.pi * (1 / end + (3 * s**2 - g**2) / (3 * end**3)))
