"""Jacobian of the standard forward model: short columns of the lines, dense columns of everything else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blase.fit.absorbers import floored_places
from blase.fit.broad_lines import LONGEST_RUN, broad_rows, reach_across
from blase.fit.light_path import order_spectra
from blase.fit.line_assembly import all_line_entries, line_blocks
from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks
from blase.fit.line_columns import FINE_WINDOWS
from blase.fit.objective import Data
from blase.fit.parameters import ParameterSpace
from blase.fit.shared_columns import order_columns, shared_names, tangents_of
from blase.fit.views import View, order_views, pixel_order
from blase.functional.parallel import map_all
from blase.model.forward import SpectrumModel

MOST_BORDERS = 8
"""So few parameters beside those of lines can border the normal matrix of the lines."""


@dataclass(frozen=True)
class Tile:
    """Dense columns that one order feels: `rank` (n,) its pixels, `columns` (n, k), `place` (k,) which."""

    rank: IntArray
    columns: FloatArray
    place: IntArray


@dataclass(frozen=True)
class Jacobian:
    """d(model / sigma) / dz, with the pixels of all orders in order of wavelength.

    Attributes
    ----------
    size : number of parameters.
    rank : (n_pixels,) place by wavelength of every pixel of the data.
    borders : places by wavelength where one order (or group of overlapping ones) ends and the next begins.
    lines : columns of single lines.
    tiles : columns of everything else, and of the few very broad lines, order by order.
    dense_index : (m,) their entries of z.
    shared : (k,) which of them are single numbers that all orders share.
    """

    size: int
    rank: IntArray
    borders: IntArray
    lines: LineBlocks
    tiles: list[Tile]
    dense_index: IntArray
    shared: IntArray

    @property
    def n_pixels(self) -> int:
        """Number of pixels, unused ones included."""
        return self.rank.size

    def along(self, step: FloatArray) -> FloatArray:
        """Change of model / sigma (n_pixels,) for a change `step` (size,) of z, in the order of the data."""
        return self.sorted_along(step)[self.rank]

    def sorted_along(self, step: FloatArray) -> FloatArray:
        """The same in order of wavelength."""
        out = self.lines.along(step, self.n_pixels)
        dense = step[self.dense_index]
        for tile in self.tiles:
            out[tile.rank] += tile.columns @ dense[tile.place]
        return out

    def sorted_adjoint(self, vector: FloatArray) -> FloatArray:
        """J^T `vector` (size,) of a vector over pixels in order of wavelength."""
        out = np.zeros(self.size)
        free = self.lines.entry >= 0
        out[self.lines.entry[free]] = self.lines.adjoint(vector)[free]
        for tile in self.tiles:
            np.add.at(out, self.dense_index[tile.place], tile.columns.T @ vector[tile.rank])
        return out

    def weighted(self, factor: FloatArray) -> Jacobian:
        """The Jacobian of the model times `factor` (n_pixels,), in the order of the data."""
        along = np.empty_like(factor)
        along[self.rank] = factor
        tiles = [replace(tile, columns=tile.columns * along[tile.rank, None]) for tile in self.tiles]
        return replace(self, lines=self.lines.times(along), tiles=tiles)

    def power(self) -> FloatArray:
        """Sum of squares (n_orders, size) of every column over the pixels of every order."""
        out, squared = np.zeros((len(self.tiles), self.size)), self.lines.squared()
        free = self.lines.entry >= 0
        for row, tile in zip(out, self.tiles, strict=True):
            inside = np.zeros(self.n_pixels)
            inside[tile.rank] = 1.0
            row[self.lines.entry[free]] = squared.adjoint(inside)[free]
            row[self.dense_index[tile.place]] = (tile.columns**2).sum(axis=0)
        return out

    def dense_rows(self, low: int, high: int) -> tuple[FloatArray, IntArray]:
        """Dense columns felt by the pixels `low` ... `high` - 1 in order of wavelength, and which."""
        inside = [tile for tile in self.tiles if tile.rank.size and low <= tile.rank[0] < high]
        place = np.unique(np.concatenate([t.place for t in inside] or [np.zeros(0, dtype=np.int64)]))
        columns = np.zeros((high - low, place.size))
        for tile in inside:
            columns[np.ix_(tile.rank - low, np.searchsorted(place, tile.place))] = tile.columns
        return columns, place

    def to_dense(self) -> FloatArray:
        """The whole matrix (n_pixels, size), in the order of the data: slow, for comparisons."""
        out = np.zeros((self.n_pixels, self.size))
        free = self.lines.entry >= 0
        out[:, self.lines.entry[free]] = self.lines.to_dense(self.n_pixels)[:, free.reshape(-1)]
        dense, place = self.dense_rows(0, self.n_pixels)
        out[:, self.dense_index[place]] = dense
        return out[self.rank]


@dataclass(frozen=True)
class _Seen:
    """All that one order contributes but the columns of its lines."""

    views: list[View]
    columns: FloatArray
    entries: IntArray


def _see(model: SpectrumModel, space: ParameterSpace, number: int, windows: float) -> _Seen:
    order = model.orders[number]
    tangents = tangents_of(model, space, order)
    spectra = order_spectra(model, order, tangents)
    views = order_views(model, order, spectra, windows)
    return _Seen(views, *order_columns(model, space, number, spectra, views, tangents))


def _widths(space: ParameterSpace) -> np.ndarray:
    widths = np.empty(space.size)
    for name, prior in space.priors.items():
        widths[space.slices[name]] = prior.width.reshape(-1).numpy()
    return widths


def few_parameters(n_pixels: int, *, of_lines: int, others: int) -> bool:
    """Whether the space of the parameters is smaller than that of the data, as in a template."""
    return of_lines < n_pixels and others <= MOST_BORDERS


def jacobian(
    model: SpectrumModel, data: Data, space: ParameterSpace, *, windows: float = FINE_WINDOWS
) -> Jacobian:
    """Jacobian of `model` / sigma at its current parameters, rows of unused pixels zero.

    Columns of single lines end where the line's optical depth falls below `windows`.
    """
    orders = list(model.orders)
    rank, borders, slices = pixel_order(orders)
    seen_by = map_all(lambda number: _see(model, space, number, windows), range(len(orders)))
    views = [seen.views for seen in seen_by]
    blocks = line_blocks(views, *all_line_entries(model, space), rank, slices, data.weight)
    is_broad = _are_dense(model, space, blocks, rank, borders)
    narrow = replace(blocks, entry=np.where(is_broad[:, None], -1, blocks.entry))
    dense_index = np.setdiff1d(np.arange(space.size), narrow.entry[narrow.entry >= 0])
    widths, broad, tiles = _widths(space), np.flatnonzero(is_broad), []
    for seen, pixels in zip(seen_by, slices, strict=True):
        own = data.weight[pixels][:, None] * seen.columns * widths[seen.entries]
        wide, entries = broad_rows(blocks, broad, rank[pixels])
        place = np.searchsorted(dense_index, np.concatenate([seen.entries, entries]))
        tiles.append(Tile(rank[pixels], np.hstack([own, wide]), place))
    scalars = [space.slices[name].start for name in shared_names(space)]
    shared = np.searchsorted(dense_index, np.array(scalars, dtype=np.int64))
    lines = narrow.take(np.flatnonzero(~is_broad))
    return Jacobian(space.size, rank, borders, lines, tiles, dense_index, shared)


def _are_dense(
    model: SpectrumModel, space: ParameterSpace, blocks: LineBlocks, rank: IntArray, borders: IntArray
) -> NDArray[np.bool_]:
    """Which of the lines and of the floors in `blocks` are dense columns (n_lines,)."""
    of_lines = int((blocks.entry >= 0).sum())
    few = few_parameters(rank.size, of_lines=of_lines, others=space.size - of_lines)
    in_data_space = not few and model.line_spread is not None
    dense = blocks.length > (LONGEST_RUN if in_data_space else rank.size)
    if in_data_space:
        dense |= reach_across(blocks, borders)  # so that the orders fall apart
    if model.line_spread is not None:
        dense[floored_places(model)] = True  # so that their covariances with their floors are known
    return np.asarray(dense)
