"""Compiled loops behind `optical_depth`: each line touches only the samples inside its windows.

They hold no lock: whoever calls them may share lines or orders between threads. Wavelength, centre, sigma and
gamma share one unit (Angstrom).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from blase.functional.faddeeva import (
    SEAM,
    SERIES_COEFFICIENTS,
    SERIES_TERMS,
    WEIDEMAN_COEFFICIENTS,
    WEIDEMAN_ORDER,
    WEIDEMAN_SCALE,
)

_A = WEIDEMAN_COEFFICIENTS
_L = WEIDEMAN_SCALE
_N = WEIDEMAN_ORDER
_C = SERIES_COEFFICIENTS
_T = SERIES_TERMS
_SEAM = SEAM
_ROOT_PI = math.sqrt(math.pi)
_ROOT_2 = math.sqrt(2.0)
_ROOT_2PI = math.sqrt(2.0 * math.pi)
_INVERSE_PI = 1.0 / math.pi
_FLAGS = {"contract", "arcp", "nsz", "reassoc"}


@njit(cache=True, inline="always", fastmath=_FLAGS)
def _faddeeva(x: float, y: float) -> tuple[float, float]:
    """Real and imaginary part of w(x + iy), y >= 0; the formulas of `blase.functional.faddeeva`."""
    r2 = x * x + y * y
    if r2 >= _SEAM:
        inverse = 1.0 / r2
        zr, zi = x * inverse, -y * inverse  # 1/z
        ur, ui = zr * zr - zi * zi, 2.0 * zr * zi
        terms = _T if r2 < 400.0 else 6
        pr, pi = _C[terms - 1], 0.0
        for k in range(terms - 2, -1, -1):
            pr, pi = pr * ur - pi * ui + _C[k], pr * ui + pi * ur
        return -(pr * zi + pi * zr) / _ROOT_PI, (pr * zr - pi * zi) / _ROOT_PI
    dr, di = _L + y, -x  # L - iz
    inverse = 1.0 / (dr * dr + di * di)
    qr, qi = dr * inverse, -di * inverse  # 1/(L - iz)
    zr, zi = (_L - y) * qr - x * qi, (_L - y) * qi + x * qr
    pr, pi = _A[_N - 1], 0.0
    for k in range(_N - 2, -1, -1):
        pr, pi = pr * zr - pi * zi + _A[k], pr * zi + pi * zr
    sr, si = qr * qr - qi * qi, 2.0 * qr * qi
    wr = 2.0 * (pr * sr - pi * si) + qr / _ROOT_PI
    wi = 2.0 * (pr * si + pi * sr) + qi / _ROOT_PI
    return wr, wi


@njit(cache=True, inline="always", fastmath=_FLAGS)
def _slopes(x: float, sigma: float, gamma: float) -> tuple[float, float, float, float]:
    """V and its derivatives with respect to x, sigma and gamma, from w'(z) = -2 z w + 2i/sqrt(pi)."""
    scale = 1.0 / (sigma * _ROOT_2)
    norm = 1.0 / (sigma * _ROOT_2PI)
    zr, zi = x * scale, gamma * scale
    wr, wi = _faddeeva(zr, zi)
    dr = -2.0 * (zr * wr - zi * wi)
    di = -2.0 * (zr * wi + zi * wr) + 2.0 / _ROOT_PI
    value = wr * norm
    along_sigma = -(value + (dr * zr - di * zi) * norm) / sigma
    return value, dr * scale * norm, along_sigma, -di * scale * norm


@njit(cache=True, inline="always", fastmath=_FLAGS)
def _soft(x: float, narrow: float, wide: float) -> tuple[float, float]:
    """1/(x^2+b^2) - 1/(x^2+b'^2) over pi, and its derivative in x; b' <= 0 stands for no second term."""
    first = 1.0 / (x * x + narrow * narrow)
    value, slope = first, first * first
    if wide > 0.0:
        second = 1.0 / (x * x + wide * wide)
        value -= second
        slope -= second * second
    return value * _INVERSE_PI, -2.0 * x * slope * _INVERSE_PI


