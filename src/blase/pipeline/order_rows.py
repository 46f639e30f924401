"""In which order a wavelength lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blase.pipeline.prepare import Pixels


def rows_of(observed: NDArray[np.float64], pixels: list[Pixels]) -> NDArray[np.int64]:
    """Row of the first order (n,) that each wavelength lies in, -1 outside every order."""
    rows = np.full(observed.size, -1, dtype=np.int64)
    for order in reversed(pixels):
        rows[(observed >= order.edges[0]) & (observed <= order.edges[-1])] = order.row
    return rows
