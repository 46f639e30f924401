"""Jacobian of the standard forward model: short columns of the lines, dense columns of everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.fit.light_path import (
    LightPath,
    OrderSpectra,
    detector_path,
    order_spectra,
    stellar_path,
    telluric_path,
)
from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks
from blase.fit.line_columns import (
    FINE_WINDOWS,
    LINE_PARAMETERS,
    LineSlopes,
    line_slopes,
    shared_tangents,
    slopes_by_floor,
)
from blase.fit.line_response import add_responses, pixel_runs
from blase.fit.objective import Data
from blase.fit.order_columns import RESOLVING_POWER, departure_name, own_columns
from blase.fit.parameters import ParameterSpace
from blase.functional.parallel import map_all
from blase.model.core_floor import FLOOR_PARAMETERS
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines

LONGEST_RUN = 240
"""Lines seen by more pixels than this, in the space of the data, are dense columns: the band stays narrow."""
MOST_BORDERS = 8
"""So few parameters beside those of lines can border the normal matrix of the lines."""

_SHARED = {
    "star.radial_velocity": ("star", 0),
    "atmosphere.wind_velocity": ("atmosphere", 0),
    **{
        f"{prefix}.lines.{kind}_scale": (prefix, k)
        for prefix in ("star", "atmosphere")
        for k, kind in enumerate(LINE_PARAMETERS)
        if kind != "centre_shift"
    },
}
"""Parameters that move all lines of one absorber alike, and the column of `shared_tangents` of each."""


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
class Absorber:
    """One absorber as the orders see it."""

    prefix: str
    lines: VoigtLines
    velocity: Tensor
    base: int  # of its first line among all lines
    floors: bool = False  # the floors of its lines, which stand as lines of their own after all others

    @property
    def count(self) -> int:
        """Number of its lines, or of their floors."""
        return len(self.lines.floors) if self.floors and self.lines.floors is not None else len(self.lines)

    def slopes(self, order: OrderModel, windows: float) -> LineSlopes:
        """Slopes of what matters in `order`, down to the optical depth `windows`."""
        by = slopes_by_floor if self.floors else line_slopes
        return by(order.grid.array, self.lines, self.velocity, self.index(order), windows=windows)

    def index(self, order: OrderModel) -> Tensor:
        """The lines that matter in `order`."""
        return order.stellar if self.prefix == "star" else order.telluric


def _absorbers(model: SpectrumModel) -> list[Absorber]:
    out = []
    if model.star is not None:
        out.append(Absorber("star", model.star.lines, model.star.radial_velocity, 0))
    if model.atmosphere is not None:
        base = len(model.star.lines) if model.star is not None else 0
        out.append(Absorber("atmosphere", model.atmosphere.lines, model.atmosphere.wind_velocity, base))
    return out


def _with_floors(absorbers: list[Absorber]) -> list[Absorber]:
    """The absorbers and, after all lines, the floors of those that have any."""
    out, base = list(absorbers), sum(a.count for a in absorbers)
    for a in absorbers:
        if a.lines.floors is not None:
            out.append(replace(a, base=base, floors=True))
            base += out[-1].count
    return out


@dataclass(frozen=True)
class View:
    """How one order sees one absorber: the path of its light, the lines' slopes, the pixels that see them."""

    absorber: Absorber
    path: LightPath
    slopes: LineSlopes
    run: IntArray
    run_end: IntArray


def _views(model: SpectrumModel, order: OrderModel, spectra: OrderSpectra, windows: float) -> list[View]:
    detector = detector_path(model, order)
    paths: dict[str, LightPath] = {}
    out = []
    for absorber in _with_floors(_absorbers(model)):
        if absorber.floors:
            path = paths[absorber.prefix]
        elif absorber.prefix == "star":
            path = stellar_path(detector, model, order, spectra)
        else:
            path = telluric_path(detector, spectra)
        paths[absorber.prefix] = path
        slopes = absorber.slopes(order, windows)
        run, run_end = pixel_runs(path.start, path.taps, slopes.lo, slopes.hi)
        out.append(View(absorber, path, slopes, run, run_end))
    return out


