"""Compiled loops behind `optical_depth`: each line touches only the samples inside its windows.

They hold no lock: whoever calls them may share lines or orders between threads. Far from the core the
series of w has no branch, near it a block of samples is worked on side by side, loops run over slices from
zero, and a division by zero is no exception: so the compiler can use vector instructions, which makes sums
three to six times as fast. Wavelength, centre, sigma and gamma share one unit (Angstrom).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from blase.functional.faddeeva import (
    SERIES_COEFFICIENTS,
    WEIDEMAN_COEFFICIENTS,
    WEIDEMAN_ORDER,
    WEIDEMAN_SCALE,
)

_A = WEIDEMAN_COEFFICIENTS
_L = WEIDEMAN_SCALE
_N = WEIDEMAN_ORDER
_ROOT_PI = math.sqrt(math.pi)
_ROOT_2 = math.sqrt(2.0)
_ROOT_2PI = math.sqrt(2.0 * math.pi)
_INVERSE_PI = 1.0 / math.pi
_FAR = 100.0
"""|z|^2 beyond which eight terms of the series are exact to 1e-12."""
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7 = (float(c) for c in SERIES_COEFFICIENTS[:8])
_BLOCK = 16
"""Samples whose w(z) is computed side by side near the core."""
_FLAGS = {"contract", "arcp", "nsz", "reassoc"}


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _core(grid, first, count, centre, scale, y, block):  # type: ignore[no-untyped-def]
    """w(x + iy) of `count` <= `_BLOCK` samples from `first` on, x = (grid - centre) scale (Weideman).

    The real parts are left in block[0], the imaginary parts in block[1]; the rest of `block` (6, _BLOCK)
    is scratch. Terms run outside, samples inside, so that samples are worked on side by side.
    """
    wr, wi, zr, zi, qr, qi = block[0], block[1], block[2], block[3], block[4], block[5]
    for i in range(_BLOCK):
        x = (grid[min(first + i, first + count - 1)] - centre) * scale
        dr, di = _L + y, -x  # L - iz
        inverse = 1.0 / (dr * dr + di * di)
        qr[i], qi[i] = dr * inverse, -di * inverse  # 1/(L - iz)
        zr[i], zi[i] = (_L - y) * qr[i] - x * qi[i], (_L - y) * qi[i] + x * qr[i]
        wr[i], wi[i] = _A[_N - 1], 0.0
    for k in range(_N - 2, -1, -1):
        term = _A[k]
        for i in range(_BLOCK):
            real = wr[i] * zr[i] - wi[i] * zi[i] + term
            wi[i] = wr[i] * zi[i] + wi[i] * zr[i]
            wr[i] = real
    for i in range(_BLOCK):
        sr, si = qr[i] * qr[i] - qi[i] * qi[i], 2.0 * qr[i] * qi[i]
        real = 2.0 * (wr[i] * sr - wi[i] * si) + qr[i] / _ROOT_PI
        wi[i] = 2.0 * (wr[i] * si + wi[i] * sr) + qi[i] / _ROOT_PI
        wr[i] = real


@njit(cache=True, inline="always", fastmath=_FLAGS, error_model="numpy")
def _slopes_of(x, sigma, gamma, wr, wi, dr, di):  # type: ignore[no-untyped-def]
    """V and its derivatives with respect to x, sigma and gamma, from w and w' at z."""
    scale = 1.0 / (sigma * _ROOT_2)
    norm = 1.0 / (sigma * _ROOT_2PI)
    zr, zi = x * scale, gamma * scale
    value = wr * norm
    along_sigma = -(value + (dr * zr - di * zi) * norm) / sigma
    return value, dr * scale * norm, along_sigma, -di * scale * norm


@njit(cache=True, inline="always", fastmath=_FLAGS, error_model="numpy")
def _slopes(x, sigma, gamma, wr, wi):  # type: ignore[no-untyped-def]
    """V and its derivatives near the core, given w there: w'(z) = -2 z w + 2i/sqrt(pi)."""
    scale = 1.0 / (sigma * _ROOT_2)
    zr, zi = x * scale, gamma * scale
    dr = -2.0 * (zr * wr - zi * wi)
    di = -2.0 * (zr * wi + zi * wr) + 2.0 / _ROOT_PI
    return _slopes_of(x, sigma, gamma, wr, wi, dr, di)


