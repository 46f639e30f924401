"""Numbers that show where and how a fit fails; plain arrays in, plain arrays and tuples out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from blase.results.result import OrderFit

STRETCH = 11
"""Number of fitted pixels in a stretch that is searched for misfit."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of fitted pixels: vacuum wavelengths [Angstrom], misfit over sigma and over the model."""

    row: int
    low: float
    high: float
    rms_sigma: float
    mean_relative: float
    star: float
    telluric: float
    near_mask: bool


@dataclass(frozen=True)
class Distribution:
    """Residual over sigma of all fitted pixels, with the share beyond 1, 2, 3 and 5 sigma."""

    values: np.ndarray
    mean: float
    deviation: float
    neighbour_correlation: float
    beyond: tuple[tuple[float, float], ...]


def normalised_residual(order: OrderFit) -> np.ndarray:
    """Residual over the uncertainty as read, shape (n_pixels,); NaN on masked pixels."""
    ratio = np.full(order.flux.shape, np.nan)
    good = ~order.mask
    ratio[good] = order.residual[good] / order.uncertainty[good]
    return ratio


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, stop) of every run of True in `flags`, shape (n,)."""
    steps = np.diff(np.concatenate([[0], np.asarray(flags, dtype=np.int8), [0]]))
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]


def worst_stretches(orders: Sequence[OrderFit], count: int = 10) -> list[Stretch]:
    """Return the `count` non-overlapping stretches of `STRETCH` fitted pixels with the largest rms/sigma."""
    found = [stretch for order in orders for stretch in _stretches(order, count)]
    return sorted(found, key=lambda stretch: -stretch.rms_sigma)[:count]


def _stretches(order: OrderFit, count: int) -> list[Stretch]:
    """Choose the worst stretches of one order greedily, each pixel used once."""
    good = np.flatnonzero(~order.mask)
    width = min(STRETCH, good.size)
    if width == 0:
        return []
    squared = normalised_residual(order)[good] ** 2
    sums = np.cumsum(np.concatenate([[0.0], squared]))
    mean = (sums[width:] - sums[:-width]) / width
    chosen: list[Stretch] = []
    while len(chosen) < count and np.isfinite(mean).any():
        start = int(np.nanargmax(mean))
        chosen.append(_describe(order, good[start : start + width], float(np.sqrt(mean[start]))))
        mean[max(0, start - width + 1) : start + width] = np.nan
    return chosen


def _describe(order: OrderFit, pixels: np.ndarray, rms: float) -> Stretch:
    """Say where a stretch lies and what absorbs there."""
    around = order.mask[max(pixels[0] - 1, 0) : pixels[-1] + 2]
    return Stretch(
        row=order.row,
        low=float(order.wavelength[pixels[0]]),
        high=float(order.wavelength[pixels[-1]]),
        rms_sigma=rms,
        mean_relative=float(np.mean(order.residual[pixels] / order.model[pixels])),
        star=float(np.min(order.star[pixels])),
        telluric=float(np.min(order.telluric[pixels])),
        near_mask=bool(around.any()),
    )


def residual_distribution(orders: Sequence[OrderFit]) -> Distribution:
    """Return the distribution of residual over sigma, and the correlation between neighbouring pixels."""
    ratios = [normalised_residual(order) for order in orders]
    values = np.concatenate([ratio[np.isfinite(ratio)] for ratio in ratios]) if ratios else np.empty(0)
    if values.size == 0:
        nan = float("nan")
        return Distribution(values, nan, nan, nan, ())
    left, right = (np.concatenate([ratio[cut] for ratio in ratios]) for cut in (slice(0, -1), slice(1, None)))
    both = np.isfinite(left) & np.isfinite(right)
    product = float(np.mean(left[both] * right[both])) if both.any() else float("nan")
    beyond = tuple((limit, float(np.mean(np.abs(values) > limit))) for limit in (1.0, 2.0, 3.0, 5.0))
    square = float(np.mean(values**2))
    return Distribution(
        values,
        float(values.mean()),
        float(values.std()),
        product / square if square > 0 else float("nan"),
        beyond,
    )


def departure(lines: QTable) -> np.ndarray:
    """How much equivalent width each line's change from its clone moved, [Angstrom], shape (n_lines,).

    W sqrt((ln A/A0)^2 + (dsigma^2 + dgamma^2 + dv^2) / (sigma0 + gamma0)^2): every change in its natural
    unit, weighted with the equivalent width W so that a faint line does not lead the list for a large
    change that no pixel shows. NaN where a line was added or has no clone.
    """
    width = column(lines, "sigma_cloned") + column(lines, "gamma_cloned")
    names = ("sigma", "gamma", "centre_shift")
    changes = [column(lines, name) - column(lines, f"{name}_cloned") for name in names]
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.nansum([(change / width) ** 2 for change in changes], axis=0)
        ratio = np.log(column(lines, "strength") / column(lines, "strength_cloned"))
        size = column(lines, "equivalent_width") * np.sqrt(ratio**2 + moved)
    return np.where(np.isfinite(size), size, np.nan)


def column(lines: QTable, name: str) -> np.ndarray:
    """Return a column of the line table as plain floats; NaN throughout where the table lacks it."""
    if name not in lines.colnames:
        return np.full(len(lines), np.nan)
    values = lines[name]
    return np.asarray(getattr(values, "value", values), dtype=float)


def mask_reasons(order: OrderFit) -> dict[str, np.ndarray]:
    """Flag the masked pixels by what their own flux and uncertainty say about the reason.

    Returns boolean arrays of shape (n_pixels,), only those that hold a pixel; every masked pixel is in one.
    """
    bad_flux = order.mask & ~np.isfinite(order.flux)
    bad_error = order.mask & ~bad_flux & ~(np.isfinite(order.uncertainty) & (order.uncertainty > 0))
    flags = {
        "flux not finite": bad_flux,
        "uncertainty not finite or not positive": bad_error,
        "flagged in the input or left out by choice": order.mask & ~bad_flux & ~bad_error,
    }
    return {reason: where for reason, where in flags.items() if where.any()}


def with_status(lines: QTable, status: str) -> QTable:
    """The lines that were `cloned`, `added` or `dropped`; all where a table does not say."""
    return lines[np.asarray(lines["status"]) == status] if "status" in lines.colnames else lines