def pixel_order(orders: list[OrderModel]) -> tuple[IntArray, IntArray, list[slice]]:
    """Place by wavelength of all pixels, borders of groups of overlapping orders, pixels of every order."""
    position = []
    for order in orders:
        grid = order.grid.array
        if order.pixels is None:
            position.append(grid)
        else:
            middle = order.pixels.index[:, 0].numpy() + order.pixels.index.shape[1] // 2
            position.append(grid[np.minimum(middle, grid.size - 1)])
    ends = np.cumsum([p.size for p in position])
    slices = [slice(int(end) - p.size, int(end)) for end, p in zip(ends, position, strict=True)]
    sorting = np.argsort(np.concatenate(position), kind="stable")
    rank = np.empty(sorting.size, dtype=np.int64)
    rank[sorting] = np.arange(sorting.size)
    spans = np.array([(rank[s].min(), rank[s].max() + 1) for s in slices])
    borders = [b for b in np.unique(spans[:, 0])[1:] if not np.any((spans[:, 0] < b) & (spans[:, 1] > b))]
    return rank, np.array(borders, dtype=np.int64), slices


def line_entries(
    space: ParameterSpace, prefix: str, count: int, *, floors: bool = False
) -> tuple[IntArray, FloatArray]:
    """Entries of z and prior widths of the parameters of `count` lines, both (count, 4); -1 and 0 if frozen.

    `prefix` is the absorber: `star` or `atmosphere`. With `floors` those of the floors of its lines.
    """
    entry, width = np.full((count, 4), -1, dtype=np.int64), np.zeros((count, 4))
    prefix = f"{prefix}.lines.floors" if floors else f"{prefix}.lines"
    for k, kind in enumerate(FLOOR_PARAMETERS if floors else LINE_PARAMETERS):
        name = f"{prefix}.{kind}"
        where = space.slices.get(name)
        if where is not None:
            entry[:, k] = np.arange(where.start, where.stop)
            width[:, k] = space.priors[name].width.reshape(-1).numpy()
    return entry, width


def _entries(model: SpectrumModel, space: ParameterSpace) -> tuple[IntArray, FloatArray]:
    """Entries of z and prior widths of the parameters of all lines and their floors, both (n, 4)."""
    pairs = [line_entries(space, a.prefix, a.count, floors=a.floors) for a in _with_floors(_absorbers(model))]
    nothing = (np.zeros((0, 4), dtype=np.int64), np.zeros((0, 4)))
    entry, width = (np.concatenate(parts) for parts in zip(nothing, *pairs, strict=True))
    return entry, width


def line_blocks(
    views: list[list[View]],
    entry: IntArray,
    width: FloatArray,
    rank: IntArray,
    slices: list[slice],
    weight: FloatArray,
) -> LineBlocks:
    """Columns of all lines over all orders, times `width` (n_lines, 4); `entry` (n_lines, 4) their places.

    A line seen in two orders is one set of columns. `weight` (n_pixels,) multiplies the pixels, which have
    the place `rank` (n_pixels,) by wavelength and belong to the orders as `slices` say.
    """
    first, end = np.full(len(entry), rank.size), np.zeros(len(entry), dtype=np.int64)
    for seen, pixels in zip(views, slices, strict=True):
        here = rank[pixels]
        for view in seen:
            some = view.run_end > view.run
            line = view.absorber.base + view.slopes.index[some]
            first[line] = np.minimum(first[line], here[view.run[some]])
            end[line] = np.maximum(end[line], here[view.run_end[some] - 1] + 1)
    length = np.maximum(end - first, 0)
    blocks = LineBlocks.empty(np.where(length > 0, first, 0), length, entry)

    def fill(pair: tuple[list[View], slice]) -> None:
        seen, pixels = pair
        for view in seen:
            line = view.absorber.base + view.slopes.index
            add_responses(
                view.path.rows,
                view.path.start,
                weight[pixels],
                rank[pixels],
                view.slopes.values,
                view.slopes.window,
                view.slopes.lo,
                view.slopes.hi,
                view.run,
                view.run_end,
                view.slopes.factor * width[line],
                line,
                blocks.first,
                blocks.length,
                blocks.offset,
                blocks.values,
            )

    map_all(fill, zip(views, slices, strict=True))
    return blocks


