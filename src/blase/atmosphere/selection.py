"""Which lines matter on a piece of spectrum, and into how many layers each has to be divided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.atmosphere import line_physics
from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.layers import GasLayers
from blase.atmosphere.line_physics import LineTensors, line_tensors
from blase.atmosphere.pedestal import CUT

FloatArray = NDArray[np.float64]

LEAST_DEPTH = 1e-6
"""Optical depth, at most, of all lines of one gas that are left out of a bin, or on one side outside."""
MARGIN = 3.0
"""Factor by which columns may grow before a line that was left out would matter."""
_BIN = 0.1  # [cm^-1], about the width of a line
_NEAR = 1.0  # [cm^-1], outside the range, where a line still counts as being inside
_MERGERS = ((1e-2, 1), (1e-3, 2), (3e-4, 5), (1e-4, 10), (0.0, 20))
"""Optical depth at the centre from which on a line needs layers no thicker than so many of 40 (1e-5)."""


@dataclass(frozen=True)
class LineGroup:
    """Lines of one gas that may share thick layers: `factor` of the thin ones each."""

    lines: LineTensors
    factor: int


def select_lines(
    lines: HitranLines, gas: GasLayers, *, wavenumber: tuple[float, float], cut: bool
) -> list[LineGroup]:
    """The lines of one gas that can be seen between two wavenumbers [cm^-1], by the layers that they need.

    With `cut`, lines farther outside than the cut of the water continuum are not seen.
    """
    outside = np.maximum(np.maximum(wavenumber[0] - lines.wavenumber, lines.wavenumber - wavenumber[1]), 0.0)
    lines = lines.take(outside < CUT) if cut else lines
    if not len(lines):
        return []
    peak, wing = _depths(line_tensors(lines), gas)
    outside = np.maximum(np.maximum(wavenumber[0] - lines.wavenumber, lines.wavenumber - wavenumber[1]), 0.0)
    far = outside > _NEAR
    bins = np.where(
        far, np.where(lines.wavenumber < wavenumber[0], -1, -2), np.floor(lines.wavenumber / _BIN)
    )
    seen = ~_negligible(bins.astype(np.int64), np.where(far, wing / np.maximum(outside, _NEAR) ** 2, peak))
    lines, peak = lines.take(seen), peak[seen]
    groups, left = [], np.ones(len(lines), dtype=bool)
    for least, of_40 in _MERGERS:
        factor = max(1, of_40 * gas.column.numel() // 40)
        chosen = left & (peak >= least)
        left &= ~chosen
        if chosen.any():
            groups.append(LineGroup(line_tensors(lines.take(chosen)), factor))
    return groups


def _depths(lines: LineTensors, gas: GasLayers) -> tuple[FloatArray, FloatArray]:
    """Of every line (n,): optical depth at its centre, and x^2 tau far out in its wing [cm^-2]."""
    coarse = gas.merged(10)
    with torch.no_grad():
        strength = line_physics.intensity(lines, coarse.temperature) * coarse.column
        gamma = _width(lines, coarse)
        sigma = line_physics.doppler_sigma(lines, coarse.temperature)
        peak = (strength / (np.pi * gamma + np.sqrt(2 * np.pi) * sigma)).sum(dim=1)
        wing = (strength * gamma / np.pi).sum(dim=1)
    return peak.numpy(), wing.numpy()


def _width(lines: LineTensors, gas: GasLayers) -> Tensor:
    return line_physics.lorentz_width(
        lines, temperature=gas.temperature, pressure=gas.pressure, partial_pressure=gas.partial_pressure
    )


def _negligible(bins: NDArray[np.int64], depth: FloatArray) -> NDArray[np.bool_]:
    """The weakest lines of every bin, so many that together they stay below `LEAST_DEPTH` by the margin."""
    order = np.lexsort((depth, bins))
    in_order = depth[order]
    total = np.cumsum(in_order)
    start = np.searchsorted(bins[order], bins[order])
    within = total - (total[start] - in_order[start])
    result = np.zeros(len(depth), dtype=bool)
    result[order] = within < LEAST_DEPTH / MARGIN
    return result
