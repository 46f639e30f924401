"""Banded symmetric matrices (n, width) with entry (j + d, j) at [j, d]: factor, solve, inverse in the band.

The layout is LAPACK's lower band storage, transposed, so that no copy is made.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg.lapack import dpbtrf, dpbtrs

FloatArray = NDArray[np.float64]


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


def solve_band(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Solution of (L L^T) x = `right` (n,) or (n, k)."""
    if not right.size:
        return right
    return np.asarray(dpbtrs(factor.T, right, lower=1)[0])


def log_determinant(factor: FloatArray) -> float:
    """ln |L L^T|."""
    return 2.0 * float(np.log(factor[:, 0]).sum())


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def inverse_in_band(factor, wanted=0):  # type: ignore[no-untyped-def]
    """Entries of (L L^T)^-1 inside the band of L (n, width), or in a wider one of `wanted` columns.

    Takahashi, Fagan & Chen (1973): Z_ij = delta_ij / L_jj^2 - sum_(k>j) L_kj Z_ki / L_jj, where k ends with
    the band of L, however wide that of Z.
    """
    n, width = factor.shape
    wide = max(width, wanted)
    inverse = np.zeros((n, wide))
    for j in range(n - 1, -1, -1):
        below = min(width - 1, n - 1 - j)
        pivot = 1.0 / factor[j, 0]
        for d in range(min(wide - 1, n - 1 - j), -1, -1):
            i = j + d
            total = 0.0
            for e in range(max(d, 1), below + 1):
                total += factor[j, e] * inverse[i, e - d]
            for e in range(1, min(d, below + 1)):
                total += factor[j, e] * inverse[j + e, d - e]
            inverse[j, d] = ((pivot if d == 0 else 0.0) - total) * pivot
    return inverse