def _named(named: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def _optics(
    model: SpectrumModel, order: OrderModel, spectra: OrderSpectra
) -> Callable[[dict[str, Tensor]], Tensor]:
    """Flux of one order as a function of everything but its lines, whose spectra are given."""

    def flux(named: dict[str, Tensor]) -> Tensor:
        rotated = spectra.rotated
        if model.star is not None:
            rotated = model.star.rotate(spectra.intrinsic, order.step, **_named(named, "star."))
        light = rotated * spectra.transmission
        emission = None if order.airglow is None else order.airglow().detach()
        if model.line_spread is not None:
            own, freed = order.log_resolving_power_departure, _named(named, "line_spread.")
            light = model.line_spread(light, order.step, departure=own, **freed)
            if emission is not None:
                emission = model.line_spread(emission, order.step, departure=own, **freed)
        return order.scale() * order.detect(light, None) + order.sky(None, emission)

    return flux


def _optics_columns(
    model: SpectrumModel, order: OrderModel, spectra: OrderSpectra, names: list[str]
) -> dict[str, np.ndarray]:
    """Columns (n_pixels,) of scalar parameters of rotation and line spread.

    Exact, by differentiating a vector-Jacobian product along its vector: unlike torch's forward mode,
    this may run in several threads.
    """
    if not names:
        return {}
    known = dict(model.named_parameters())
    values = {name: known[name].detach().clone().requires_grad_(True) for name in names}
    with torch.enable_grad():
        flux = _optics(model, order, spectra)(values)
        along = torch.zeros_like(flux, requires_grad=True)
        products = torch.autograd.grad(flux, list(values.values()), along, create_graph=True)
        return {
            name: torch.autograd.grad(product, along, retain_graph=True)[0].numpy()
            for name, product in zip(names, products, strict=True)
        }


def _shared_names(space: ParameterSpace) -> list[str]:
    """Free parameters that are neither of single lines nor of single orders."""
    single = (*LINE_PARAMETERS, *FLOOR_PARAMETERS)
    of_lines = (n for n in space.slices if n.rsplit(".", 1)[1] not in single)
    return [n for n in of_lines if not n.startswith("orders.")]


def _shared(model: SpectrumModel) -> dict[str, tuple[str, int]]:
    """`_SHARED` and the scales of species, of the absorbers that have them."""
    return _SHARED | {
        f"{a.prefix}.lines.species_scales.{name}": (a.prefix, len(LINE_PARAMETERS) + k)
        for a in _absorbers(model)
        for k, name in enumerate(a.lines.species)
    }


def _tangents(model: SpectrumModel, space: ParameterSpace, order: OrderModel) -> dict[str, FloatArray]:
    """Derivatives of the optical depth of every absorber of which something shared by all lines is free."""
    shared = _shared(model)
    moved = {shared[name][0] for name in space.slices if name in shared}
    return {
        a.prefix: shared_tangents(order.grid, a.lines, a.velocity, a.index(order))
        for a in _absorbers(model)
        if a.prefix in moved
    }


def _order_columns(
    model: SpectrumModel,
    space: ParameterSpace,
    number: int,
    spectra: OrderSpectra,
    seen: list[View],
    tangents: dict[str, FloatArray],
) -> tuple[FloatArray, IntArray]:
    """Columns (n_pixels, k) that one order has of the parameters not of single lines; their entries of z."""
    order = model.orders[number]
    names, shared = _shared_names(space), _shared(model)
    departs = departure_name(number) in space.slices
    optics = [n for n in names if n not in shared]
    if departs and RESOLVING_POWER not in optics:
        optics.append(RESOLVING_POWER)
    found = _optics_columns(model, order, spectra, optics)
    for view in (view for view in seen if not view.absorber.floors):
        wanted = [n for n in names if n in shared and shared[n][0] == view.absorber.prefix]
        if wanted:
            answer = view.path.apply(tangents[view.absorber.prefix])
            found |= {n: answer[:, shared[n][1]] for n in wanted}
    by_name = {n: column[:, None] for n, column in found.items()}
    by_name |= own_columns(model, number, spectra, found[RESOLVING_POWER] if departs else None)
    free = [n for n in by_name if n in space.slices]
    columns = [by_name[n] for n in free]
    entries = [np.arange(space.slices[n].start, space.slices[n].stop) for n in free]
    if not columns:
        return np.zeros((seen[0].path.start.size, 0)), np.zeros(0, dtype=np.int64)
    return np.hstack(columns), np.concatenate(entries)


@dataclass(frozen=True)
class _Seen:
    """All that one order contributes but the columns of its lines."""

    views: list[View]
    columns: FloatArray
    entries: IntArray


def _see(model: SpectrumModel, space: ParameterSpace, number: int, windows: float) -> _Seen:
    order = model.orders[number]
    tangents = _tangents(model, space, order)
    spectra = order_spectra(model, order, tangents)
    views = _views(model, order, spectra, windows)
    return _Seen(views, *_order_columns(model, space, number, spectra, views, tangents))


def _floored(model: SpectrumModel) -> IntArray:
    """Places among all lines of those with floors, and of the floors themselves."""
    absorbers = _absorbers(model)
    lines = [a.base + a.lines.floors.index.numpy() for a in absorbers if a.lines.floors is not None]
    of_floors = [a.base + np.arange(a.count) for a in _with_floors(absorbers) if a.floors]
    return np.concatenate([np.zeros(0, dtype=np.int64), *lines, *of_floors])


def _widths(space: ParameterSpace) -> np.ndarray:
    widths = np.empty(space.size)
    for name, prior in space.priors.items():
        widths[space.slices[name]] = prior.width.reshape(-1).numpy()
    return widths


def _broad_rows(blocks: LineBlocks, broad: IntArray, rank: IntArray) -> tuple[FloatArray, IntArray]:
    """Columns (n, k) of the lines `broad` at the pixels `rank`, and their entries of z.

    Both only of free parameters that any of the pixels feels.
    """
    here = broad[
        (blocks.first[broad] <= rank.max()) & (blocks.first[broad] + blocks.length[broad] > rank.min())
    ]
    taken = blocks.take(here)
    columns = np.zeros((rank.size, 4 * here.size))
    for i, (first, n, at) in enumerate(zip(taken.first, taken.length, taken.offset, strict=False)):
        inside = np.flatnonzero((rank >= first) & (rank < first + n))
        values = taken.values[at : at + 4 * n].reshape(4, n)
        columns[inside, 4 * i : 4 * i + 4] = values[:, rank[inside] - first].T
    felt = columns.any(axis=0) & (taken.entry >= 0).reshape(-1)
    return columns[:, felt], taken.entry.reshape(-1)[felt]


def _reach_across(blocks: LineBlocks, borders: IntArray) -> NDArray[np.bool_]:
    """Which lines are felt on both sides of any of the `borders`."""
    first, last = (
        np.searchsorted(borders, at, "right") for at in (blocks.first, blocks.first + blocks.length - 1)
    )
    return np.asarray((blocks.length > 0) & (last > first))


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
    used = data.used.numpy()
    weight = used / np.where(used, data.sigma.numpy(), 1.0)
    seen_by = map_all(lambda number: _see(model, space, number, windows), range(len(orders)))
    views = [seen.views for seen in seen_by]
    blocks = line_blocks(views, *_entries(model, space), rank, slices, weight)
    of_lines = int((blocks.entry >= 0).sum())
    few = few_parameters(rank.size, of_lines=of_lines, others=space.size - of_lines)
    in_data_space = not few and model.line_spread is not None
    is_broad = blocks.length > (LONGEST_RUN if in_data_space else rank.size)
    if in_data_space:
        is_broad |= _reach_across(blocks, borders)  # so that the orders fall apart
    if model.line_spread is not None:
        is_broad[_floored(model)] = True  # so that their covariances with their floors are known
    broad, widths = np.flatnonzero(is_broad), _widths(space)
    parts = []
    for seen, pixels in zip(seen_by, slices, strict=True):
        columns, entries = seen.columns, seen.entries
        columns = weight[pixels][:, None] * columns * widths[entries]
        wide, wide_entries = _broad_rows(blocks, broad, rank[pixels])
        parts.append((np.hstack([columns, wide]), np.concatenate([entries, wide_entries])))
    blocks = replace(blocks, entry=np.where(is_broad[:, None], -1, blocks.entry))
    narrow = np.flatnonzero(~is_broad)
    in_lines = blocks.entry[blocks.entry >= 0]
    dense_index = np.setdiff1d(np.arange(space.size), in_lines)
    tiles = [
        Tile(rank[pixels], columns, np.searchsorted(dense_index, entries))
        for (columns, entries), pixels in zip(parts, slices, strict=True)
    ]
    scalars = [space.slices[name].start for name in _shared_names(space)]
    shared = np.searchsorted(dense_index, np.array(scalars, dtype=np.int64))
    return Jacobian(space.size, rank, borders, blocks.take(narrow), tiles, dense_index, shared)