@njit(cache=True, inline="always", fastmath=_FLAGS, error_model="numpy")
def _far_value(x: float, y: float) -> float:
    """Re w(x + iy) for |z|^2 >= `_FAR`: eight terms of the series, and no branch, so that loops vectorise."""
    inverse = 1.0 / (x * x + y * y)
    zr, zi = x * inverse, -y * inverse  # 1/z
    ur, ui = zr * zr - zi * zi, 2.0 * zr * zi
    pr, pi = _C7, 0.0
    pr, pi = pr * ur - pi * ui + _C6, pr * ui + pi * ur
    pr, pi = pr * ur - pi * ui + _C5, pr * ui + pi * ur
    pr, pi = pr * ur - pi * ui + _C4, pr * ui + pi * ur
    pr, pi = pr * ur - pi * ui + _C3, pr * ui + pi * ur
    pr, pi = pr * ur - pi * ui + _C2, pr * ui + pi * ur
    pr, pi = pr * ur - pi * ui + _C1, pr * ui + pi * ur
    pr, pi = pr * ur - pi * ui + _C0, pr * ui + pi * ur
    return -(pr * zi + pi * zr) / _ROOT_PI


@njit(cache=True, inline="always", fastmath=_FLAGS, error_model="numpy")
def _far_slopes(x: float, sigma: float, gamma: float) -> tuple[float, float, float, float]:
    """V and its derivatives for |z|^2 >= `_FAR`: w' = -i/(sqrt(pi) z^2) sum_n (2n+1) c_n z^(-2n)."""
    scale = 1.0 / (sigma * _ROOT_2)
    zr, zi = x * scale, gamma * scale
    inverse = 1.0 / (zr * zr + zi * zi)
    vr, vi = zr * inverse, -zi * inverse  # 1/z
    ur, ui = vr * vr - vi * vi, 2.0 * vr * vi
    pr, pi, qr, qi = _C7, 0.0, 15.0 * _C7, 0.0
    pr, pi = pr * ur - pi * ui + _C6, pr * ui + pi * ur
    qr, qi = qr * ur - qi * ui + 13.0 * _C6, qr * ui + qi * ur
    pr, pi = pr * ur - pi * ui + _C5, pr * ui + pi * ur
    qr, qi = qr * ur - qi * ui + 11.0 * _C5, qr * ui + qi * ur
    pr, pi = pr * ur - pi * ui + _C4, pr * ui + pi * ur
    qr, qi = qr * ur - qi * ui + 9.0 * _C4, qr * ui + qi * ur
    pr, pi = pr * ur - pi * ui + _C3, pr * ui + pi * ur
    qr, qi = qr * ur - qi * ui + 7.0 * _C3, qr * ui + qi * ur
    pr, pi = pr * ur - pi * ui + _C2, pr * ui + pi * ur
    qr, qi = qr * ur - qi * ui + 5.0 * _C2, qr * ui + qi * ur
    pr, pi = pr * ur - pi * ui + _C1, pr * ui + pi * ur
    qr, qi = qr * ur - qi * ui + 3.0 * _C1, qr * ui + qi * ur
    pr, pi = pr * ur - pi * ui + _C0, pr * ui + pi * ur
    qr, qi = qr * ur - qi * ui + _C0, qr * ui + qi * ur
    wr, wi = -(pr * vi + pi * vr) / _ROOT_PI, (pr * vr - pi * vi) / _ROOT_PI
    dr, di = (qr * ui + qi * ur) / _ROOT_PI, -(qr * ur - qi * ui) / _ROOT_PI
    return _slopes_of(x, sigma, gamma, wr, wi, dr, di)


@njit(cache=True, inline="always", fastmath=_FLAGS, error_model="numpy")
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


@njit(cache=True, inline="always")
def _zones(grid, centre, half, sigma, gamma):  # type: ignore[no-untyped-def]
    """Ends of the window on `grid`, and of the part of it where |z|^2 < `_FAR`."""
    lo, hi = _window(grid, centre, half)
    left, right = _core_of(grid, centre, sigma, gamma, lo, hi)
    return lo, left, right, hi


