"""Several exposures of a star made into one, with the correlation of noise that resampling brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError
from blase.preprocess.frame import to_frame

FloatArray = NDArray[np.float64]


def overlap_matrix(target: FloatArray, source: FloatArray) -> sparse.csr_array:
    """(n, m) share of each target pixel that each source pixel covers, from edges (n+1,) and (m+1,).

    W_ij is the width that pixels i and j share over the width of pixel i: rows of pixels that are covered sum
    to one, and the mean flux density of a pixel is the sum of W_ij f_j.
    """
    first = np.clip(np.searchsorted(source, target[:-1], side="right") - 1, 0, source.size - 2)
    last = np.clip(np.searchsorted(source, target[1:], side="left") - 1, 0, source.size - 2)
    counts = last - first + 1
    rows = np.repeat(np.arange(target.size - 1), counts)
    columns = (
        np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    )
    overlap = np.minimum(target[rows + 1], source[columns + 1]) - np.maximum(target[rows], source[columns])
    share = np.maximum(overlap, 0.0) / (target[rows + 1] - target[rows])
    return sparse.csr_array((share, (rows, columns)), shape=(target.size - 1, source.size - 1))


def stack(spectra: Sequence[EchelleSpectrum], *, frame: str = "barycentric") -> EchelleSpectrum:
    """The weighted mean of exposures, on the wavelengths of the first of them in `frame`.

    Every exposure is brought to `frame`, resampled to the pixels of the first by overlap (flux density is
    kept), scaled to the median of the first order by order, and averaged with weights 1/sigma^2. Resampling
    spreads the noise of a pixel over neighbours: uncertainties are multiplied by the square root of the
    factor by which the variance of a mean over many pixels exceeds that of independent ones, so that a fit
    that takes pixels as independent gets errors of lines right. The factor is in the notes.

    Target, instrument, resolving power and blaze are those of the first; sky is dropped. Raises InputError
    for fewer than two spectra, spectra of different rows, and frames that cannot be changed.
    """
    if len(spectra) < 2:
        raise InputError(
            "there is nothing to stack",
            value=f"{len(spectra)} spectra",
            expected="two or more",
            fix="give every exposure of the star",
        )
    moved = [to_frame(spectrum, frame) for spectrum in spectra]
    rows = [[order.row for order in spectrum.orders] for spectrum in moved]
    if any(other != rows[0] for other in rows[1:]):
        raise InputError(
            "the spectra have different orders",
            path=spectra[0].metadata.path,
            value="; ".join(str(len(other)) for other in rows),
            expected="the same rows in each",
            fix="select the same orders of each with select(...)",
        )
    results = [_stacked([spectrum.orders[i] for spectrum in moved]) for i in range(len(rows[0]))]
    factor = float(np.median([factor for _, factor in results]))
    note = (
        f"stack of {len(spectra)} exposures: resampling correlates neighbouring pixels, and "
        f"uncertainties were "
        f"multiplied by {np.sqrt(factor):.3f} for it"
    )
    first = replace(moved[0], orders=tuple(order for order, _ in results))
    notes = (*first.metadata.notes, note)
    return first.with_metadata(notes=notes).with_history(
        f"stacked with {len(spectra) - 1} more in {frame} frame"
    )


def _stacked(orders: list[Order]) -> tuple[Order, float]:
    """The mean of the orders on the pixels of the first, and the factor of its correlated noise."""
    first, edges = orders[0], orders[0].edges()
    level = _level(orders[0])
    total, weight = np.zeros(len(first)), np.zeros(len(first))
    variance, neighbours = np.zeros(len(first)), np.zeros(len(first) - 1)
    for order in orders:
        share = overlap_matrix(edges, order.edges())
        scale = level / _level(order)
        flux = np.where(order.mask, 0.0, order.flux * scale)
        noise = np.where(order.mask, 0.0, (order.uncertainty * scale) ** 2)
        resampled = share @ flux
        spread = share.multiply(share) @ noise
        good = (
            ((share @ order.mask.astype(float)) == 0) & (np.abs(share.sum(axis=1) - 1) < 1e-9) & (spread > 0)
        )
        w = np.where(good, 1.0 / np.where(good, _smooth(spread, share @ noise), 1.0), 0.0)
        total, weight = total + w * resampled, weight + w
        variance += w**2 * spread
        neighbours += w[1:] * w[:-1] * (share[1:].multiply(share[:-1]) @ noise)
    used = weight > 0
    safe = np.where(used, weight, 1.0)
    sigma = np.sqrt(variance) / safe
    factor = float(1.0 + 2.0 * neighbours.sum() / variance.sum()) if variance.sum() > 0 else 1.0
    length = np.ones(len(first)) if first.noise_length is None else first.noise_length
    mean = replace(
        first,
        flux=np.where(used, total / safe, np.nan),
        uncertainty=np.where(used, sigma * np.sqrt(factor), np.nan),
        mask=~used,
        sky=None,
        sky_uncertainty=None,
        noise_length=factor * length,
    )
    return mean, factor


def _smooth(spread: FloatArray, mean: FloatArray) -> FloatArray:
    """The variance that weighs a pixel: not that of the resampled one, which is lower half way between
    pixels.
    """
    return np.where(mean > 0, mean, spread)


def _level(order: Order) -> float:
    good = ~order.mask
    level = float(np.median(order.flux[good])) if good.any() else 1.0
    return level if level > 0 else 1.0
