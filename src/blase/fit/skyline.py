"""Normal equations of lines in the space of their parameters, as a matrix with a skyline.

Lines stand in order of the *end* of their windows. Then a line couples backwards only to lines that end
inside its own window, and one very broad line among narrow ones has one long row, and widens no other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _fill(first, length, offset, values, weight, begin, row, out):  # type: ignore[no-untyped-def]
    """Inner products of the columns of line i with those of the lines begin[i] ... i."""
    for i in range(first.size):
        n_i, at_i = length[i], offset[i]
        for k in range(begin[i], i + 1):
            n_k, at_k = length[k], offset[k]
            low, high = max(first[i], first[k]), min(first[i] + n_i, first[k] + n_k)
            for a in range(4):
                w = weight[i, a]
                base = row[4 * i + a] + 4 * (k - begin[i])
                if w == 0.0:
                    continue
                s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
                p, q = at_i + a * n_i - first[i], at_k - first[k]
                for x in range(low, high):
                    v = values[p + x]
                    s0 += v * values[q + x]
                    s1 += v * values[q + n_k + x]
                    s2 += v * values[q + 2 * n_k + x]
                    s3 += v * values[q + 3 * n_k + x]
                if k < i:
                    out[base] = s0 * weight[k, 0]
                    out[base + 1] = s1 * weight[k, 1]
                    out[base + 2] = s2 * weight[k, 2]
                    out[base + 3] = s3 * weight[k, 3]
                else:
                    out[base] = s0 * weight[k, 0]
                    if a >= 1:
                        out[base + 1] = s1 * weight[k, 1]
                    if a >= 2:
                        out[base + 2] = s2 * weight[k, 2]
                    if a >= 3:
                        out[base + 3] = s3 * weight[k, 3]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _factor(row, begin, values):  # type: ignore[no-untyped-def]
    """Cholesky factor in place, row by row (George & Liu 1981, ch. 4); the first row that fails, or -1."""
    n = begin.size
    for i in range(n):
        b_i, r_i = begin[i], row[i]
        for j in range(b_i, i):
            b_j, r_j = begin[j], row[j]
            low = max(b_i, b_j)
            total = values[r_i + j - b_i]
            p, q = r_i - b_i, r_j - b_j
            for k in range(low, j):
                total -= values[p + k] * values[q + k]
            values[r_i + j - b_i] = total / values[r_j + j - b_j]
        pivot = values[r_i + i - b_i]
        for k in range(b_i, i):
            pivot -= values[r_i + k - b_i] ** 2
        if not pivot > 0.0:
            return i
        values[r_i + i - b_i] = np.sqrt(pivot)
    return -1


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _solve(row, begin, values, right):  # type: ignore[no-untyped-def]
    """Solve L L^T x = right in place."""
    n = begin.size
    for i in range(n):
        total = right[i]
        for k in range(begin[i], i):
            total -= values[row[i] + k - begin[i]] * right[k]
        right[i] = total / values[row[i] + i - begin[i]]
    for i in range(n - 1, -1, -1):
        right[i] /= values[row[i] + i - begin[i]]
        x = right[i]
        for k in range(begin[i], i):
            right[k] -= values[row[i] + k - begin[i]] * x


@dataclass(frozen=True)
class Skyline:
    """J^T J of single lines: `order` (n,) of the lines, and rows of scalars that begin at column `begin`."""

    order: IntArray
    entry: IntArray  # (4 n,) of z, -1 where frozen
    begin: IntArray
    row: IntArray
    values: FloatArray

    @classmethod
    def of(cls, lines: LineBlocks) -> Skyline:
        """The matrix of the columns of `lines`."""
        order = np.argsort(lines.first + lines.length, kind="stable")
        ordered = lines.take(order)
        end = ordered.first + ordered.length
        place = np.arange(order.size)
        line_begin = np.minimum(np.searchsorted(end, ordered.first, side="right"), place)
        line_begin = np.where(ordered.length > 0, line_begin, place)
        begin = np.repeat(4 * line_begin, 4)
        width = np.arange(begin.size) - begin + 1
        row = np.concatenate([[0], np.cumsum(width)]).astype(np.int64)
        out = np.zeros(row[-1])
        free = (ordered.entry >= 0).astype(np.float64)
        _fill(ordered.first, ordered.length, ordered.offset, ordered.values, free, line_begin, row[:-1], out)
        return cls(order, ordered.entry.reshape(-1), begin, row[:-1], out)

    def solve(self, diagonal: FloatArray, right: FloatArray) -> FloatArray:
        """Solution of (J^T J + diag(`diagonal`)) x = `right`; rows in the order of the lines here.

        `diagonal` is (4 n,), `right` and the solution (4 n,) or (4 n, k).

        Raises
        ------
        numpy.linalg.LinAlgError
            where the matrix is not positive definite.
        """
        values = self.values.copy()
        columns = np.array(right.T, dtype=np.float64, order="C", ndmin=2)  # a copy, solved in place
        values[self.row + np.arange(self.begin.size) - self.begin] += diagonal
        failed = _factor(self.row, self.begin, values)
        if failed >= 0:
            raise np.linalg.LinAlgError(f"row {failed} of the normal matrix has no positive pivot")
        for column in columns:
            _solve(self.row, self.begin, values, column)
        return columns.T.reshape(right.shape)
