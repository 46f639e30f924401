"""Variance of the star's optical depth at rest, wavelength by wavelength, everything else marginalised.

At one wavelength the optical depth moves by t . z, where t = (t_l, t_d): t_l over the parameters of single
lines, t_d over those that many pixels feel (the scales shared by all lines, and the few very broad lines).
With the matrices of `blase.fit.data_space`, J = [J_l, G], K = 1 + J_l J_l^T, U = K^-1 G and M = 1 + G^T U,
the posterior covariance (J^T J + 1)^-1 gives by blocks

    var(t . z) = |t_l|^2 - u^T K^-1 u + w^T M^-1 w,    u = J_l t_l,    w = t_d - U^T u.

The first term is the prior, the second what the pixels tell, the third what the shared parameters leave open.
Lines that share a wavelength touch a short run of pixels, so that K^-1 is needed in a band only. Rest frame
means that the radial velocity has no part in t; it counts, since the centres of all lines covary with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from threadpoolctl import threadpool_limits

from blase.fit.arrow import Arrow
from blase.fit.band import inverse_in_band, solve_band
from blase.fit.data_space import DataSpace, Piece
from blase.fit.line_assembly import line_entries
from blase.fit.line_blocks import FloatArray, IntArray
from blase.fit.line_columns import (
    FINE_WINDOWS,
    LINE_PARAMETERS,
    LineSlopes,
    line_slopes,
    shared_tangents,
    slopes_by_floor,
)
from blase.fit.parameters import ParameterSpace
from blase.functional.optical_depth import sampling
from blase.functional.parallel import map_all
from blase.model.lines import VoigtLines

_CHUNK = 512
"""Wavelengths that are worked on at once; only the dense parameters felt there take part."""
_NEGLIGIBLE = 1e-9
"""Entries of U below this are left out: a broad line is not felt at the other end of a spectrum."""


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _prior_variance(slopes, window, lo, hi, scale, n):  # type: ignore[no-untyped-def]
    """|t|^2 (n,) of the lines, whose slopes by z are `slopes` (4, total) times `scale` (n_lines, 4)."""
    out = np.zeros(n)
    for j in range(lo.size):
        for k in range(4):
            if scale[j, k] != 0.0:
                here = slopes[k, window[j] : window[j + 1]]
                for i in range(here.size):
                    out[lo[j] + i] += (scale[j, k] * here[i]) ** 2
    return out


@njit(cache=True, nogil=True)
def _lines_at(lo, hi, begin, end):  # type: ignore[no-untyped-def]
    """Lines at the samples `begin` ... `end` - 1: those of sample begin + i from start[i] to start[i + 1]."""
    start = np.zeros(end - begin + 1, dtype=np.int64)
    for j in range(lo.size):
        for i in range(lo[j], hi[j]):
            start[i - begin + 1] += 1
    start = np.cumsum(start)
    place, line = start[:-1].copy(), np.empty(start[-1], dtype=np.int64)
    for j in range(lo.size):
        for i in range(lo[j] - begin, hi[j] - begin):
            line[place[i]] = j
            place[i] += 1
    return start, line


@njit(cache=True, nogil=True)
def _runs(start, line, first, length):  # type: ignore[no-untyped-def]
    """First pixel and end (n, 2) of what the lines of every sample touch together; empty where none is."""
    out = np.zeros((start.size - 1, 2), dtype=np.int64)
    for i in range(start.size - 1):
        for c in range(start[i], start[i + 1]):
            j = line[c]
            if c == start[i]:
                out[i, 0], out[i, 1] = first[j], first[j] + length[j]
            out[i, 0], out[i, 1] = min(out[i, 0], first[j]), max(out[i, 1], first[j] + length[j])
    return out


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _explained(  # type: ignore[no-untyped-def]
    inverse, run, start, line, begin, slopes, window, lo, scale, first, length, offset, values
):
    """u (n, k) of every sample from `begin` on, over the k pixels that they touch, and u^T K^-1 u (n,).

    Pixels of `run` and `first` are counted from the first row of `inverse`, K^-1 in its band; `line` are
    places in the arrays of lines.
    """
    base, forms = run[:, 0].min(), np.zeros(run.shape[0])
    touched = np.zeros((run.shape[0], run[:, 1].max() - base))
    for i in range(run.shape[0]):
        left = run[i, 0]
        u = touched[i, left - base : run[i, 1] - base]
        for c in range(start[i], start[i + 1]):
            j = line[c]
            s, size, at = window[j] + begin + i - lo[j], length[j], offset[j]
            t0, t1 = scale[j, 0] * slopes[0, s], scale[j, 1] * slopes[1, s]
            t2, t3 = scale[j, 2] * slopes[2, s], scale[j, 3] * slopes[3, s]
            here = u[first[j] - left : first[j] - left + size]
            v0, v1 = values[at : at + size], values[at + size : at + 2 * size]
            v2, v3 = values[at + 2 * size : at + 3 * size], values[at + 3 * size : at + 4 * size]
            for p in range(size):
                here[p] += t0 * v0[p] + t1 * v1[p] + t2 * v2[p] + t3 * v3[p]
        for p in range(u.size):
            row, rest = inverse[left + p], u[p:]
            inner = 0.0
            for d in range(1, rest.size):
                inner += row[d] * rest[d]
            forms[i] += u[p] * (row[0] * u[p] + 2.0 * inner)
    return touched, forms


@dataclass(frozen=True)
class _Lines:
    """Slopes of the optical depth by z of all lines of the star, floors as lines after them: `slopes` times a
    scale (n_lines, 4).

    `single` is the scale of what single lines own, zero elsewhere; `dense` that of what lies in the dense
    block, where `place` (n_lines, 4) says (-1: not there). `row` (n_lines,) is the place among the lines of
    the Jacobian, -1 for none.
    """

    slopes: LineSlopes
    single: FloatArray
    dense: FloatArray
    place: IntArray
    row: IntArray

    @classmethod
    def of(
        cls,
        system: DataSpace,
        space: ParameterSpace,
        lines: VoigtLines,
        wavelength: FloatArray,
        windows: float,
    ) -> _Lines:
        everything = torch.arange(len(lines))
        slopes = line_slopes(wavelength, lines, 0.0, everything, windows=windows)
        entry, width = line_entries(space, "star", len(lines))
        if lines.floors is not None:
            slopes = slopes.followed_by(slopes_by_floor(wavelength, lines, 0.0, everything, windows=windows))
            own = line_entries(space, "star", len(lines.floors), floors=True)
            entry, width = np.concatenate([entry, own[0]]), np.concatenate([width, own[1]])
        scale, blocks = slopes.factor * width, system.derivative.lines
        place_of, row_of = (np.full(space.size + 1, -1, dtype=np.int64) for _ in range(2))  # last: frozen
        place_of[system.dense_index] = np.arange(system.dense_index.size)
        free = blocks.entry >= 0
        row_of[blocks.entry[free]] = np.nonzero(free)[0]
        place = place_of[entry]
        return cls(
            slopes,
            np.where(place < 0, scale, 0.0),
            np.where(place < 0, 0.0, scale),
            place,
            row_of[entry].max(axis=1, initial=-1),
        )


@dataclass(frozen=True)
class _Told:
    """What the pixels of one piece tell of some samples: u^T K^-1 u (n,) and, of U^T u (n, m), the columns
    `place` that are not negligible.
    """

    samples: slice
    forms: FloatArray
    pull: FloatArray
    place: IntArray


def _told(piece: Piece, size: int, lines: _Lines, number: IntArray) -> list[_Told]:
    """What `piece` tells, chunk by chunk; `number` (n_blocks,) are the star's lines there, or -1."""
    mine = number[piece.index]
    s = lines.slopes
    seen = np.flatnonzero((mine >= 0) & (s.hi[mine] > s.lo[mine]))
    if not seen.size:
        return []
    mine, first = mine[seen], piece.lines.first[seen] - piece.low
    length, lo, hi = piece.lines.length[seen], s.lo[mine], s.hi[mine]
    begin, end = int(lo.min()), int(hi.max())
    start, line = _lines_at(lo, hi, begin, end)
    run = _runs(start, line, first, length)
    factor = piece.factor(np.ones(size))
    coupled = solve_band(factor, piece.reach, piece.dense)
    inverse = inverse_in_band(factor, piece.reach, int((run[:, 1] - run[:, 0]).max()))
    window, scale, offset = s.window[mine], lines.single[mine], piece.lines.offset[seen]
    known, out = np.flatnonzero(np.diff(start)), []
    for group in np.split(
        known, np.flatnonzero(np.diff((begin + known) // _CHUNK) | (np.diff(known) > 1)) + 1
    ):
        low, high = int(group[0]), int(group[-1]) + 1
        touched, forms = _explained(
            inverse,
            run[low:high],
            start[low : high + 1],
            line,
            begin + low,
            s.values,
            window,
            lo,
            scale,
            first,
            length,
            offset,
            piece.lines.values,
        )
        left = int(run[low:high, 0].min())
        columns = coupled[left : left + touched.shape[1]]
        felt = np.flatnonzero(np.abs(columns).max(axis=0, initial=0.0) > _NEGLIGIBLE)
        out.append(
            _Told(slice(begin + low, begin + high), forms, touched @ columns[:, felt], piece.place[felt])
        )
    return out


def _scale_slopes(
    system: DataSpace, space: ParameterSpace, lines: VoigtLines, wavelength: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Slopes (n, k) of the optical depth by z of the free scales of all lines; their dense places."""
    names = [f"star.lines.{kind}_scale" for kind in LINE_PARAMETERS]
    free = [k for k, name in enumerate(names) if name in space.slices]
    if not free or not len(lines):
        return np.zeros((wavelength.size, 0)), np.zeros(0, dtype=np.int64)
    width = np.array([float(space.priors[names[k]].width) for k in free])
    entry = np.array([space.slices[names[k]].start for k in free])
    grid, still = sampling(torch.from_numpy(wavelength)), torch.zeros((), dtype=torch.float64)
    tangents = shared_tangents(grid, lines, still, torch.arange(len(lines)))
    return tangents[:, free] * width, np.searchsorted(system.dense_index, entry)


def _add_broad(out: FloatArray, lines: _Lines, low: int) -> None:
    """Add to `out` (n, m) the slopes of the samples from `low` on by the lines in the dense block."""
    s = lines.slopes
    for j in np.flatnonzero((lines.place >= 0).any(axis=1)):
        first, end = max(s.lo[j], low), min(s.hi[j], low + len(out))
        if first < end:
            here = s.values[:, s.window[j] + first - s.lo[j] : s.window[j] + end - s.lo[j]]
            k = np.flatnonzero(lines.place[j] >= 0)
            out[first - low : end - low, lines.place[j, k]] += here[k].T * lines.dense[j, k]


def depth_variance(
    system: DataSpace,
    space: ParameterSpace,
    lines: VoigtLines,
    wavelength: FloatArray,
    *,
    dense: Arrow,
    windows: float = FINE_WINDOWS,
) -> FloatArray:
    """Posterior variance (n,) of the optical depth of the star's `lines` at rest.

    Parameters
    ----------
    system : of the Jacobian where the fit ended.
    wavelength : (n,) increasing, at least two, rest frame, in the medium of the lines [Angstrom].
    dense : covariance of the dense parameters, as in `Posterior.dense`.
    windows : as in `jacobian`.
    """
    with threadpool_limits(1, user_api="blas"):  # orders and chunks have the threads
        return _depth_variance(system, space, lines, wavelength, dense, windows)


def _depth_variance(
    system: DataSpace,
    space: ParameterSpace,
    lines: VoigtLines,
    wavelength: FloatArray,
    dense: Arrow,
    windows: float,
) -> FloatArray:
    derivative, n, m = system.derivative, wavelength.size, system.dense_index.size
    star = _Lines.of(system, space, lines, wavelength, windows)
    scales, place = _scale_slopes(system, space, lines, wavelength)
    number = np.full(len(derivative.lines), -1, dtype=np.int64)
    known = np.flatnonzero(star.row >= 0)
    number[star.row[known]] = known
    told = [
        part
        for parts in map_all(lambda piece: _told(piece, derivative.size, star, number), system.pieces)
        for part in parts
    ]
    s = star.slopes
    variance = np.asarray(_prior_variance(s.values, s.window, s.lo, s.hi, star.single, n))
    of_chunk: list[list[_Told]] = [[] for _ in range(0, n, _CHUNK)]
    for part in told:
        variance[part.samples] -= part.forms
        of_chunk[part.samples.start // _CHUNK].append(part)

    def left_open(chunk: int) -> FloatArray:
        """w^T M^-1 w of the samples of one chunk."""
        low, high = chunk * _CHUNK, min((chunk + 1) * _CHUNK, n)
        w = np.zeros((high - low, m))
        w[:, place] += scales[low:high]
        _add_broad(w, star, low)
        for part in of_chunk[chunk]:
            w[part.samples.start - low : part.samples.stop - low, part.place] -= part.pull
        felt = np.flatnonzero(w.any(axis=0))
        w = w[:, felt]
        return np.asarray(np.einsum("ni,ni->n", w @ dense.inverse(felt, felt), w))

    variance += np.concatenate(map_all(left_open, range(len(of_chunk))))
    return np.maximum(variance, 0.0)
