"""Compiled loops that carry the derivatives of single lines from the model grid to the pixels.

A *path* is what lies between the grid and the pixels as rows of weights: pixel p reads the grid samples
start[p] ... start[p] + taps - 1 with the weights path[p]. `start` never decreases.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def convolve_rows(path, kernel):  # type: ignore[no-untyped-def]
    """Rows (n, taps) of a path, each convolved with `kernel` (k,): (n, taps + k - 1)."""
    n, taps = path.shape
    out = np.zeros((n, taps + kernel.size - 1))
    for p in range(n):
        for i in range(taps):
            w = path[p, i]
            if w != 0.0:
                for j in range(kernel.size):
                    out[p, i + j] += w * kernel[j]
    return out


@njit(cache=True, nogil=True)
def scale_rows(path, start, factor):  # type: ignore[no-untyped-def]
    """Multiply the weights of a path by `factor` (n_grid,) at their samples; zero outside the grid."""
    for p in range(path.shape[0]):
        for i in range(path.shape[1]):
            g = start[p] + i
            path[p, i] *= factor[g] if 0 <= g < factor.size else 0.0


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def apply_rows(path, start, change):  # type: ignore[no-untyped-def]
    """What pixels read (n, k) of a `change` (n_grid, k) along a path; nothing outside the grid."""
    out = np.zeros((path.shape[0], change.shape[1]))
    for p in range(path.shape[0]):
        first, end = max(-start[p], 0), min(path.shape[1], change.shape[0] - start[p])
        for i in range(first, end):
            w, g = path[p, i], start[p] + i
            for k in range(change.shape[1]):
                out[p, k] += w * change[g, k]
    return out


@njit(cache=True, nogil=True)
def pixel_runs(start, taps, lo, hi):  # type: ignore[no-untyped-def]
    """First pixel and end of the run of pixels that see the samples lo[j] ... hi[j] - 1 of each line."""
    first, end = np.searchsorted(start, lo - taps, side="right"), np.searchsorted(start, hi, side="left")
    return first, np.maximum(first, end)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def add_responses(  # type: ignore[no-untyped-def]
    path,
    start,
    weight,
    rank,
    slopes,
    window,
    lo,
    hi,
    run,
    run_end,
    factor,
    line,
    first,
    length,
    offset,
    values,
):
    """Add the answer of one order's pixels to its lines into the values of `LineBlocks`.

    `slopes` (4, total) holds the derivatives of line i from window[i] on, for the samples
    lo[i] ... hi[i] - 1; `factor` (n, 4) multiplies them; `weight` (n_pixels,) multiplies pixels, whose place
    in the blocks is `rank`; `line` (n,) is the place of each line in the blocks.
    """
    taps = path.shape[1]
    for i in range(lo.size):
        j = line[i]
        n, at = length[j], offset[j]
        for p in range(run[i], run_end[i]):
            w = weight[p]
            if w == 0.0:
                continue
            g0, g1 = max(lo[i], start[p]), min(hi[i], start[p] + taps)
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            shift = window[i] - lo[i]
            for g in range(g0, g1):
                x = path[p, g - start[p]]
                s0 += x * slopes[0, shift + g]
                s1 += x * slopes[1, shift + g]
                s2 += x * slopes[2, shift + g]
                s3 += x * slopes[3, shift + g]
            q = at + rank[p] - first[j]
            values[q] += w * factor[i, 0] * s0
            values[q + n] += w * factor[i, 1] * s1
            values[q + 2 * n] += w * factor[i, 2] * s2
            values[q + 3 * n] += w * factor[i, 3] * s3