@njit(cache=True, inline="always")
def _window(grid: np.ndarray, centre: float, half: float) -> tuple[np.intp, np.intp]:
    return np.searchsorted(grid, centre - half), np.searchsorted(grid, centre + half)


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def near_value(grid, c, a, s, g, soft, half):  # type: ignore[no-untyped-def]
    """Sum of A (V - L_b) inside the windows `half` (m,) on `grid` (n,)."""
    out = np.zeros(grid.size)
    for j in range(c.size):
        lo, hi = _window(grid, c[j], half[j])
        scale, norm = 1.0 / (s[j] * _ROOT_2), a[j] / (s[j] * _ROOT_2PI)
        y, lorentz, b2 = g[j] * scale, a[j] * g[j] * _INVERSE_PI, soft[j] * soft[j]
        for i in range(lo, hi):
            x = grid[i] - c[j]
            out[i] += norm * _faddeeva(x * scale, y)[0] - lorentz / (x * x + b2)
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def near_tangent(grid, c, a, s, g, soft, half, dc, da, ds, dg):  # type: ignore[no-untyped-def]
    """Directional derivative of `near_value` along (dc, da, ds, dg)."""
    out = np.zeros(grid.size)
    for j in range(c.size):
        lo, hi = _window(grid, c[j], half[j])
        for i in range(lo, hi):
            x = grid[i] - c[j]
            v, vx, vs, vg = _slopes(x, s[j], g[j])
            w, wx = _soft(x, soft[j], -1.0)
            out[i] += da[j] * (v - g[j] * w) + a[j] * (
                ds[j] * vs + dg[j] * (vg - w) - dc[j] * (vx - g[j] * wx)
            )
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def near_tangents(grid, c, a, s, g, soft, half, dc, da, ds, dg):  # type: ignore[no-untyped-def]
    """`near_tangent`, and those by the logarithms of all strengths, all sigmas, all gammas: (4, n)."""
    out = np.zeros((4, grid.size))
    for j in range(c.size):
        lo, hi = _window(grid, c[j], half[j])
        for i in range(lo, hi):
            x = grid[i] - c[j]
            v, vx, vs, vg = _slopes(x, s[j], g[j])
            w, wx = _soft(x, soft[j], -1.0)
            out[0, i] += da[j] * (v - g[j] * w) + a[j] * (
                ds[j] * vs + dg[j] * (vg - w) - dc[j] * (vx - g[j] * wx)
            )
            out[1, i] += a[j] * (v - g[j] * w)
            out[2, i] += a[j] * s[j] * vs
            out[3, i] += a[j] * g[j] * (vg - w)
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def near_adjoint(grid, c, a, s, g, soft, half, bar):  # type: ignore[no-untyped-def]
    """Gradient (4, m) over centre, strength, sigma, gamma of sum_i bar_i * near_value_i."""
    out = np.zeros((4, c.size))
    for j in range(c.size):
        lo, hi = _window(grid, c[j], half[j])
        gc, ga, gs, gg = 0.0, 0.0, 0.0, 0.0
        for i in range(lo, hi):
            x = grid[i] - c[j]
            v, vx, vs, vg = _slopes(x, s[j], g[j])
            w, wx = _soft(x, soft[j], -1.0)
            gc -= bar[i] * (vx - g[j] * wx)
            ga += bar[i] * (v - g[j] * w)
            gs += bar[i] * vs
            gg += bar[i] * (vg - w)
        out[0, j], out[1, j], out[2, j], out[3, j] = a[j] * gc, ga, a[j] * gs, a[j] * gg
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def wing_value(grid, c, a, g, narrow, wide, half):  # type: ignore[no-untyped-def]
    """Sum of A gamma (l_b - l_b') inside the windows on a coarse `grid`; half <= 0 skips the line."""
    out = np.zeros(grid.size)
    for j in range(c.size):
        if half[j] > 0.0:
            lo, hi = _window(grid, c[j], half[j])
            for i in range(lo, hi):
                out[i] += a[j] * g[j] * _soft(grid[i] - c[j], narrow[j], wide[j])[0]
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def wing_tangent(grid, c, a, g, narrow, wide, half, dc, da, dg):  # type: ignore[no-untyped-def]
    """Directional derivative of `wing_value` along (dc, da, dg)."""
    out = np.zeros(grid.size)
    for j in range(c.size):
        if half[j] > 0.0:
            lo, hi = _window(grid, c[j], half[j])
            along_value, along_slope = da[j] * g[j] + a[j] * dg[j], -a[j] * g[j] * dc[j]
            for i in range(lo, hi):
                w, wx = _soft(grid[i] - c[j], narrow[j], wide[j])
                out[i] += along_value * w + along_slope * wx
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def wing_adjoint(grid, c, a, g, narrow, wide, half, bar):  # type: ignore[no-untyped-def]
    """Gradient (3, m) over centre, strength, gamma of sum_i bar_i * wing_value_i."""
    out = np.zeros((3, c.size))
    for j in range(c.size):
        if half[j] > 0.0:
            lo, hi = _window(grid, c[j], half[j])
            value, slope = 0.0, 0.0
            for i in range(lo, hi):
                w, wx = _soft(grid[i] - c[j], narrow[j], wide[j])
                value += bar[i] * w
                slope += bar[i] * wx
            out[0, j], out[1, j], out[2, j] = -a[j] * g[j] * slope, g[j] * value, a[j] * value
    return out


@njit(cache=True, nogil=True)
def interpolate(coarse, index, weight, out):  # type: ignore[no-untyped-def]
    """Add to `out` (n,) the six-point interpolation of `coarse`."""
    for i in range(out.size):
        total = 0.0
        for k in range(weight.shape[1]):
            total += weight[i, k] * coarse[index[i] + k]
        out[i] += total


@njit(cache=True, nogil=True)
def interpolate_adjoint(bar, index, weight, size):  # type: ignore[no-untyped-def]
    """Transpose of `interpolate`: (n,) to (size,)."""
    out = np.zeros(size)
    for i in range(bar.size):
        for k in range(weight.shape[1]):
            out[index[i] + k] += weight[i, k] * bar[i]
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def window_derivatives(grid, c, a, s, g, lo, hi, start):  # type: ignore[no-untyped-def]
    """Derivatives of A V over centre, strength, sigma, gamma, (4, total): line j fills start[j] onwards."""
    out = np.empty((4, start[-1]))
    for j in range(c.size):
        k = start[j]
        for i in range(lo[j], hi[j]):
            v, vx, vs, vg = _slopes(grid[i] - c[j], s[j], g[j])
            out[0, k], out[1, k], out[2, k], out[3, k] = -a[j] * vx, v, a[j] * vs, a[j] * vg
            k += 1
    return out
