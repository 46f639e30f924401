"""Compiled descent of the lines of one window of an order, all else held.

A window is so small that a whole descent in it costs less than to set up one step of the whole spectrum.
Residuals are known at the start and only their changes are computed, so that what is cut off at the ends of
a window is cut off from the changes alone. The loops hold no lock.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from blase.constants import SPEED_OF_LIGHT
from blase.fit.line_response import convolve_rows, scale_rows
from blase.fit.second_order import MOST_DAMPED
from blase.functional.optical_depth_numba import window_derivatives

LONGEST_STEP = 3.0
"""No parameter moves farther than this many prior widths at once."""
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1.0, 0.1, 1e6
"""In units of the curvature of a prior."""
GROWTH = 4.0
"""Factor by which damping grows after a first failure; it doubles with every further one."""
FLATTEST = 0.2
"""Least curvature of a parameter along which the data say nothing, where a prior has 1."""
_FLAGS = {"contract", "arcp", "nsz", "reassoc"}


@njit(cache=True, nogil=True, error_model="numpy")
def _moved(lines, value, step):  # type: ignore[no-untyped-def]
    """Lines (n, 4) [Angstrom], whose parameters are `value` (n, 4), after a change `step` (n, 4) of these."""
    out = np.empty_like(lines)
    for j in range(lines.shape[0]):
        before, after = value[j, 0] / SPEED_OF_LIGHT, (value[j, 0] + step[j, 0]) / SPEED_OF_LIGHT
        shift = math.sqrt((1.0 + after) * (1.0 - before) / ((1.0 - after) * (1.0 + before)))
        out[j, 0] = lines[j, 0] * shift
        out[j, 1] = lines[j, 1] * math.exp(step[j, 1])
        out[j, 2] = lines[j, 2] * math.exp(step[j, 2]) * shift
        out[j, 3] = lines[j, 3] * math.exp(step[j, 3]) * shift
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _slopes(grid, lines):  # type: ignore[no-untyped-def]
    """Derivatives (4, n m) of the optical depth of each of the `lines` (n, 4), on all of `grid` (m,)."""
    n, m = lines.shape[0], grid.size
    first, end, start = np.zeros(n, dtype=np.int64), np.full(n, m), np.arange(n + 1) * m
    centre, strength = lines[:, 0].copy(), lines[:, 1].copy()
    return window_derivatives(
        grid, centre, strength, lines[:, 2].copy(), lines[:, 3].copy(), first, end, start
    )


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _depths(slopes, lines, absorber, m):  # type: ignore[no-untyped-def]
    """Optical depth (2, m) of the `lines` of each absorber: strength times the derivative by it."""
    out = np.zeros((2, m))
    for j in range(lines.shape[0]):
        total, strength, profile = out[absorber[j]], lines[j, 1], slopes[1, j * m : (j + 1) * m]
        for i in range(m):
            total[i] += strength * profile[i]
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _light(depth, intrinsic, rotated, stencil):  # type: ignore[no-untyped-def]
    """Star, rotated star and transmission (3, m) behind the optical depths `depth` (2, m).

    `rotated` (m,) is the rotated star where the star is `intrinsic` (m,): only the change is convolved.
    """
    m, half = intrinsic.size, stencil.size // 2
    out, change = np.empty((3, m)), np.empty(m)
    for i in range(m):
        out[0, i] = math.exp(-depth[0, i])
        out[2, i] = math.exp(-depth[1, i])
        change[i] = out[0, i] - intrinsic[i]
    for i in range(m):
        total = 0.0
        for k in range(max(0, half - i), min(stencil.size, m + half - i)):
            total += stencil[k] * change[i + k - half]
        out[1, i] = rotated[i] + total
    return out


@njit(cache=True, nogil=True, fastmath=_FLAGS, error_model="numpy")
def _read(rows, start, weight, change, out):  # type: ignore[no-untyped-def]
    """Leave in `out` (n_pixels,) what pixels of a `weight` read of a `change` (m,) on the grid."""
    for p in range(start.size):
        first, end = max(-start[p], 0), min(rows.shape[1], change.size - start[p])
        row, part = rows[p, first:end], change[start[p] + first : start[p] + end]
        total = 0.0
        for i in range(part.size):
            total += row[i] * part[i]
        out[p] = weight[p] * total


@njit(cache=True, nogil=True, error_model="numpy")
def _columns(rows, start, weight, light, stencil, slopes, lines, width, absorber):  # type: ignore[no-untyped-def]
    """Derivatives (4 n, n_pixels) of model / sigma by the whitened parameters of the lines."""
    n, m = lines.shape[0], light.shape[1]
    through, air = rows.copy(), rows.copy()
    scale_rows(through, start, light[2])
    star, first = convolve_rows(through, stencil[::-1].copy()), start - stencil.size // 2
    scale_rows(star, first, -light[0])
    scale_rows(air, start, -light[1] * light[2])
    out = np.zeros((4 * n, start.size))
    for j in range(n):
        for k in range(4):
            factor = width[j, k] * (lines[j, k] if k > 0 else lines[j, 0] / SPEED_OF_LIGHT)
            if factor == 0.0:
                continue
            slope, column = slopes[k, j * m : (j + 1) * m], out[4 * j + k]
            if absorber[j] == 0:
                _read(star, first, factor * weight, slope, column)
            else:
                _read(air, start, factor * weight, slope, column)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _curvature(gradient, lines, width):  # type: ignore[no-untyped-def]
    """What the curvature of the lines adds to the diagonal of the Hessian (n, 4): see `second_order`."""
    out = np.zeros_like(width)
    for j in range(width.shape[0]):
        out[j, 1] = gradient[j, 1] * width[j, 1]
        if width[j, 2] == 0.0:
            continue
        by_sigma, sigma = gradient[j, 2] / width[j, 2], lines[j, 2] / lines[j, 0] * SPEED_OF_LIGHT
        out[j, 0] = by_sigma * (width[j, 0] / sigma) ** 2
        if width[j, 3] > 0.0:
            ratio = min(lines[j, 3] / lines[j, 2], MOST_DAMPED)
            out[j, 3] = gradient[j, 3] * width[j, 3] - by_sigma * (ratio * width[j, 3]) ** 2
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _objective(residual, z, weight):  # type: ignore[no-untyped-def]
    return 0.5 * np.dot(residual, residual) + 0.5 * np.sum(weight * z * z)


@njit(cache=True, nogil=True, error_model="numpy")
def descend_in_window(  # type: ignore[no-untyped-def]
    grid,
    depth,
    rotated,
    rows,
    start,
    pixel_weight,
    residual,
    stencil,
    absorber,
    lines,
    value,
    z,
    width,
    prior_weight,
    tolerance,
    max_iterations,
):
    """Lower half of chi-square plus the penalties of the lines of one window by damped Gauss-Newton steps.

    Parameters
    ----------
    grid : (m,) samples [Angstrom] that the pixels of the window read.
    depth, rotated : (2, m) optical depths of star and atmosphere, (m,) the rotated star; both are updated.
    rows, start : (n_pixels, taps) weights with which pixels read the grid, (n_pixels,) from which sample on.
    pixel_weight, residual : (n_pixels,) 1 / sigma, 0 where unused; (flux - model) / sigma, which is updated.
    stencil : (k,) weights of the rotation.
    absorber : (n,) 0 for lines of the star, 1 for those of the atmosphere.
    lines, value, z, width, prior_weight : (n, 4) lines as seen [Angstrom]; their parameters, whitened ones
        (updated), widths of the priors of these, 0 where frozen, and curvatures of the penalties.
    tolerance : gain at which to stop.

    Returns
    -------
    The gain.
    """
    n, m = lines.shape[0], grid.size
    slopes = _slopes(grid, lines)
    own = _depths(slopes, lines, absorber, m)
    beyond, intrinsic, turned = depth - own, np.exp(-depth[0]), rotated.copy()
    light = _light(depth, intrinsic, turned, stencil)
    before = light[1] * light[2]
    left, change = residual.copy(), np.empty(start.size)
    begin = here = _objective(left, z, prior_weight)
    free = width.reshape(4 * n) > 0.0
    damping, growth, moved = FIRST_DAMPING, GROWTH, True
    for _ in range(max_iterations):
        if moved:
            columns = _columns(rows, start, pixel_weight, light, stencil, slopes, lines, width, absorber)
            along = -np.dot(columns, left)
            bent = _curvature(along.reshape((n, 4)), lines, width)
            slope = along + (prior_weight * z).reshape(4 * n)
            curvature = np.dot(columns, columns.T)
            least = (prior_weight + np.maximum(bent, FLATTEST - prior_weight)).reshape(4 * n)
        matrix = curvature.copy()
        for k in range(4 * n):
            matrix[k, k] += least[k] + damping if free[k] else 1.0
        step = -np.linalg.solve(matrix, np.where(free, slope, 0.0))
        promised = -0.5 * np.dot(step, slope)
        if promised < tolerance:
            break
        step = np.minimum(np.maximum(step, -LONGEST_STEP), LONGEST_STEP).reshape((n, 4))
        trial = _moved(lines, value, step * width)
        trial_slopes = _slopes(grid, trial)
        trial_depth = beyond + _depths(trial_slopes, trial, absorber, m)
        trial_light = _light(trial_depth, intrinsic, turned, stencil)
        _read(rows, start, pixel_weight, trial_light[1] * trial_light[2] - before, change)
        there = _objective(residual - change, z + step, prior_weight)
        moved = there < here
        if not moved:
            damping, growth = damping * growth, 2.0 * growth
            if damping > MOST_DAMPING:
                break
            continue
        gain, here = here - there, there
        lines, slopes, light, left = trial, trial_slopes, trial_light, residual - change
        depth[:], rotated[:], value, growth = trial_depth, trial_light[1], value + step * width, GROWTH
        z += step
        kept = min(gain / promised, 1.0)
        damping = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * kept - 1.0) ** 3), LEAST_DAMPING)
        if gain < tolerance:
            break
    residual[:] = left
    return begin - here
