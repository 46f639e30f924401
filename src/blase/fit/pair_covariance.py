"""Covariances of many pairs of parameters, each pair by itself.

Of two parameters that touch the pixels of one piece only K^-1 between those pixels is needed, which its band
holds where they are near each other: the cost of a pair does not depend on the number of pixels or of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from blase.fit.band import inverse_in_band
from blase.fit.covariance import Covariance
from blase.fit.data_space import line_projections
from blase.fit.line_blocks import FloatArray, IntArray
from blase.functional.parallel import map_all

DENSE, UNSEEN = -1, -2


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _forms(inverse, first, length, offset, values, one, other):  # type: ignore[no-untyped-def]
    """v^T Z w (n,) of the columns v and w of pairs of lines, `one` and `other` (n, 2) their line and kind."""
    out = np.zeros(len(one))
    for k in range(len(one)):
        i, j = one[k, 0], other[k, 0]
        n, m = length[i], length[j]
        v = values[offset[i] + one[k, 1] * n : offset[i] + (one[k, 1] + 1) * n]
        w = values[offset[j] + other[k, 1] * m : offset[j] + (other[k, 1] + 1) * m]
        for p in range(n):
            inner = 0.0
            for q in range(m):
                row, column = first[i] + p, first[j] + q
                inner += w[q] * inverse[min(row, column), abs(row - column)]
            out[k] += v[p] * inner
    return out


def pair_covariance(known: Covariance, first: IntArray, second: IntArray) -> FloatArray:
    """Covariances (n,) of the entries `first` (n,) with `second` (n,), in units of the prior widths."""
    at = _Places.of(known, first), _Places.of(known, second)
    out = np.where((first == second) & (at[0].piece != DENSE), 1.0, 0.0)
    pieces = np.stack([at[0].piece, at[1].piece])
    kinds, number = np.unique(pieces, axis=1, return_inverse=True)
    groups = [(one, other, np.flatnonzero(number.reshape(-1) == k)) for k, (one, other) in enumerate(kinds.T)]

    def among(group: tuple[int, int, IntArray]) -> FloatArray:
        one, other, some = group
        a, b = at[0].take(some), at[1].take(some)
        if UNSEEN in (one, other):
            return np.zeros(some.size)
        if one == other == DENSE:
            return _elements(known, a.row, b.row)
        if DENSE in (one, other):
            return _mixed(known, max(one, other), *((b, a) if one == DENSE else (a, b)))
        return _of_lines(known, one, other, a, b)

    for (_, _, some), found in zip(groups, map_all(among, groups), strict=True):
        out[some] += found
    return out


@dataclass(frozen=True)
class _Places:
    """Where entries are: `piece` (n,), with the `row` of the line there and its parameter `kind`; the piece
    is `DENSE` for what is dense, at the place `row`, and `UNSEEN` for lines that no pixel sees.
    """

    piece: IntArray
    row: IntArray
    kind: IntArray

    @classmethod
    def of(cls, known: Covariance, entries: IntArray) -> _Places:
        lines = known.system.derivative.lines
        piece = np.full(known.system.derivative.size, UNSEEN, dtype=np.int64)
        row, kind = np.zeros_like(piece), np.zeros_like(piece)
        piece[known.system.dense_index] = DENSE
        row[known.system.dense_index] = np.arange(known.system.dense_index.size)
        for number, part in enumerate(known.system.pieces):
            line, which = np.nonzero(lines.entry[part.index] >= 0)
            at = lines.entry[part.index[line], which]
            piece[at], row[at], kind[at] = number, line, which
        return cls(piece[entries], row[entries], kind[entries])

    def take(self, some: IntArray) -> _Places:
        """Those of the entries `some`."""
        return _Places(self.piece[some], self.row[some], self.kind[some])


def _elements(known: Covariance, rows: IntArray, columns: IntArray) -> FloatArray:
    """Covariances (n,) of the dense parameters at `rows` (n,) with those at `columns` (n,)."""
    r, at_row = np.unique(rows, return_inverse=True)
    c, at_column = np.unique(columns, return_inverse=True)
    return np.asarray(known.arrow.inverse(r, c)[at_row, at_column])


def _pull(known: Covariance, number: int, at: _Places) -> FloatArray:
    """Products (n, m) of the columns of lines of one piece with the dense ones behind its band."""
    piece, (_, coupled) = known.system.pieces[number], known.prepared[number]
    used, row = np.unique(at.row, return_inverse=True)
    some = piece.lines.take(used)
    felt = line_projections(some.first - piece.low, some.length, some.offset, some.values, coupled)
    return np.asarray(felt[row, at.kind])


def _mixed(known: Covariance, number: int, lines: _Places, dense: _Places) -> FloatArray:
    """Covariances (n,) of lines of one piece with dense parameters."""
    wanted, at = np.unique(dense.row, return_inverse=True)
    through = known.arrow.inverse(known.system.pieces[number].place, wanted)
    return np.asarray(-(_pull(known, number, lines) * through[:, at].T).sum(axis=1))


def _of_lines(known: Covariance, one: int, other: int, a: _Places, b: _Places) -> FloatArray:
    """Covariances (n,) of lines of the piece `one` with lines of `other`, less 1 where they are the same."""
    pieces = known.system.pieces
    behind = known.arrow.inverse(pieces[one].place, pieces[other].place)
    carried = np.asarray(((_pull(known, one, a) @ behind) * _pull(known, other, b)).sum(axis=1))
    return carried - _forms_within(known, one, a, b) if one == other else carried


def _forms_within(known: Covariance, number: int, a: _Places, b: _Places) -> FloatArray:
    """v^T K^-1 w (n,) of pairs of lines of one piece."""
    piece, (factor, _) = known.system.pieces[number], known.prepared[number]
    lines = piece.lines
    first, end = lines.first - piece.low, lines.first - piece.low + lines.length
    span = int((np.maximum(end[a.row], end[b.row]) - np.minimum(first[a.row], first[b.row])).max())
    inverse = inverse_in_band(factor, piece.reach, span)
    one, other = np.stack([a.row, a.kind], axis=1), np.stack([b.row, b.kind], axis=1)
    return np.asarray(_forms(inverse, first, lines.length, lines.offset, lines.values, one, other))