@njit(cache=True, inline="always")
def _core_of(grid, centre, sigma, gamma, lo, hi):  # type: ignore[no-untyped-def]
    """First and end of the samples between `lo` and `hi` with |z|^2 < `_FAR`."""
    near = math.sqrt(max(2.0 * _FAR * sigma * sigma - gamma * gamma, 0.0))
    left, right = _window(grid, centre, near)
    left = min(max(left, lo), hi)
    return left, min(max(right, left), hi)


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def near_value(grid, c, a, s, g, soft, half):  # type: ignore[no-untyped-def]
    """Sum of A (V - L_b) inside the windows `half` (m,) on `grid` (n,)."""
    out, block = np.zeros(grid.size), np.empty((6, _BLOCK))
    for j in range(c.size):
        lo, left, right, hi = _zones(grid, c[j], half[j], s[j], g[j])
        centre = c[j]
        scale, norm = 1.0 / (s[j] * _ROOT_2), a[j] / (s[j] * _ROOT_2PI)
        y, lorentz, b2 = g[j] * scale, a[j] * g[j] * _INVERSE_PI, soft[j] * soft[j]
        for first in range(left, right, _BLOCK):
            count = min(_BLOCK, right - first)
            _core(grid, first, count, centre, scale, y, block)
            for i in range(count):
                x = grid[first + i] - centre
                out[first + i] += norm * block[0, i] - lorentz / (x * x + b2)
        for side in range(2):
            begin, end = (lo, left) if side == 0 else (right, hi)
            samples, here = grid[begin:end], out[begin:end]
            for i in range(samples.size):
                x = samples[i] - centre
                here[i] += norm * _far_value(x * scale, y) - lorentz / (x * x + b2)
    return out


