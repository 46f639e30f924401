"""Columns of a Jacobian that belong to single lines: each a short run of pixels, four columns a line."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LineBlocks:
    """Four columns for each of n_lines lines, each over a run of pixels of its own.

    `first` and `length` (n_lines,) give the run; the values of line j lie in `values` from `offset[j]`
    on, column after column. `entry` (n_lines, 4) is the place of each column in z, -1 where the parameter
    is frozen (its values are zero).
    """

    first: IntArray
    length: IntArray
    offset: IntArray
    values: FloatArray
    entry: IntArray

    def __len__(self) -> int:
        return self.first.size

    @classmethod
    def empty(cls, first: IntArray, length: IntArray, entry: IntArray) -> LineBlocks:
        """Blocks of zeros over the given runs."""
        offset = np.concatenate([[0], np.cumsum(4 * length)]).astype(np.int64)
        return cls(first, length, offset, np.zeros(offset[-1]), entry)

    def take(self, index: IntArray) -> LineBlocks:
        """The blocks of the lines `index` (k,), in that order."""
        part = LineBlocks.empty(self.first[index], self.length[index], self.entry[index])
        _copy(self.offset, self.values, index, part.offset, part.values)
        return part

    def squared(self) -> LineBlocks:
        """The blocks with every value squared."""
        return replace(self, values=self.values**2)

    def times(self, factor: FloatArray) -> LineBlocks:
        """The blocks with every row times its `factor` (n_pixels,)."""
        return replace(self, values=_times(self.first, self.length, self.offset, self.values, factor))

    def weights(self, of_entry: FloatArray) -> FloatArray:
        """(n_lines, 4) values of a vector over z (size,) at every column, zero where it is frozen."""
        return np.where(self.entry >= 0, of_entry[self.entry], 0.0)

    def along(self, step: FloatArray, n_pixels: int) -> FloatArray:
        """Sum of all columns (n_pixels,), each times its entry of `step` (size,)."""
        return np.asarray(
            _along(self.first, self.length, self.offset, self.values, self.weights(step), n_pixels)
        )

    def adjoint(self, vector: FloatArray) -> FloatArray:
        """Product (n_lines, 4) of every column with `vector` (n_pixels,)."""
        return np.asarray(_adjoint(self.first, self.length, self.offset, self.values, vector))

    def to_dense(self, n_pixels: int) -> FloatArray:
        """All columns as a matrix (n_pixels, 4 n_lines)."""
        out = np.zeros((n_pixels, 4 * len(self)))
        for j, (first, length, at) in enumerate(zip(self.first, self.length, self.offset, strict=False)):
            block = self.values[at : at + 4 * length].reshape(4, length)
            out[first : first + length, 4 * j : 4 * j + 4] = block.T
        return out


@njit(cache=True, nogil=True)
def _copy(offset, values, index, to_offset, to_values):  # type: ignore[no-untyped-def]
    for i in range(index.size):
        j = index[i]
        to_values[to_offset[i] : to_offset[i + 1]] = values[offset[j] : offset[j + 1]]


@njit(cache=True, nogil=True)
def _times(first, length, offset, values, factor):  # type: ignore[no-untyped-def]
    out = np.empty_like(values)
    for j in range(first.size):
        for k in range(4):
            for i in range(length[j]):
                at = offset[j] + k * length[j] + i
                out[at] = values[at] * factor[first[j] + i]
    return out


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _along(first, length, offset, values, weight, n_pixels):  # type: ignore[no-untyped-def]
    out = np.zeros(n_pixels)
    for j in range(first.size):
        n, at = length[j], offset[j]
        for k in range(4):
            w = weight[j, k]
            if w != 0.0:
                for i in range(n):
                    out[first[j] + i] += w * values[at + k * n + i]
    return out


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _adjoint(first, length, offset, values, vector):  # type: ignore[no-untyped-def]
    out = np.zeros((first.size, 4))
    for j in range(first.size):
        n, at = length[j], offset[j]
        for k in range(4):
            total = 0.0
            for i in range(n):
                total += values[at + k * n + i] * vector[first[j] + i]
            out[j, k] = total
    return out
