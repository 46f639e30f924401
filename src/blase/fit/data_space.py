"""Normal equations solved in the space of the data, where lines outnumber pixels.

By the identity of Woodbury, (J^T J + D)^-1 = D^-1 - D^-1 J^T K^-1 J D^-1 with K = 1 + J D^-1 J^T. With
pixels in order of wavelength K is banded, since a line touches only the pixels near it, however many lines
there are. The few parameters that every pixel feels are a correction of low rank. Factoring costs time linear
in the number of pixels, and the same factor gives steps, variances and the evidence (Rasmussen & Williams
2006, ch. 2 and 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

from blase.fit.arrow import Arrow
from blase.fit.band import factor_band, inverse_in_band, log_determinant, reach_of_runs, solve_band
from blase.fit.jacobian import Jacobian
from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks
from blase.functional.parallel import map_all


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _add_outer_products(band, base, first, length, offset, values, weight):  # type: ignore[no-untyped-def]
    """Add sum_k weight[j, k] v_jk v_jk^T of every line to `band`, whose first row is pixel `base`."""
    for j in range(first.size):
        n, at, top = length[j], offset[j], first[j] - base
        w0, w1, w2, w3 = weight[j, 0], weight[j, 1], weight[j, 2], weight[j, 3]
        for p in range(n):
            x0, x1 = w0 * values[at + p], w1 * values[at + n + p]
            x2, x3 = w2 * values[at + 2 * n + p], w3 * values[at + 3 * n + p]
            for q in range(p, n):
                band[top + p, q - p] += (
                    x0 * values[at + q]
                    + x1 * values[at + n + q]
                    + x2 * values[at + 2 * n + q]
                    + x3 * values[at + 3 * n + q]
                )


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def quadratic_forms(inverse, base, first, length, offset, values):  # type: ignore[no-untyped-def]
    """V^T Z V (n_lines, 4, 4) of every line's columns V, Z given inside the band."""
    out = np.zeros((first.size, 4, 4))
    longest = 1
    for j in range(first.size):
        longest = max(longest, length[j])
    applied = np.zeros((4, longest))
    for j in range(first.size):
        n, at, top = length[j], offset[j], first[j] - base
        applied[:, :n] = 0.0
        for p in range(n):
            for q in range(p, n):
                z = inverse[top + p, q - p]
                for k in range(4):
                    applied[k, p] += z * values[at + k * n + q]
                    if q > p:
                        applied[k, q] += z * values[at + k * n + p]
        for k in range(4):
            for m in range(k + 1):
                total = 0.0
                for p in range(n):
                    total += values[at + m * n + p] * applied[k, p]
                out[j, k, m] = total
                out[j, m, k] = total
    return out


@dataclass(frozen=True)
class Piece:
    """Pixels `low` ... `high` - 1 with the lines inside them and the dense columns felt there.

    `dense` (high - low, m) are columns, `place` (m,) their place among all dense parameters; `reach`
    (high - low,) says how far below every pixel the band extends.
    """

    low: int
    high: int
    lines: LineBlocks
    index: IntArray
    dense: FloatArray
    place: IntArray
    reach: IntArray

    def factor(self, scale: FloatArray) -> FloatArray:
        """Factor of 1 + sum of outer products of the line columns, weighted by `scale` (size,)."""
        band = np.zeros((self.high - self.low, int(self.reach.max(initial=1))))
        band[:, 0] = 1.0
        lines, weight = self.lines, self.lines.weights(scale)
        _add_outer_products(band, self.low, lines.first, lines.length, lines.offset, lines.values, weight)
        return factor_band(band)


class DataSpace:
    """J^T J + 1 of a whitened Jacobian, never formed: all work is done on banded matrices of pixels."""

    def __init__(self, derivative: Jacobian) -> None:
        self.derivative = derivative
        self.dense_index = derivative.dense_index
        self.pieces = _cut(derivative)

    def solve(self, damping: FloatArray, vector: FloatArray) -> FloatArray:
        """Solution (size,) of (J^T J + 1 + diag(damping)) x = `vector`."""
        scale = 1.0 / (1.0 + damping)
        scaled = scale * vector
        return np.asarray(scaled - scale * self._adjoint(self._apply(scale, self._forward(scaled))))

    def _forward(self, step: FloatArray) -> FloatArray:
        return self.derivative.sorted_along(step)

    def _adjoint(self, vector: FloatArray) -> FloatArray:
        return self.derivative.sorted_adjoint(vector)

    def _apply(self, scale: FloatArray, right: FloatArray) -> FloatArray:
        """(1 + J D^-1 J^T)^-1 `right` (n_pixels,), D^-1 = diag(`scale`)."""
        root = np.sqrt(scale[self.dense_index])
        out = np.empty_like(right)

        def work(piece: Piece) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
            columns = piece.dense * root[piece.place]
            both = np.column_stack([right[piece.low : piece.high], columns])
            solved = solve_band(piece.factor(scale), piece.reach, both)
            products = columns.T @ solved
            return solved[:, 0], solved[:, 1:], products[:, 0], products[:, 1:]

        found = map_all(work, self.pieces)
        places = [piece.place for piece in self.pieces]
        pull = np.zeros(root.size)
        for place, (_, _, pulled, _) in zip(places, found, strict=True):
            pull[place] += pulled
        answer = Arrow(root.size, places, [gram for *_, gram in found]).solve(pull)
        for piece, (alone, coupled, _, _) in zip(self.pieces, found, strict=True):
            out[piece.low : piece.high] = alone - coupled @ answer[piece.place]
        return out

    @cached_property
    def posterior(self) -> Posterior:
        """Second moments of the posterior in its Gaussian approximation."""
        with threadpool_limits(1, user_api="blas"):  # threads only get in the way of a narrow band
            return _posterior(self)


