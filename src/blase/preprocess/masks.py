"""Masking pixels: the ends of orders, ranges of wavelength, cosmic rays and bad pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter

from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError

BoolArray = NDArray[np.bool_]
_SIDE = (-3, -2, 2, 3)
"""Neighbours that say how bright a pixel should be; the nearest may be hit too."""
_WIDEST_SPIKE, _SURROUNDINGS = 5, 101
"""Pixels over which spikes are taken out by a median, and over which the highest light is looked for then."""


def trim_edges(spectrum: EchelleSpectrum, n_pixels: int) -> EchelleSpectrum:
    """The spectrum with the first and the last `n_pixels` of every order masked.

    They stay in the container, so that pixels keep their numbers. Raises InputError for a negative number, or
    one that leaves nothing of the shortest order.
    """
    shortest = min(map(len, spectrum.orders))
    if not 0 <= 2 * n_pixels < shortest:
        raise InputError(
            "so many pixels cannot be masked at both ends",
            path=spectrum.metadata.path,
            value=n_pixels,
            expected=f"from 0 to {(shortest - 1) // 2}, as the shortest order has {shortest} pixels",
            fix="pass a smaller number",
        )

    def ends(order: Order) -> BoolArray:
        i = np.arange(len(order))
        return (i < n_pixels) | (i >= len(order) - n_pixels)

    return _masked(spectrum, ends, f"{n_pixels} pixels at either end of every order")


def mask_ranges(spectrum: EchelleSpectrum, ranges: Sequence[tuple[float, float]]) -> EchelleSpectrum:
    """The spectrum with pixels masked whose centres lie in one of `ranges` [vacuum Angstrom, its own
    frame].
    """
    for low, high in ranges:
        if not low < high:
            raise InputError(
                "the range to mask is empty",
                path=spectrum.metadata.path,
                value=f"{low} to {high} A",
                expected="low < high, vacuum Angstrom",
                fix="pass (low, high)",
            )

    def inside(order: Order) -> BoolArray:
        w = order.wavelength
        return np.any([(w >= low) & (w <= high) for low, high in ranges] or [np.zeros(w.shape, bool)], axis=0)

    listed = ", ".join(f"{low:g}-{high:g} A" for low, high in ranges)
    return _masked(spectrum, inside, listed or "no range")


def mask_cosmic_rays(spectrum: EchelleSpectrum, *, threshold: float = 8.0) -> EchelleSpectrum:
    """The spectrum with pixels masked that stand out above their neighbours as no resolved line can.

    A pixel is hit where its flux exceeds both the highest of the pixels 2 and 3 to either side, and the
    highest of a running median of 5 pixels within 50 pixels, by `threshold` standard deviations of the
    difference; its two nearest neighbours are masked with it. Light between two dense lines is as sharp as a
    spike, but no higher than the rest. Only spikes upwards that stand above the continuum are found: what is
    hit inside a line is left to the fit, which gives outliers little weight, and dead pixels are for the
    pipeline's flags. Emission lines whose line-spread function is narrower than four pixels would be taken
    for spikes.

    Raises InputError for a threshold that is not positive.
    """
    if not threshold > 0:
        raise InputError(
            "the threshold is not a positive number",
            path=spectrum.metadata.path,
            value=threshold,
            expected="standard deviations, e.g. 8",
            fix="pass threshold=8.0",
        )

    def hit(order: Order) -> BoolArray:
        found = _spikes(order, threshold)
        wide = found.copy()
        wide[1:] |= found[:-1]
        wide[:-1] |= found[1:]
        return wide

    return _masked(spectrum, hit, f"spikes of more than {threshold:g} standard deviations")


def _spikes(order: Order, threshold: float) -> BoolArray:
    flux = np.where(order.mask, np.nan, order.flux)
    variance = np.where(order.mask, np.nan, order.uncertainty**2)
    padded = np.pad(flux, 3, constant_values=np.nan)
    around = np.stack([padded[3 + k : 3 + k + flux.size] for k in _SIDE])
    highest = np.max(np.where(np.isfinite(around), around, -np.inf), axis=0)
    lit = np.where(np.isfinite(flux), flux, np.min(flux, where=np.isfinite(flux), initial=np.inf))
    elsewhere = maximum_filter1d(median_filter(lit, _WIDEST_SPIKE, mode="nearest"), _SURROUNDINGS)
    highest = np.where(np.isfinite(highest), np.maximum(highest, elsewhere), highest)
    typical = np.nanmedian(variance) if np.isfinite(variance).any() else np.nan
    with np.errstate(invalid="ignore"):
        return np.isfinite(highest) & (
            flux - highest > threshold * np.sqrt(np.minimum(variance, typical) + typical)
        )


def _masked(spectrum: EchelleSpectrum, where: Callable[[Order], BoolArray], what: str) -> EchelleSpectrum:
    orders = tuple(replace(order, mask=order.mask | where(order)) for order in spectrum.orders)
    changed = replace(spectrum, orders=orders)
    return changed.with_history(f"masked {what}: {spectrum.n_good - changed.n_good} pixels more")
