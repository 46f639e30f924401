"""How many neighbouring samples share their noise, measured from the flux.

A line-spread function lets no narrow feature through: at high spatial frequencies f [cycles a sample] the
power of a spectrum is that of its noise. White noise has the same power at all of them; noise that a pipeline
interpolated has less where f is high. The noise length is the power at low frequencies over the mean of all,

    L = S(0) / <S>.

S(0) is hidden below the star's lines and follows from a law that fits the rest: linear interpolation of
pixels q samples wide, S(f) = S(0) sinc(q f)^4, or a sharp filter, S(f) = S(0) below a frequency and little
above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.order import Order

FloatArray = NDArray[np.float64]
_SEGMENT = 64
"""Samples of one spectrum of the power."""
_FEWEST_SEGMENTS, _FEWEST_FREQUENCIES = 20, 8
_FREQUENCIES = np.fft.rfftfreq(_SEGMENT)
_LOWEST, _HIGHEST = 0.1, 0.49
"""Frequencies looked at: above the slope that was taken off, and below the very last."""
_STAR = 0.1
"""Share of the power that may be the star's where the noise is measured."""
_FINE = np.linspace(0.0, 0.5, 501)
_REFERENCE = 2
"""The frequency, by its number, whose power is the star's."""


@dataclass(frozen=True)
class NoiseLength:
    """How many neighbouring samples share their noise, and the law that says so."""

    value: float
    law: str


def interpolated_length(samples: FloatArray) -> FloatArray:
    """Noise length (n,) where pixels as wide as `samples` (n,) were interpolated linearly: 1.5 of them.

    A mean over many samples sees `samples` times the variance of a pixel over their number, and a single
    sample, averaged over all places between two pixels, 2/3 of it. Samples coarser than 2/3 of a pixel share
    nothing.
    """
    return np.maximum(1.5 * samples, 1.0)


def measured_noise_length(order: Order, *, resolving_power: float) -> NoiseLength | None:
    """The noise length of an order seen with a resolving power, or None where its noise cannot be told.

    That takes twenty stretches of 64 unmasked samples, and frequencies at which the power of the star, which
    falls as the line-spread function lets it, is below a tenth.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(order.mask, np.nan, order.flux / order.uncertainty)
    power = _power(ratio)
    if power is None:
        return None
    step = float(np.median(np.diff(order.wavelength) / order.wavelength[1:])) * SPEED_OF_LIGHT
    sigma = SPEED_OF_LIGHT / resolving_power / np.sqrt(8.0 * np.log(2.0)) / step
    passed = np.exp(-((2.0 * np.pi * sigma * _FREQUENCIES) ** 2))
    star = power[_REFERENCE] * passed / passed[_REFERENCE]
    noise = (star < _STAR * power) & (_FREQUENCIES > _LOWEST)
    first = int(np.argmax(noise)) if noise.any() else _SEGMENT
    used = np.arange(_FREQUENCIES.size) >= first
    used &= _FREQUENCIES < _HIGHEST
    if used.sum() < _FEWEST_FREQUENCIES:
        return None
    return min((_linear(power, used), _sharp(power, used)), key=lambda fit: fit[0])[1]


def _power(flux: FloatArray) -> FloatArray | None:
    """Median power (n_frequencies,) of half-overlapping stretches without a gap, None of too few."""
    window = np.hanning(_SEGMENT)
    x = np.arange(_SEGMENT) - 0.5 * (_SEGMENT - 1)
    starts = np.lib.stride_tricks.sliding_window_view(flux, _SEGMENT)[:: _SEGMENT // 2]
    whole = starts[np.isfinite(starts).all(axis=1)]
    if len(whole) < _FEWEST_SEGMENTS:
        return None
    flat = whole - whole.mean(axis=1, keepdims=True)
    flat = flat - (flat @ x / (x @ x))[:, None] * x
    spectra = np.abs(np.fft.rfft(flat * window, axis=1)) ** 2 / np.sum(window**2)
    return np.median(spectra, axis=0) / np.log(2.0)


def _linear(power: FloatArray, used: NDArray[np.bool_]) -> tuple[float, NoiseLength]:
    """Scatter of ln S about sinc^4, and the noise length, of the pixel width that fits best."""
    fits = []
    for width in np.arange(0.0, 4.0, 0.02):
        law = np.sinc(width * _FREQUENCIES) ** 4 + 1e-4
        length = 1.0 / float(np.mean(np.sinc(width * _FINE) ** 4))
        fits.append((_scatter(power[used] / law[used]), length))
    scatter, length = min(fits)
    return scatter, NoiseLength(length, "linear interpolation")


def _sharp(power: FloatArray, used: NDArray[np.bool_]) -> tuple[float, NoiseLength]:
    """The same about one level below a frequency and another, lower one above."""
    fits = []
    for last in np.flatnonzero(used)[2:-2]:
        below = used & (np.arange(power.size) <= last)
        above = used & ~below
        level, rest = np.exp(np.log(power[below]).mean()), np.exp(np.log(power[above]).mean())
        law = np.where(below, level, rest)
        share = (last + 0.5) / (power.size - 1)
        mean = share * level + (1.0 - share) * rest
        fits.append((_scatter(power[used] / law[used]), max(float(level / mean), 1.0)))
    scatter, length = min(fits)
    return scatter, NoiseLength(length, "a sharp filter")


def _scatter(ratio: FloatArray) -> float:
    return float(np.std(np.log(ratio)))
