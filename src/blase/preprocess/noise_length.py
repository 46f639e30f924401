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
_FALL = 0.12
"""Range of frequencies in which a sharp filter falls to nothing."""
_IGNORED = 0.05
"""Share of the power below which it hardly counts."""
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
    power = _power(np.where(order.mask, np.nan, order.flux), order.uncertainty)
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


def _power(flux: FloatArray, uncertainty: FloatArray) -> FloatArray | None:
    """Median power (n_frequencies,) of half-overlapping stretches without a gap, in units of the stated noise
    of each; None of too few.
    """
    window = np.hanning(_SEGMENT)
    x = np.arange(_SEGMENT) - 0.5 * (_SEGMENT - 1)
    if len(flux) < _SEGMENT:
        return None
    stretches, errors = (
        np.lib.stride_tricks.sliding_window_view(array, _SEGMENT)[:: _SEGMENT // 2]
        for array in (flux, uncertainty)
    )
    complete = np.isfinite(stretches).all(axis=1)
    if complete.sum() < _FEWEST_SEGMENTS:
        return None
    whole = stretches[complete] / np.median(errors[complete], axis=1, keepdims=True)
    flat = whole - whole.mean(axis=1, keepdims=True)
    flat = flat - (flat @ x / (x @ x))[:, None] * x
    spectra = np.abs(np.fft.rfft(flat * window, axis=1)) ** 2 / np.sum(window**2)
    return np.median(spectra, axis=0) / np.log(2.0)


def _linear(power: FloatArray, used: NDArray[np.bool_]) -> tuple[float, NoiseLength]:
    """Misfit of sinc^4 and the noise length, of the pixel width that fits best."""
    fits = []
    for width in np.arange(0.0, 4.0, 0.02):
        misfit = _misfit(power[used], np.sinc(width * _FREQUENCIES[used]) ** 4)
        fits.append((misfit, 1.0 / float(np.mean(np.sinc(width * _FINE) ** 4))))
    misfit, length = min(fits)
    return misfit, NoiseLength(length, "linear interpolation")


def _sharp(power: FloatArray, used: NDArray[np.bool_]) -> tuple[float, NoiseLength]:
    """The same of one level up to a frequency, and a range above in which it falls to nothing."""
    fits = []
    for edge in np.arange(0.2, 0.52, 0.01):
        fall = np.clip((edge - _FREQUENCIES) / _FALL + 1.0, 0.0, 1.0) ** 2
        length = 1.0 / float(np.mean(np.clip((edge - _FINE) / _FALL + 1.0, 0.0, 1.0) ** 2))
        fits.append((_misfit(power[used], fall[used]), length))
    misfit, length = min(fits)
    return misfit, NoiseLength(length, "a sharp filter")


def _misfit(power: FloatArray, law: FloatArray) -> float:
    """Scatter of the logarithm of `power` about the best multiple of `law`, what is below 5 % left out."""
    levels = np.median(power[law > 0.5 * law.max()]) * np.geomspace(0.4, 2.5, 31)[:, None]
    floor = _IGNORED * power.max()
    deviation = np.log((power + floor) / (levels * law + floor))
    return float(np.min(np.mean(deviation**2, axis=1)))
