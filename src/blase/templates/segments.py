"""Stretches of a template between gaps in its wavelengths."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GAP_FACTOR = 10.0
"""A spacing above this many local median spacings is a gap."""

_BLOCK = 64  # samples over which the local median spacing is taken


def find_segments(wavelength: NDArray[np.float64]) -> list[slice]:
    """Slices of the increasing `wavelength` (n,) [Angstrom] between gaps; they cover every sample."""
    n = len(wavelength)
    if n < 3:
        return [slice(0, n)]
    spacing = np.diff(wavelength)
    breaks = np.flatnonzero(spacing > GAP_FACTOR * _local_median(spacing)) + 1
    edges = [0, *breaks.tolist(), n]
    return [slice(a, b) for a, b in pairwise(edges)]


def _local_median(spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of the block of 64 spacings that each spacing (n,) lies in; the last may be longer."""
    n_blocks = max(len(spacing) // _BLOCK, 1)
    edges = np.append(np.arange(n_blocks) * _BLOCK, len(spacing))
    medians = [np.median(spacing[a:b]) for a, b in pairwise(edges)]
    return np.repeat(medians, np.diff(edges))