@njit(cache=True, inline="always", fastmath=_FLAGS, error_model="numpy")
def _tangent(a, g, dc, da, ds, dg, slopes, soft):  # type: ignore[no-untyped-def]
    v, vx, vs, vg = slopes
    w, wx = soft
    return da * (v - g * w) + a * (ds * vs + dg * (vg - w) - dc * (vx - g * wx))


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def near_tangents(grid, c, a, s, g, soft, half, dc, da, ds, dg):  # type: ignore[no-untyped-def]
    """Directional derivatives of `near_value`, (4, n).

    Along (dc, da, ds, dg), and along the logarithms of all strengths, of all sigmas and of all gammas.
    """
    out, block = np.zeros((4, grid.size)), np.empty((6, _BLOCK))
    along, strength, sigma, gamma = out[0], out[1], out[2], out[3]
    for j in range(c.size):
        lo, left, right, hi = _zones(grid, c[j], half[j], s[j], g[j])
        centre, aj, sj, gj, bj = c[j], a[j], s[j], g[j], soft[j]
        dcj, daj, dsj, dgj = dc[j], da[j], ds[j], dg[j]
        scale = 1.0 / (sj * _ROOT_2)
        for first in range(left, right, _BLOCK):
            count = min(_BLOCK, right - first)
            _core(grid, first, count, centre, scale, gj * scale, block)
            for k in range(count):
                i = first + k
                x = grid[i] - centre
                v, vx, vs, vg = _slopes(x, sj, gj, block[0, k], block[1, k])
                w, wx = _soft(x, bj, -1.0)
                along[i] += _tangent(aj, gj, dcj, daj, dsj, dgj, (v, vx, vs, vg), (w, wx))
                strength[i] += aj * (v - gj * w)
                sigma[i] += aj * sj * vs
                gamma[i] += aj * gj * (vg - w)
        for side in range(2):
            begin, end = (lo, left) if side == 0 else (right, hi)
            samples = grid[begin:end]
            h0, h1, h2, h3 = along[begin:end], strength[begin:end], sigma[begin:end], gamma[begin:end]
            for i in range(samples.size):
                x = samples[i] - centre
                v, vx, vs, vg = _far_slopes(x, sj, gj)
                w, wx = _soft(x, bj, -1.0)
                h0[i] += _tangent(aj, gj, dcj, daj, dsj, dgj, (v, vx, vs, vg), (w, wx))
                h1[i] += aj * (v - gj * w)
                h2[i] += aj * sj * vs
                h3[i] += aj * gj * (vg - w)
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def near_adjoint(grid, c, a, s, g, soft, half, bar):  # type: ignore[no-untyped-def]
    """Gradient (4, m) over centre, strength, sigma, gamma of sum_i bar_i * near_value_i."""
    out, block = np.zeros((4, c.size)), np.empty((6, _BLOCK))
    for j in range(c.size):
        lo, left, right, hi = _zones(grid, c[j], half[j], s[j], g[j])
        centre, sj, gj, bj = c[j], s[j], g[j], soft[j]
        gc, ga, gs, gg = 0.0, 0.0, 0.0, 0.0
        scale = 1.0 / (sj * _ROOT_2)
        for first in range(left, right, _BLOCK):
            count = min(_BLOCK, right - first)
            _core(grid, first, count, centre, scale, gj * scale, block)
            for k in range(count):
                i = first + k
                x = grid[i] - centre
                v, vx, vs, vg = _slopes(x, sj, gj, block[0, k], block[1, k])
                w, wx = _soft(x, bj, -1.0)
                gc -= bar[i] * (vx - gj * wx)
                ga += bar[i] * (v - gj * w)
                gs += bar[i] * vs
                gg += bar[i] * (vg - w)
        for side in range(2):
            begin, end = (lo, left) if side == 0 else (right, hi)
            samples, bars = grid[begin:end], bar[begin:end]
            for i in range(samples.size):
                x = samples[i] - centre
                v, vx, vs, vg = _far_slopes(x, sj, gj)
                w, wx = _soft(x, bj, -1.0)
                gc -= bars[i] * (vx - gj * wx)
                ga += bars[i] * (v - gj * w)
                gs += bars[i] * vs
                gg += bars[i] * (vg - w)
        out[0, j], out[1, j], out[2, j], out[3, j] = a[j] * gc, ga, a[j] * gs, a[j] * gg
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def wing_value(grid, c, a, g, narrow, wide, half):  # type: ignore[no-untyped-def]
    """Sum of A gamma (l_b - l_b') inside the windows on a coarse `grid`; half <= 0 skips the line."""
    out = np.zeros(grid.size)
    for j in range(c.size):
        if half[j] > 0.0:
            lo, hi = _window(grid, c[j], half[j])
            samples, here = grid[lo:hi], out[lo:hi]
            for i in range(samples.size):
                here[i] += a[j] * g[j] * _soft(samples[i] - c[j], narrow[j], wide[j])[0]
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
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


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
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


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def window_derivatives(grid, c, a, s, g, lo, hi, start):  # type: ignore[no-untyped-def]
    """Derivatives of A V over centre, strength, sigma, gamma, (4, total): line j fills start[j] onwards."""
    out, block = np.empty((4, start[-1])), np.empty((6, _BLOCK))
    for j in range(c.size):
        shift, scale = start[j] - lo[j], 1.0 / (s[j] * _ROOT_2)
        left, right = _core_of(grid, c[j], s[j], g[j], lo[j], hi[j])
        for first in range(left, right, _BLOCK):
            count = min(_BLOCK, right - first)
            _core(grid, first, count, c[j], scale, g[j] * scale, block)
            for i in range(count):
                x, k = grid[first + i] - c[j], first + i + shift
                v, vx, vs, vg = _slopes(x, s[j], g[j], block[0, i], block[1, i])
                out[0, k], out[1, k], out[2, k], out[3, k] = -a[j] * vx, v, a[j] * vs, a[j] * vg
        for side in range(2):
            begin, end = (lo[j], left) if side == 0 else (right, hi[j])
            samples, here = grid[begin:end], out[:, begin + shift : end + shift]
            for i in range(samples.size):
                v, vx, vs, vg = _far_slopes(samples[i] - c[j], s[j], g[j])
                here[0, i], here[1, i], here[2, i], here[3, i] = -a[j] * vx, v, a[j] * vs, a[j] * vg
    return out