@dataclass(frozen=True)
class Posterior:
    """Covariance of z, as far as it is wanted.

    `variance` (size,) of every entry; `lines` (n_lines, 4, 4) of the four parameters of every line among
    each other, zero where frozen; `dense` knows those of the m dense entries `dense_index`; `cross`
    (n_lines, 4, k) between lines and the parameters `shared_index` (k,) that all orders share;
    `log_determinant` of the matrix J^T J + 1.
    """

    variance: FloatArray
    lines: FloatArray
    dense: Arrow
    cross: FloatArray
    dense_index: IntArray
    shared_index: IntArray
    entry: IntArray
    log_determinant: float


def _posterior(system: DataSpace) -> Posterior:
    derivative = system.derivative
    blocks = derivative.lines
    ones = np.ones(derivative.size)

    def couple(piece: Piece) -> tuple[FloatArray, FloatArray]:
        factor = piece.factor(ones)
        return factor, solve_band(factor, piece.reach, piece.dense)

    coupled = map_all(couple, system.pieces)
    grams = [piece.dense.T @ solved for piece, (_, solved) in zip(system.pieces, coupled, strict=True)]
    dense = Arrow(system.dense_index.size, [piece.place for piece in system.pieces], grams)
    logarithm = sum(log_determinant(factor) for factor, _ in coupled) + dense.log_determinant

    def moments(pair: tuple[Piece, tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
        """Covariances (n_lines, 4, 4) of the lines of a piece, and (n_lines, 4, k) with what is shared."""
        piece, (factor, solved) = pair
        part = piece.lines
        forms = quadratic_forms(
            inverse_in_band(factor, piece.reach), piece.low, part.first, part.length, part.offset, part.values
        )
        felt = line_projections(part.first - piece.low, part.length, part.offset, part.values, solved)
        through = np.einsum("jkm,jlm->jkl", felt @ dense.inverse(piece.place, piece.place), felt)
        return np.eye(4) - forms + through, -felt @ dense.inverse(piece.place, derivative.shared)

    lines = np.tile(np.eye(4), (len(blocks), 1, 1))
    cross = np.zeros((len(blocks), 4, derivative.shared.size))
    found = map_all(moments, zip(system.pieces, coupled, strict=True))
    for piece, (among, beyond) in zip(system.pieces, found, strict=True):
        lines[piece.index], cross[piece.index] = among, beyond
    free = blocks.entry >= 0
    lines *= free[:, :, None] & free[:, None, :]
    cross *= free[:, :, None]
    variance = np.empty(derivative.size)
    variance[blocks.entry[free]] = np.einsum("jkk->jk", lines)[free]
    variance[system.dense_index] = dense.variance()
    shared_index = system.dense_index[derivative.shared]
    return Posterior(variance, lines, dense, cross, system.dense_index, shared_index, blocks.entry, logarithm)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def line_projections(first, length, offset, values, columns):  # type: ignore[no-untyped-def]
    """Products (n_lines, 4, m) of the columns of every line with `columns` (n, m)."""
    out = np.zeros((first.size, 4, columns.shape[1]))
    for j in range(first.size):
        n, at = length[j], offset[j]
        v0, v1 = values[at : at + n], values[at + n : at + 2 * n]
        v2, v3 = values[at + 2 * n : at + 3 * n], values[at + 3 * n : at + 4 * n]
        for i in range(n):
            row = columns[first[j] + i]
            a, b, c, d = v0[i], v1[i], v2[i], v3[i]
            for m in range(row.size):
                out[j, 0, m] += a * row[m]
                out[j, 1, m] += b * row[m]
                out[j, 2, m] += c * row[m]
                out[j, 3, m] += d * row[m]
    return out


def _cut(derivative: Jacobian) -> list[Piece]:
    """Cut the pixels where an order ends and no line reaches across."""
    lines, n = derivative.lines, derivative.n_pixels
    borders = derivative.borders[
        [not np.any((lines.first < b) & (lines.first + lines.length > b)) for b in derivative.borders]
    ]
    edges = np.concatenate([[0], borders, [n]]).astype(np.int64)
    pieces = []
    for low, high in pairwise(edges):
        index = np.flatnonzero((lines.first >= low) & (lines.first < high) & (lines.length > 0))
        dense, place = derivative.dense_rows(int(low), int(high))
        inside = lines.take(index)
        reach = reach_of_runs(inside.first - low, inside.length, int(high - low))
        pieces.append(Piece(int(low), int(high), inside, index, dense, place, reach))
    return pieces
