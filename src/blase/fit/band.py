"""Banded symmetric matrices (n, width) with entry (j + d, j) at [j, d]: factor, solve, inverse in the band.

The layout is LAPACK's lower band storage, transposed, so that no copy is made. `reach` (n,) says how many
entries of every row are in use, the diagonal included: where lines are narrow, the band is. j + reach[j]
never decreases, so that the factor has the same reach.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg.lapack import dpbtrf

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def reach_of_runs(first: IntArray, length: IntArray, n: int) -> IntArray:
    """Reach (n,) of the sum of outer products over runs of `length` entries from `first` on."""
    end = np.arange(1, n + 1)
    some = length > 0
    np.maximum.at(end, first[some], first[some] + length[some])
    return np.asarray(np.maximum.accumulate(end) - np.arange(n))


def factor_band(matrix: FloatArray) -> FloatArray:
    """Cholesky factor of `matrix` (n, width) in the same storage; the matrix is overwritten.

    Raises
    ------
    numpy.linalg.LinAlgError
        where it is not positive definite or not finite.
    """
    if not matrix.size:
        return matrix
    factor, info = dpbtrf(matrix.T, lower=1, overwrite_ab=1)
    if info or not np.isfinite(factor[0]).all():
        raise np.linalg.LinAlgError(f"the banded matrix is not positive definite (LAPACK says {info})")
    return np.asarray(factor.T)


def log_determinant(factor: FloatArray) -> float:
    """ln |L L^T|."""
    return 2.0 * float(np.log(factor[:, 0]).sum())


def solve_band(factor: FloatArray, reach: IntArray, right: FloatArray) -> FloatArray:
    """Solution (n, k) of (L L^T) x = `right` (n, k)."""
    out = np.array(right, dtype=np.float64, order="C")
    if out.size:
        _substitute(factor, reach, out)
    return out


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _substitute(factor, reach, x):  # type: ignore[no-untyped-def]
    """Solve L L^T x = b in place, four rows at a time: what limits it is reading and writing x."""
    n, m = x.shape
    for j in range(n):
        pivot = 1.0 / factor[j, 0]
        for k in range(m):
            x[j, k] *= pivot
        d = 1
        while d + 3 < reach[j]:
            a, b, c, e = factor[j, d], factor[j, d + 1], factor[j, d + 2], factor[j, d + 3]
            for k in range(m):
                v = x[j, k]
                x[j + d, k] -= a * v
                x[j + d + 1, k] -= b * v
                x[j + d + 2, k] -= c * v
                x[j + d + 3, k] -= e * v
            d += 4
        while d < reach[j]:
            a = factor[j, d]
            for k in range(m):
                x[j + d, k] -= a * x[j, k]
            d += 1
    for j in range(n - 1, -1, -1):
        d = 1
        while d + 3 < reach[j]:
            a, b, c, e = factor[j, d], factor[j, d + 1], factor[j, d + 2], factor[j, d + 3]
            for k in range(m):
                x[j, k] -= a * x[j + d, k] + b * x[j + d + 1, k] + c * x[j + d + 2, k] + e * x[j + d + 3, k]
            d += 4
        while d < reach[j]:
            a = factor[j, d]
            for k in range(m):
                x[j, k] -= a * x[j + d, k]
            d += 1
        pivot = 1.0 / factor[j, 0]
        for k in range(m):
            x[j, k] *= pivot


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def inverse_in_band(factor, reach, wanted=0):  # type: ignore[no-untyped-def]
    """Entries of (L L^T)^-1 inside the reach of L, or `wanted` columns where that is more.

    Takahashi, Fagan & Chen (1973): Z_ij = delta_ij / L_jj^2 - sum_(k>j) L_kj Z_ki / L_jj, where k ends with
    the reach of L, however wide that of Z. Every row of Z serves both as row and as column.
    """
    n, width = factor.shape
    wide = max(width, wanted)
    inverse = np.zeros((n, wide))
    total = np.zeros(wide)
    for j in range(n - 1, -1, -1):
        below = reach[j]
        end = min(max(below, wanted), n - j)
        total[:end] = 0.0
        for e in range(1, below):
            row, weight, dot = inverse[j + e], factor[j, e], 0.0
            shared = below - e
            for d in range(shared):
                total[e + d] += weight * row[d]
            for d in range(1, shared):
                dot += factor[j, e + d] * row[d]
            for d in range(shared, end - e):
                total[e + d] += weight * row[d]
            total[e] += dot
        pivot = 1.0 / factor[j, 0]
        corner = pivot
        for d in range(1, end):
            inverse[j, d] = -total[d] * pivot
        for d in range(1, below):
            corner -= factor[j, d] * inverse[j, d]
        inverse[j, 0] = corner * pivot
    return inverse
