"""Derivatives where lines have a core floor, on the samples that feel it.

By the chain rule the effective depth of a floored line moves by d tau_eff / d tau times what its optical
depth does, sample by sample. The parameters of a floor are columns beside those of the line.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from blase.functional.core_floor import effective_depth_slopes
from blase.functional.window_depth import depth_slopes
from blase.model.core_floor import FELT, CoreFloors

Seen = dict[str, Tensor]
"""Centre, strength, sigma and gamma [Angstrom] of lines, each (n_lines,)."""
_NAMES = ("centre", "strength", "sigma", "gamma")


def _bent(tau: np.ndarray, levels: dict[str, Tensor]) -> list[np.ndarray]:
    """Slopes of the effective depth by the optical depth `tau` (n,) and by the floor, each (n,)."""
    return [slope.numpy() for slope in effective_depth_slopes(torch.from_numpy(tau), **levels)]


@torch.no_grad()
def bend_slopes(
    values: np.ndarray, window: np.ndarray, seen: Seen, floors: CoreFloors, index: Tensor
) -> None:
    """Turn slopes of optical depths `values` (4, total) into those of effective ones, in place.

    Line i of the lines `index` fills window[i] ... window[i + 1] - 1; floors are few, the others stay.
    """
    for i, k in zip(*floors.among(index), strict=True):
        own = values[:, window[i] : window[i + 1]]
        own *= _bent(float(seen["strength"][i]) * own[1], floors.levels(k[None]))[0]


@torch.no_grad()
def floor_slopes(
    wavelength: np.ndarray, seen: Seen, floors: CoreFloors, index: Tensor, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slopes of the effective depth by the parameters of the floors of the lines `index`.

    Returns which floors (k,), slopes (4, total), and the samples lo ... hi - 1 (k,) of each.
    """
    parts, ends = [np.zeros((4, 0))], []
    windows = floors.windows(torch.from_numpy(wavelength), seen, index, tolerance=tolerance)
    for window, line, levels in windows:
        arrays = [line[name].numpy() for name in _NAMES]
        tau = arrays[1] * depth_slopes(wavelength[window], *arrays)[1]
        parts.append(np.stack(_bent(tau, levels)[1:]))
        ends.append((window.start, window.stop))
    lo, hi = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    return floors.among(index)[1].numpy(), np.hstack(parts), lo, hi


@torch.no_grad()
def floor_tangents(
    wavelength: np.ndarray, seen: Seen, along: Seen, floors: CoreFloors, index: Tensor
) -> np.ndarray:
    """What floors add to the tangents (n, 4) of the optical depth (`optical_depth_tangents`)."""
    out = np.zeros((wavelength.size, 4))
    windows = floors.windows(torch.from_numpy(wavelength), seen, index, tolerance=FELT)
    for where, (window, line, levels) in zip(floors.among(index)[0], windows, strict=True):
        arrays = [line[name].numpy() for name in _NAMES]
        slopes = depth_slopes(wavelength[window], *arrays)
        moved = sum(float(along[name][where]) * row for name, row in zip(_NAMES, slopes, strict=True))
        scaled = [arrays[k] * slopes[k] for k in (1, 2, 3)]
        bent = _bent(scaled[0], levels)[0]
        out[window] += ((bent - 1) * np.stack([moved, *scaled])).T
    return out
