"""Linear algebra of a banded matrix with a dense border: [[A, B], [B^T, C]], symmetric, positive definite.

Lines in wavelength order make A banded; parameters that every pixel feels (radial velocity, continuum, ...)
make the border. Factor, solve and the diagonal of the inverse cost time linear in the number of lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.linalg import cho_factor, cho_solve, cho_solve_banded, cholesky_banded
from scipy.sparse import csr_matrix


def band_storage(matrix: csr_matrix) -> np.ndarray:
    """Lower band storage (bandwidth + 1, n) of a symmetric sparse matrix, as LAPACK wants it."""
    entries = matrix.tocoo()
    lower = entries.row >= entries.col
    row, column, value = entries.row[lower], entries.col[lower], entries.data[lower]
    bandwidth = int((row - column).max()) if row.size else 0
    band = np.zeros((bandwidth + 1, matrix.shape[0]))
    band[row - column, column] = value
    return band


@njit(cache=True)
def _banded_inverse_diagonal(factor: np.ndarray) -> np.ndarray:
    """Diagonal of (L L^T)^-1 for banded L (bandwidth + 1, n), by Takahashi's recursion.

    Takahashi, Fagan & Chen (1973); Z_ij = delta_ij / L_jj^2 - sum_(k>j) L_kj Z_ki / L_jj inside the band.
    """
    width, n = factor.shape
    inverse = np.zeros((width, n))  # inverse[i - j, j] = Z_ij for i >= j
    for j in range(n - 1, -1, -1):
        reach = min(width - 1, n - 1 - j)
        pivot = factor[0, j]
        for d in range(reach, -1, -1):
            i = j + d
            total = 0.0
            for e in range(1, reach + 1):
                k = j + e
                total += factor[e, j] * (inverse[k - i, i] if k >= i else inverse[i - k, k])
            inverse[d, j] = ((1.0 / pivot if d == 0 else 0.0) - total) / pivot
    return inverse[0]


@dataclass(frozen=True)
class ArrowheadFactor:
    """Cholesky factor of the banded block, A^-1 B, and the factor of the Schur complement of the border."""

    band: np.ndarray
    coupled: np.ndarray  # A^-1 B, (n, m)
    border: np.ndarray  # B, (n, m)
    schur: tuple[np.ndarray, bool]

    def solve(self, local: np.ndarray, dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solution for the right-hand sides `local` (n,) and `dense` (m,)."""
        inner = cho_solve_banded((self.band, True), local) if local.size else local
        y = cho_solve(self.schur, dense - self.border.T @ inner) if dense.size else dense
        return inner - self.coupled @ y, y

    def inverse_diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        """Diagonal of the inverse: banded part (n,), border (m,)."""
        local = _banded_inverse_diagonal(self.band) if self.band.size else np.zeros(0)
        if not self.coupled.shape[1]:
            return local, np.zeros(0)
        covariance = self.dense_inverse()
        return local + np.einsum("ij,jk,ik->i", self.coupled, covariance, self.coupled), np.diag(
            covariance
        ).copy()

    def dense_inverse(self) -> np.ndarray:
        """Block of the inverse that belongs to the border, (m, m)."""
        return cho_solve(self.schur, np.eye(self.coupled.shape[1]))


def factor_arrowhead(band: np.ndarray, border: np.ndarray, corner: np.ndarray) -> ArrowheadFactor:
    """Factor [[A, B], [B^T, C]] given A in lower `band` storage, `border` B (n, m) and `corner` C (m, m).

    Raises
    ------
    numpy.linalg.LinAlgError
        if the matrix is not positive definite.
    """
    if not band.shape[1]:
        return ArrowheadFactor(band, border, border, cho_factor(corner, lower=True))
    factor = cholesky_banded(band, lower=True)
    coupled = cho_solve_banded((factor, True), border) if border.shape[1] else border
    schur = corner - border.T @ coupled
    return ArrowheadFactor(
        factor, coupled, border, cho_factor(schur, lower=True) if schur.size else (schur, True)
    )
