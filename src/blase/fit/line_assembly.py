"""Columns of single lines put together from the orders that see them."""

from __future__ import annotations

import numpy as np

from blase.fit.absorbers import absorbers, with_floors
from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.line_response import add_responses
from blase.fit.parameters import ParameterSpace
from blase.fit.views import View
from blase.functional.parallel import map_all
from blase.model.core_floor import FLOOR_PARAMETERS
from blase.model.forward import SpectrumModel


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


def all_line_entries(model: SpectrumModel, space: ParameterSpace) -> tuple[IntArray, FloatArray]:
    """Entries of z and prior widths of the parameters of all lines and their floors, both (n, 4)."""
    pairs = [line_entries(space, a.prefix, a.count, floors=a.floors) for a in with_floors(absorbers(model))]
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
