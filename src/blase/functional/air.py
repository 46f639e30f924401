"""Air and vacuum wavelengths, in Angstrom.

Standard air (15 C, 101325 Pa, dry, 0.045 % CO2) after Birch & Downs 1994, Metrologia 31, 315, as written by
Morton 2000, ApJS 130, 403 (doi:10.1086/317349); the same formula as VALD3 and the IAU standard:

    n(s) = 1 + 8.34254e-5 + 2.406147e-2 / (130 - s^2) + 1.5998e-4 / (38.9 - s^2),   s = 1e4 / lambda_vacuum

Conversion starts at 2000 Angstrom in vacuum (1999.35 Angstrom in air); shorter wavelengths are vacuum by
convention and pass unchanged. An air value between 1999.35 and 2000 Angstrom is taken as converted.
The coefficients rest on measurements up to about 2 micron and extrapolate smoothly into the infrared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blase.errors import InputError

SHORTEST_CONVERTED = 2000.0
"""Shortest vacuum wavelength that has a counterpart in air [Angstrom]."""

_ITERATIONS = 4  # each one shrinks the error by |d ln n / d ln lambda| < 1e-4


def vacuum_to_air(wavelength: ArrayLike) -> NDArray[np.float64]:
    """Air wavelength lambda / n(lambda) [Angstrom] of a vacuum wavelength [Angstrom], same shape.

    Raises
    ------
    InputError : if a wavelength is not positive and finite.
    """
    vacuum = _checked(wavelength)
    return np.where(vacuum >= SHORTEST_CONVERTED, vacuum / _refractive_index(vacuum), vacuum)


def air_to_vacuum(wavelength: ArrayLike) -> NDArray[np.float64]:
    """Vacuum wavelength [Angstrom] of an air wavelength [Angstrom], same shape: inverse of `vacuum_to_air`.

    Solves lambda = lambda_air n(lambda) by fixed-point iteration, to rounding error.

    Raises
    ------
    InputError : if a wavelength is not positive and finite.
    """
    air = _checked(wavelength)
    vacuum = air
    for _ in range(_ITERATIONS):
        vacuum = air * _refractive_index(vacuum)
    shortest = vacuum_to_air(SHORTEST_CONVERTED)
    return np.where(air >= shortest, vacuum, air)


def _refractive_index(vacuum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Index n at a vacuum wavelength [Angstrom]; held constant below 1900 Angstrom, short of the pole."""
    s2 = (1e4 / np.maximum(vacuum, 1900.0)) ** 2
    return 1.0 + 8.34254e-5 + 2.406147e-2 / (130.0 - s2) + 1.5998e-4 / (38.9 - s2)


def _checked(wavelength: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(wavelength, dtype=np.float64)
    bad = ~(np.isfinite(values) & (values > 0.0))
    if bad.any():
        raise InputError(
            "a wavelength is not positive and finite",
            value=values[bad].flat[0],
            expected="wavelengths in Angstrom",
            fix="remove or mask these samples before converting",
        )
    return values
