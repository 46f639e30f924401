"""Optical depth of a line list by brute force, with scipy's Voigt profile and none of the operators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import voigt_profile

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList

FloatArray = NDArray[np.float64]

_GAUSSIAN_REACH = 12.0
_MAXIMUM_REACH = 1200.0
_EDGE_OPTICAL_DEPTH = 1e-9


def window_half_width(lines: LineList) -> FloatArray:
    """Half width (n,) [Angstrom] inside which each line is summed.

    A damping wing, tau = A gamma / (pi x^2), is followed until tau = 1e-9, at most to 1200 Angstrom and
    at least to 12 sigma. At 5 lines per Angstrom all that is left out adds up to less than 1e-6.
    """
    wing = lines.strength * _angstrom(lines, lines.gamma) / np.pi
    reach = np.minimum(np.sqrt(wing / _EDGE_OPTICAL_DEPTH), _MAXIMUM_REACH)
    return np.maximum(reach, _GAUSSIAN_REACH * _angstrom(lines, lines.sigma))


def render_optical_depth(wavelength: FloatArray, lines: LineList) -> FloatArray:
    """tau(l) = sum_j A_j V(l - l_j; sigma_j, gamma_j) at `wavelength` (n,), increasing vacuum Angstrom.

    V is the area-normalised Voigt profile; sigma_j = l_j v/c is constant across a line. A line with a floor
    adds its effective depth. Returns (n,).
    """
    sigma, gamma = _angstrom(lines, lines.sigma), _angstrom(lines, lines.gamma)
    half = window_half_width(lines)
    first = np.searchsorted(wavelength, lines.centre - half)
    last = np.searchsorted(wavelength, lines.centre + half)
    tau = np.zeros(len(wavelength))
    floors = {j: {n: v[k] for n, v in lines.floors().items()} for k, j in enumerate(lines.floored)}
    for j in np.flatnonzero(last > first):
        window = slice(first[j], last[j])
        x = wavelength[window] - lines.centre[j]
        own = lines.strength[j] * voigt_profile(x, sigma[j], gamma[j])
        tau[window] += _effective(own, **floors[j]) if j in floors else own
    return tau


def _effective(
    tau: FloatArray, *, core_floor: float, wing_floor: float, core_opacity: float, wing_power: float
) -> FloatArray:
    """-ln S of a line with a floor, the formula of `blase.functional.core_floor` written down once more."""
    reach, drop = core_opacity + 1 / wing_power, wing_floor - core_floor
    eta = tau / (wing_power * (1 - wing_floor) + drop / reach)
    absorbed = drop * eta / (reach + eta) - (1 - wing_floor) * np.expm1(-wing_power * np.log1p(eta))
    return np.asarray(-np.log1p(-absorbed))


def logarithmic_grid(low: float, high: float, *, step: float) -> FloatArray:
    """Wavelengths (n,) uniform in ln(wavelength) with spacing `step` from `low` to at least `high`."""
    n = int(np.ceil(np.log(high / low) / step)) + 1
    return low * np.exp(step * np.arange(n))


def _angstrom(lines: LineList, velocity: FloatArray) -> FloatArray:
    """Widths [km/s] of lines as widths [Angstrom]."""
    return lines.centre * velocity / SPEED_OF_LIGHT
