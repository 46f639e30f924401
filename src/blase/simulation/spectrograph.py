"""What a spectrograph does to light: blurs it with its line-spread function and gathers it in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from blase.constants import SPEED_OF_LIGHT
from blase.containers.spectrum import pixel_edges

FloatArray = NDArray[np.float64]

_KERNEL_REACH = 6.0
_SUBPIXELS = 24
_DISPERSION_CHANGE = 0.06


def line_spread_sigma(resolving_power: float) -> float:
    """Standard deviation [km/s] of a Gaussian of full width c/R at half maximum."""
    return SPEED_OF_LIGHT / resolving_power / np.sqrt(8 * np.log(2))


def blur_margin(resolving_power: float) -> float:
    """Velocity [km/s] by which a spectrum must reach beyond the pixels for `blur`."""
    return _KERNEL_REACH * line_spread_sigma(resolving_power) + 1.0


def blur(spectrum: FloatArray, *, step: float, resolving_power: float) -> FloatArray:
    """Direct convolution of `spectrum` (n,), samples `step` km/s apart, with the Gaussian out to 6 sigma.

    Returns (n,); samples closer to an end than 6 sigma are not valid.
    """
    sigma = line_spread_sigma(resolving_power)
    half = int(np.ceil(_KERNEL_REACH * sigma / step))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / sigma) ** 2)
    return np.convolve(spectrum, kernel / kernel.sum(), mode="same")


def pixel_centres(low: float, high: float, n_pixels: int) -> FloatArray:
    """Centres (n_pixels,) of pixels that fill [low, high] Angstrom; the dispersion falls by 12 %."""
    t = (np.arange(n_pixels) + 0.5) / n_pixels
    return low + (high - low) * (t + _DISPERSION_CHANGE * t * (1 - t))


def integrate_pixels(centres: FloatArray, log_wavelength: FloatArray, spectrum: FloatArray) -> FloatArray:
    """Mean (n_pixels,) of `spectrum` at `log_wavelength` over each pixel: midpoint rule, 24 sub-pixels."""
    edges = pixel_edges(centres)
    place = (np.arange(_SUBPIXELS) + 0.5) / _SUBPIXELS
    inside = edges[:-1, None] + np.diff(edges)[:, None] * place
    return CubicSpline(log_wavelength, spectrum)(np.log(inside)).mean(axis=1)
