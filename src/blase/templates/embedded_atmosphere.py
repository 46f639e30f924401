"""The lines of a synthetic atmosphere: water near its real bands, oxygen with its real structure.

Between the bands the air is more humid than anywhere on Earth, so that every stretch of spectrum holds
telluric lines to fit: this atmosphere is for trying things out, not for correcting data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blase.constants import BOLTZMANN_OVER_AMU
from blase.containers.line_list import LineList
from blase.templates.embedded_bands import Band
from blase.templates.embedded_cells import CELL, cells

FloatArray = NDArray[np.float64]

_TEMPERATURE = 270.0
_WATER_MASS, _OXYGEN_MASS = 18.015, 31.998
_PRESSURE_GAMMA = 1.45
"""0.07 cm^-1/atm at 0.8 atm, as a velocity at 8500 Angstrom [km/s]."""

# centre and half width [Angstrom] of the bands of water
_WATER_BANDS = (
    (7240.0, 110.0),
    (8250.0, 150.0),
    (9400.0, 480.0),
    (11_350.0, 350.0),
    (13_900.0, 700.0),
    (18_700.0, 1000.0),
)
_DENSITY_BETWEEN, _DENSITY_IN_BAND = 0.4, 1.2
_LOG_STRENGTH_BETWEEN, _LOG_STRENGTH_IN_BAND, _STRENGTH_SCATTER = -2.1, -1.5, 0.5
_MAXIMUM_STRENGTH = 0.4
_STREAM = 2

# the B, A and 1.27 micron bands: origin and upper rotational constant [cm^-1], peak strength [Angstrom]
_OXYGEN_BANDS = ((14_525.7, 1.3729, 0.15), (13_120.9, 1.3913, 0.6), (7_882.4, 1.4179, 0.2))
_OXYGEN_B_LOWER, _OXYGEN_SPLITTING = 1.4377, 2.0


def atmosphere_lines(seed: int, low: float, high: float) -> LineList:
    """Every telluric line of the atmosphere of this seed with its centre in [low, high) vacuum Angstrom."""
    water = [_water(seed, cell) for cell in cells(low, high)]
    lines = LineList.concatenated([*water, *(_oxygen(*band) for band in _OXYGEN_BANDS)])
    return lines.take((lines.centre >= low) & (lines.centre < high))


def band_strength(wavelength: FloatArray | float) -> FloatArray:
    """How deep in a band of water a wavelength [Angstrom] is: 1 inside, 0 between bands; same shape."""
    place = np.asarray(wavelength, dtype=np.float64)
    return np.max([np.exp(-(((place - centre) / half) ** 4)) for centre, half in _WATER_BANDS], axis=0)


def _water(seed: int, cell: int) -> LineList:
    """Water lines of one cell: random places, log-normal strengths; denser and stronger inside a band."""
    rng = np.random.default_rng([seed, _STREAM, cell])
    middle = (cell + 0.5) * CELL
    inside = float(band_strength(middle))
    n = rng.poisson(CELL * (_DENSITY_BETWEEN + (_DENSITY_IN_BAND - _DENSITY_BETWEEN) * inside))
    median = _LOG_STRENGTH_BETWEEN + (_LOG_STRENGTH_IN_BAND - _LOG_STRENGTH_BETWEEN) * inside
    strength = 10 ** (median + _STRENGTH_SCATTER * rng.standard_normal(n))
    return LineList(
        centre=CELL * (cell + rng.uniform(size=n)),
        strength=np.minimum(strength, _MAXIMUM_STRENGTH),
        sigma=np.full(n, _thermal_sigma(_WATER_MASS)),
        gamma=_pressure_gamma(middle) * 10 ** (0.08 * rng.standard_normal(n)),
        species=np.full(n, "H2O"),
        lower_energy=rng.gamma(2.0, 0.04, size=n),
    )


def _oxygen(origin: float, b_upper: float, peak: float) -> LineList:
    """One band of O2: odd levels, R and P branches, each line a doublet; `peak` strength [Angstrom]."""
    band = Band(
        origin, _OXYGEN_B_LOWER, b_upper, branches="RP", splitting=_OXYGEN_SPLITTING, j_step=2, j_max=41
    )
    centre, relative, energy = band.lines(_TEMPERATURE)
    n = len(centre)
    return LineList(
        centre=centre,
        strength=peak * relative,
        sigma=np.full(n, _thermal_sigma(_OXYGEN_MASS)),
        gamma=0.6 * _pressure_gamma(centre),
        species=np.full(n, "O2"),
        lower_energy=energy,
    )


def _thermal_sigma(mass: float) -> float:
    """sqrt(kT/m) [km/s] for a mass in atomic units."""
    return float(np.sqrt(BOLTZMANN_OVER_AMU * _TEMPERATURE / mass))


def _pressure_gamma(wavelength: FloatArray | float) -> FloatArray:
    """Pressure broadening, constant in wavenumber, as a half width at half maximum in velocity [km/s]."""
    return np.asarray(_PRESSURE_GAMMA * np.asarray(wavelength) / 8500.0)
