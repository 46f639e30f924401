"""A symmetric matrix in the shape of an arrow: blocks that know nothing of each other, bordered by a few
columns that many of them feel.

What only one order feels (its continuum, its broadest lines) is eliminated there, so that the cost grows with
the number of orders and not with its cube.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from blase.fit.line_blocks import FloatArray, IntArray


def _factor(matrix: FloatArray) -> tuple[FloatArray, bool]:
    """Cholesky factor of `matrix` (k, k) in the form that scipy solves with, also of an empty one."""
    return cho_factor(matrix, lower=True) if matrix.size else (matrix, True)


@dataclass(frozen=True)
class _Block:
    """One block on the diagonal.

    `place` (k,) are its own parameters, `border` (c,) those of the corner that it feels; `factor` is that of
    the block, `carried` (k, c) its inverse times its border.
    """

    place: IntArray
    border: IntArray
    factor: tuple[FloatArray, bool]
    carried: FloatArray


class Arrow:
    """1 + sum of symmetric positive semidefinite matrices, each over a few of m parameters, factored.

    Parameters
    ----------
    size : m.
    places : for every matrix the k parameters (k,) that it is about, without repetition.
    matrices : (k, k) each.
    """

    def __init__(self, size: int, places: list[IntArray], matrices: list[FloatArray]) -> None:
        self.size = size
        felt = np.bincount(np.concatenate([np.zeros(0, dtype=np.int64), *places]), minlength=size)
        self.corner = np.flatnonzero(felt != 1)
        self._row = np.full(size, -1, dtype=np.int64)  # of every parameter in its block, or in the corner
        self._row[self.corner] = np.arange(self.corner.size)
        self._block = np.full(size, -1, dtype=np.int64)
        middle = np.eye(self.corner.size)
        self._blocks = []
        for number, (place, matrix) in enumerate(zip(places, matrices, strict=True)):
            own, shared = np.flatnonzero(felt[place] == 1), np.flatnonzero(felt[place] != 1)
            self._block[place[own]], self._row[place[own]] = number, np.arange(own.size)
            factor = _factor(matrix[np.ix_(own, own)] + np.eye(own.size))
            border = matrix[np.ix_(own, shared)]
            carried = np.asarray(cho_solve(factor, border)) if border.size else border
            at = self._row[place[shared]]
            middle[np.ix_(at, at)] += matrix[np.ix_(shared, shared)] - border.T @ carried
            self._blocks.append(_Block(place[own], at, factor, carried))
        self._middle = _factor(middle)

    def solve(self, right: FloatArray) -> FloatArray:
        """Solution of the system with the right-hand side `right`, both (m,) or (m, k)."""
        out = np.empty_like(right)
        corner = right[self.corner].copy()
        for block in self._blocks:
            np.subtract.at(corner, block.border, block.carried.T @ right[block.place])
        corner = cho_solve(self._middle, corner) if corner.size else corner
        out[self.corner] = corner
        for block in self._blocks:
            if block.place.size:
                alone = cho_solve(block.factor, right[block.place])
                out[block.place] = alone - block.carried @ corner[block.border]
        return out

    @property
    def log_determinant(self) -> float:
        """ln of the determinant."""
        factors = [block.factor[0] for block in self._blocks] + [self._middle[0]]
        return 2.0 * float(sum(np.log(np.diag(factor)).sum() for factor in factors))

    def variance(self) -> FloatArray:
        """Diagonal of the inverse (m,)."""
        middle = cho_solve(self._middle, np.eye(self.corner.size)) if self.corner.size else np.zeros((0, 0))
        out = np.empty(self.size)
        out[self.corner] = np.diag(middle)
        for number, block in enumerate(self._blocks):
            every = np.arange(block.place.size)
            through = block.carried @ middle[np.ix_(block.border, block.border)]
            if every.size:
                alone = np.diag(self._alone(number, every, every))
                out[block.place] = alone + (through * block.carried).sum(axis=1)
        return out

    def inverse(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """The inverse at the parameters `rows` (a,) and `columns` (b,): (a, b)."""
        left, right = self._through(rows), self._through(columns)
        out = np.zeros((rows.size, columns.size))
        if self.corner.size and out.size:
            out += left @ cho_solve(self._middle, right.T)
        in_row, in_column = self._block[rows], self._block[columns]
        for number in np.setdiff1d(np.intersect1d(in_row, in_column), [-1]):
            a, b = np.flatnonzero(in_row == number), np.flatnonzero(in_column == number)
            out[np.ix_(a, b)] += self._alone(number, self._row[rows[a]], self._row[columns[b]])
        return out

    def _alone(self, number: int, rows: IntArray, columns: IntArray) -> FloatArray:
        """The inverse of one block by itself."""
        block = self._blocks[number]
        units = np.zeros((block.place.size, columns.size))
        units[columns, np.arange(columns.size)] = 1.0
        return np.asarray(cho_solve(block.factor, units)[rows])

    def _through(self, places: IntArray) -> FloatArray:
        """How the parameters `places` (k,) follow the corner: (k, corner)."""
        out = np.zeros((places.size, self.corner.size))
        row, number = self._row[places], self._block[places]
        own = np.flatnonzero(number < 0)
        out[own, row[own]] = 1.0
        for k in np.unique(number[number >= 0]):
            block, inside = self._blocks[k], np.flatnonzero(number == k)
            out[np.ix_(inside, block.border)] = -block.carried[row[inside]]
        return out
