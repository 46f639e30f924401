"""Uncertainties from the data themselves, where a file has none or wrong ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blase.containers.noise import der_snr_noise
from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError

FloatArray = NDArray[np.float64]
_FEWEST = 25


def estimate_uncertainty(spectrum: EchelleSpectrum, *, window: int = 200) -> EchelleSpectrum:
    """The spectrum with uncertainties measured from the scatter of its flux, and a note that says so.

    In blocks of `window` pixels, DER_SNR (`blase.containers.noise.der_snr_noise`) gives the standard
    deviation; between the middles of blocks it is interpolated. Dense resolved lines make it too large,
    resampling makes it too small. Masked pixels do not count. Raises InputError for a window under 25 pixels,
    and where the flux of a whole order does not scatter.
    """
    if window < _FEWEST:
        raise InputError(
            "the window is too short to measure noise in",
            path=spectrum.metadata.path,
            value=window,
            expected=f"at least {_FEWEST} pixels",
            fix="pass window=200",
        )
    orders = tuple(_estimated(order, window, spectrum.metadata.path) for order in spectrum.orders)
    note = f"uncertainties were estimated from the flux in blocks of {window} pixels (DER_SNR)"
    notes = tuple(n for n in spectrum.metadata.notes if "estimated from the flux" not in n)
    return replace(spectrum, orders=orders).with_metadata(notes=(*notes, note)).with_history(note)


def _estimated(order: Order, window: int, path: str | None) -> Order:
    flux = np.where(_flagged(order), np.nan, order.flux)
    n_blocks = max(1, round(len(order) / window))
    blocks = np.array_split(np.arange(len(order)), n_blocks)
    noise = np.array([der_snr_noise(flux[block]) for block in blocks])
    known = np.isfinite(noise) & (noise > 0)
    if not known.any():
        raise InputError(
            f"{order.label}: the flux shows no noise",
            path=path,
            value="flux that does not scatter",
            expected="flux that scatters from pixel to pixel",
            fix="give uncertainties, or leave the order out",
        )
    middles = np.array([block.mean() for block in blocks])
    sigma = np.interp(np.arange(len(order)), middles[known], noise[known])
    return replace(order, uncertainty=sigma, mask=_flagged(order))


def _flagged(order: Order) -> NDArray[np.bool_]:
    """Pixels that are masked for another reason than their uncertainty."""
    bad_error = ~(np.isfinite(order.uncertainty) & (order.uncertainty > 0))
    return (order.mask & ~bad_error) | ~np.isfinite(order.flux)
