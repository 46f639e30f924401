"""Lines so broad that their columns are dense: the band of the data space stays narrow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks

LONGEST_RUN = 240
"""Lines seen by more pixels than this, in the space of the data, are dense columns: the band stays narrow."""


def broad_rows(blocks: LineBlocks, broad: IntArray, rank: IntArray) -> tuple[FloatArray, IntArray]:
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


def reach_across(blocks: LineBlocks, borders: IntArray) -> NDArray[np.bool_]:
    """Which lines are felt on both sides of any of the `borders`."""
    first, last = (
        np.searchsorted(borders, at, "right") for at in (blocks.first, blocks.first + blocks.length - 1)
    )
    return np.asarray((blocks.length > 0) & (last > first))
