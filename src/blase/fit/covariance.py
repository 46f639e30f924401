"""Covariances of any parameters of a fit with any others, by solving, never by inverting the whole matrix.

By the identity of Woodbury, (J^T J + 1)^-1 = 1 - J^T K^-1 J with K = 1 + J J^T: of the chosen entries only
the columns of J are needed, and K is banded but for the few columns that every pixel feels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from threadpoolctl import threadpool_limits

from blase.errors import InputError
from blase.fit.arrow import Arrow
from blase.fit.band import solve_band
from blase.fit.data_space import DataSpace, Piece
from blase.fit.jacobian import Jacobian
from blase.fit.line_blocks import FloatArray, IntArray
from blase.functional.parallel import map_all

AT_ONCE = 256
"""Entries whose columns are held in memory together."""


def columns(derivative: Jacobian, entries: IntArray) -> FloatArray:
    """Columns (n_pixels, k) of the `entries` (k,) of single lines, pixels in order of wavelength."""
    out = np.zeros((derivative.n_pixels, entries.size))
    lines = derivative.lines
    line, kind = np.nonzero(lines.entry >= 0)
    holder = np.full(derivative.size, -1, dtype=np.int64)
    holder[lines.entry[line, kind]] = 4 * line + kind
    for k, entry in enumerate(entries):
        j, which = divmod(int(holder[entry]), 4)
        first, n, at = lines.first[j], lines.length[j], lines.offset[j]
        out[first : first + n, k] = lines.values[at + which * n : at + (which + 1) * n]
    return out


@dataclass(frozen=True)
class _Side:
    """Columns (n_pixels, k) of lines, and their products `pull` (m, k) with dense ones behind the band."""

    columns: FloatArray
    pull: FloatArray


class Covariance:
    """Posterior covariance of the parameters of the linearised fit `system`; a call gives some of it.

    It is in units of the prior widths of the Jacobian of `system`, whose K is factored once.
    """

    def __init__(self, system: DataSpace) -> None:
        self.system = system
        ones = np.ones(system.derivative.size)

        def prepare(piece: Piece) -> tuple[FloatArray, FloatArray]:
            factor = piece.factor(ones)
            return factor, solve_band(factor, piece.reach, piece.dense)

        self.prepared = map_all(prepare, system.pieces)
        self.places = [piece.place for piece in system.pieces]
        grams = [p.dense.T @ s for p, (_, s) in zip(system.pieces, self.prepared, strict=True)]
        self.arrow = Arrow(system.dense_index.size, self.places, grams)

    def __call__(self, first: IntArray, second: IntArray) -> FloatArray:
        """Covariance (k, l) of the entries `first` (k,) of z with the entries `second` (l,).

        Raises
        ------
        InputError
            for an entry that is not one of z.
        """
        first, second = np.atleast_1d(first), np.atleast_1d(second)
        size = self.system.derivative.size
        for entries in (first, second):
            if entries.size and not (entries.min() >= 0 and entries.max() < size):
                raise InputError(
                    "no such entry of the parameters",
                    value=f"{entries.min()} to {entries.max()}",
                    expected=f"integers from 0 to {size - 1}",
                    fix="take entries from the slices of the parameter space",
                )
        out = np.zeros((first.size, second.size))
        with threadpool_limits(1, user_api="blas"):
            for i, j in product(range(0, first.size, AT_ONCE), range(0, second.size, AT_ONCE)):
                here = slice(i, i + AT_ONCE), slice(j, j + AT_ONCE)
                out[here] = self._some(first[here[0]], second[here[1]])
        return out

    def _some(self, first: IntArray, second: IntArray) -> FloatArray:
        """The covariance (k, l); what is dense comes from its own inverse, where nothing cancels."""
        out = np.zeros((first.size, second.size))
        place = [np.searchsorted(self.system.dense_index, entries) for entries in (first, second)]
        dense = [np.isin(entries, self.system.dense_index) for entries in (first, second)]
        sides = [self._felt(entries[~d]) for entries, d in zip((first, second), dense, strict=True)]
        own = 1.0 * (first[~dense[0]][:, None] == second[~dense[1]])
        through = sides[0].pull.T @ self._behind(sides[1].pull)
        among = self._within(sides[0].columns, sides[1].columns)
        out[np.ix_(~dense[0], ~dense[1])] = own - among + through
        rows, columns = place[0][dense[0]], place[1][dense[1]]
        out[np.ix_(dense[0], dense[1])] = self.arrow.inverse(rows, columns)
        out[np.ix_(~dense[0], dense[1])] = -self._behind(sides[0].pull)[columns].T
        out[np.ix_(dense[0], ~dense[1])] = -self._behind(sides[1].pull)[rows]
        return out

    def _felt(self, entries: IntArray) -> _Side:
        """Columns of lines, and their products with the dense columns behind the band."""
        own = columns(self.system.derivative, entries)
        pull = np.zeros((self.system.dense_index.size, entries.size))
        for piece, (_, coupled) in zip(self.system.pieces, self.prepared, strict=True):
            here = own[piece.low : piece.high]
            if here.any():
                pull[piece.place] += coupled.T @ here
        return _Side(own, pull)

    def _within(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Products (k, l) of columns behind the band alone."""
        out = np.zeros((left.shape[1], right.shape[1]))
        for piece, (factor, _) in zip(self.system.pieces, self.prepared, strict=True):
            here = slice(piece.low, piece.high)
            if left[here].any() and right[here].any():
                out += left[here].T @ solve_band(factor, piece.reach, right[here])
        return out

    def _behind(self, pull: FloatArray) -> FloatArray:
        """The inverse of the dense part times `pull` (m, k)."""
        return self.arrow.solve(pull)
