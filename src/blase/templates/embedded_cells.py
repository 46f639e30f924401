"""Fixed cells of wavelength, each generated from its own number: no line depends on the range asked for."""

from __future__ import annotations

import numpy as np

CELL = 10.0
"""Width of a cell [Angstrom]; cell i begins at i * CELL."""


def cells(low: float, high: float) -> range:
    """Numbers of the cells that overlap [low, high) Angstrom."""
    return range(int(low // CELL), int(np.ceil(high / CELL)))
