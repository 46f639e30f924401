"""Where the lines of a spectrum are, and a first guess of their strengths and widths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList

FloatArray = NDArray[np.float64]

FWHM_PER_SIGMA = 2.3548200450309493
_WEAK = 0.4
"""Lines shallower than this show the width of an unsaturated line."""


@dataclass(frozen=True)
class TypicalWidths:
    """Gaussian sigma and Lorentzian gamma [km/s] that a line is believed to have before it is fitted."""

    sigma: float
    gamma: float


def velocity_spacing(wavelength: FloatArray) -> FloatArray:
    """Spacing [km/s] of the samples `wavelength` (n,), n >= 2."""
    return SPEED_OF_LIGHT * np.gradient(np.log(wavelength))


def typical_widths(wavelength: FloatArray, normalised: FloatArray, *, prominence: float) -> TypicalWidths:
    """Widths of the narrower third of the weak lines, which are the least blended.

    The Lorentzian is taken as a seventh of the Gaussian, as for a line little broadened by collisions.
    """
    spacing = velocity_spacing(wavelength)
    peaks, _ = find_peaks(1 - normalised, prominence=prominence)
    weak = peaks[(1 - normalised[peaks]) < _WEAK]
    floor = 0.6 * float(np.median(spacing))
    if weak.size < 5:
        return TypicalWidths(max(3 * floor, 1.0), max(3 * floor, 1.0) / 7)
    widths = peak_widths(1 - normalised, weak, rel_height=0.5)[0] * spacing[weak]
    sigma = max(float(np.percentile(widths, 35)) / FWHM_PER_SIGMA, floor)
    return TypicalWidths(sigma, sigma / 7)


def lines_at(
    centre: FloatArray, depth: FloatArray, widths: TypicalWidths, *, blurred_sigma: float | None = None
) -> LineList:
    """Lines of the given central `depth` (n,) at `centre` (n,) [Angstrom] with the typical widths.

    The optical depth of a line of depth d is -ln(1 - d); its area follows from the width seen, which is that
    of the blur (`blurred_sigma` [km/s]) where the spectrum has been blurred.
    """
    seen = widths.sigma + 0.5 * widths.gamma if blurred_sigma is None else blurred_sigma
    optical_depth = -np.log1p(-np.clip(depth, 1e-6, 0.995))
    strength = optical_depth * np.sqrt(2 * np.pi) * seen * centre / SPEED_OF_LIGHT
    n = centre.size
    return LineList(centre, 0.8 * strength, np.full(n, widths.sigma), np.full(n, widths.gamma))


def find_lines(
    wavelength: FloatArray,
    normalised: FloatArray,
    widths: TypicalWidths,
    *,
    prominence: float,
    blurred_sigma: float | None = None,
) -> LineList:
    """One line at every minimum of `normalised` (n,) that stands out by `prominence` [continuum]."""
    peaks, _ = find_peaks(1 - normalised, prominence=prominence)
    return lines_at(wavelength[peaks], 1 - normalised[peaks], widths, blurred_sigma=blurred_sigma)


def missing_lines(
    wavelength: FloatArray,
    normalised: FloatArray,
    model: FloatArray,
    present: LineList,
    widths: TypicalWidths,
    *,
    prominence: float,
    blurred_sigma: float | None = None,
) -> LineList:
    """Lines at the minima of what the `model` (n,) leaves, none within half a width of a line `present`."""
    excess = np.maximum(model - normalised, 0.0)
    peaks, _ = find_peaks(excess, prominence=prominence, height=prominence)
    if not peaks.size:
        return present.take(slice(0, 0))
    closest = np.clip(np.searchsorted(present.centre, wavelength[peaks]), 1, len(present) - 1)
    gap = np.minimum(
        np.abs(present.centre[closest] - wavelength[peaks]),
        np.abs(present.centre[closest - 1] - wavelength[peaks]),
    )
    reach = 0.5 * (blurred_sigma or widths.sigma)
    peaks = peaks[gap * SPEED_OF_LIGHT / wavelength[peaks] > reach]
    depth = excess[peaks] / np.clip(model[peaks], 0.05, None)
    return lines_at(wavelength[peaks], depth, widths, blurred_sigma=blurred_sigma)
