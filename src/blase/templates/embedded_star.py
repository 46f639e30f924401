"""The lines of a synthetic late-K dwarf: statistics like the real ones, positions drawn from a seed.

Atoms fall at random in fixed cells of 10 Angstrom, so a line does not depend on the range that is asked for.
Only the named strong lines and the hydrogen lines lie where they do in nature.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blase.constants import BOLTZMANN_EV, BOLTZMANN_OVER_AMU, SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.templates.embedded_bands import Band
from blase.templates.embedded_cells import CELL, cells

FloatArray = NDArray[np.float64]

EFFECTIVE_TEMPERATURE = 4500.0
"""Temperature of the synthetic star [K]."""

_MICROTURBULENCE = 1.0
_CANDIDATES_PER_ANGSTROM = 6.0
_STRENGTH_LIMITS = (1.5e-4, 1.5)
_GAMMA_LIMITS = (0.05, 0.6)
_STREAM = 1


class Species(NamedTuple):
    """One element: `share` of all candidate lines, log10 `column` [Angstrom at gf = 1, E = 0], range of lower
    energies [eV] and mean log gf. Mass in atomic units.
    """

    name: str
    mass: float
    share: float
    column: float
    energies: tuple[float, float]
    log_gf: float


_SPECIES = (
    Species("Fe I", 55.845, 0.38, 3.2, (0.9, 5.2), -2.6),
    Species("Ti I", 47.867, 0.20, 1.2, (0.8, 3.4), -1.9),
    Species("Cr I", 51.996, 0.10, 2.0, (1.0, 4.8), -2.0),
    Species("Ni I", 58.693, 0.09, 2.3, (1.6, 5.4), -2.0),
    Species("Si I", 28.085, 0.07, 3.9, (4.9, 6.6), -1.6),
    Species("V I", 50.942, 0.05, 0.3, (0.3, 2.8), -1.6),
    Species("Ca I", 40.078, 0.04, 2.7, (1.9, 5.0), -1.6),
    Species("Mg I", 24.305, 0.03, 3.9, (4.3, 6.6), -1.6),
    Species("Co I", 58.933, 0.04, 1.2, (0.9, 4.2), -1.9),
)

# name, mass, vacuum centre [Angstrom], strength [Angstrom], gamma [km/s], lower energy [eV]. The cores of
# real strong lines form high up and are not black: these are the values of the one layer most like them.
_STRONG = (
    ("Ca II", 40.078, 8500.36, 1.3, 9.0, 1.692),
    ("Ca II", 40.078, 8544.44, 4.8, 26.0, 1.700),
    ("Ca II", 40.078, 8664.52, 3.8, 22.0, 1.692),
    ("Na I", 22.990, 8185.51, 0.7, 4.0, 2.102),
    ("Na I", 22.990, 8197.08, 1.0, 5.0, 2.104),
    ("Mg I", 24.305, 8809.18, 0.6, 4.0, 4.346),
)

_RYDBERG_HYDROGEN = 109_677.583
_PASCHEN_LEVELS = range(6, 21)

# origin [cm^-1], vibrational energy [cm^-1], optical depth at the strongest line (CN A-X, Delta v = 2, 1, 0)
_CN_BANDS = (
    (12_682.0, 0.0, 0.04),
    (12_380.0, 2_042.0, 0.06),
    (12_078.0, 4_058.0, 0.05),
    (11_776.0, 6_048.0, 0.05),
    (11_474.0, 8_012.0, 0.03),
    (10_925.0, 0.0, 0.12),
    (10_650.0, 2_042.0, 0.12),
    (10_375.0, 4_058.0, 0.06),
    (9_117.0, 0.0, 0.15),
    (8_870.0, 2_042.0, 0.10),
)
_CN_MASS, _CN_SPLITTING, _CN_B_LOWER, _CN_B_UPPER = 26.018, 52.6, 1.891, 1.69


def star_lines(seed: int, low: float, high: float) -> LineList:
    """Every line of the star of this seed with its centre in [low, high) vacuum Angstrom."""
    atoms = [_atoms(seed, cell) for cell in cells(low, high)]
    lines = LineList.concatenated([*atoms, _strong_lines(), _paschen(), *_cyanogen(seed)])
    return lines.take((lines.centre >= low) & (lines.centre < high))


def _atoms(seed: int, cell: int) -> LineList:
    """Atomic lines of one cell: log A = column + log gf - (log e) E/kT, with A inside the stated limits.

    The Boltzmann factor and the spread of log gf give strengths over four decades, most of them weak. Damping
    (radiative plus van der Waals) grows with excitation and scatters by 0.25 dex.
    """
    rng = np.random.default_rng([seed, _STREAM, cell])
    start = cell * CELL
    n = rng.poisson(_CANDIDATES_PER_ANGSTROM * CELL * (8500.0 / start) ** 1.5)
    kind = rng.choice(len(_SPECIES), size=n, p=_shares())
    energy_low, energy_high = np.array([s.energies for s in _SPECIES])[kind].T
    energy = energy_low + (energy_high - energy_low) * np.sqrt(rng.uniform(size=n))
    log_gf = np.array([s.log_gf for s in _SPECIES])[kind] + 0.9 * rng.standard_normal(n)
    excitation = energy / (np.log(10.0) * BOLTZMANN_EV * EFFECTIVE_TEMPERATURE)
    strength = 10 ** (np.array([s.column for s in _SPECIES])[kind] + log_gf - excitation)
    gamma = np.clip(10 ** (-0.75 + 0.08 * (energy - 3) + 0.25 * rng.standard_normal(n)), *_GAMMA_LIMITS)
    lines = LineList(
        centre=start + CELL * rng.uniform(size=n),
        strength=strength,
        sigma=_sigma(np.array([s.mass for s in _SPECIES])[kind]),
        gamma=gamma,
        species=np.array([s.name for s in _SPECIES])[kind],
        lower_energy=energy,
    )
    return lines.take((lines.strength > _STRENGTH_LIMITS[0]) & (lines.strength < _STRENGTH_LIMITS[1]))


def _shares() -> FloatArray:
    share = np.array([species.share for species in _SPECIES])
    return share / share.sum()


def _sigma(mass: FloatArray | float) -> FloatArray:
    """sigma^2 = kT/m + xi^2/2 [km^2/s^2], xi the microturbulence (most probable speed)."""
    return np.sqrt(BOLTZMANN_OVER_AMU * EFFECTIVE_TEMPERATURE / np.asarray(mass) + _MICROTURBULENCE**2 / 2)


def _strong_lines() -> LineList:
    """The lines whose damping wings shape the spectrum: the Ca II triplet, the Na I doublet and Mg I."""
    names, mass, centre, strength, gamma, energy = zip(*_STRONG, strict=True)
    return LineList(
        centre=np.array(centre),
        strength=np.array(strength),
        sigma=_sigma(np.array(mass)),
        gamma=np.array(gamma),
        species=np.array(names),
        lower_energy=np.array(energy),
    )


def _paschen() -> LineList:
    """Hydrogen Paschen lines, 1/l = R_H (1/9 - 1/n^2): broad and, at this temperature, shallow."""
    level = np.array(_PASCHEN_LEVELS, dtype=np.float64)
    n = len(level)
    return LineList(
        centre=1e8 / (_RYDBERG_HYDROGEN * (1 / 9 - 1 / level**2)),
        strength=0.006 * (14.0 / level) ** 3,
        sigma=np.full(n, _sigma(1.008)),
        gamma=np.full(n, 3.0),
        species=np.full(n, "H I"),
        lower_energy=np.full(n, 12.088),
    )


def _cyanogen(seed: int) -> list[LineList]:
    """Bands of CN, degraded to the red, near their real places; the seed moves and scales each a little."""
    rng = np.random.default_rng([seed, _STREAM])
    bands = []
    for origin, energy, depth in _CN_BANDS:
        moved = origin + 3.0 * rng.standard_normal()
        band = Band(moved, _CN_B_LOWER, _CN_B_UPPER, energy, splitting=_CN_SPLITTING)
        peak = depth * 10 ** (0.1 * rng.standard_normal())
        bands.append(_cyanogen_band(band, peak))
    return bands


def _cyanogen_band(band: Band, peak: float) -> LineList:
    """One band; `peak` is the optical depth at the centre of its strongest line."""
    centre, relative, energy = band.lines(EFFECTIVE_TEMPERATURE)
    sigma = np.full(len(centre), _sigma(_CN_MASS))
    lines = LineList(
        centre=centre,
        strength=peak * relative * np.sqrt(2 * np.pi) * sigma * centre / SPEED_OF_LIGHT,
        sigma=sigma,
        gamma=np.full(len(centre), 0.1),
        species=np.full(len(centre), "CN"),
        lower_energy=energy,
    )
    return lines.take(lines.strength > _STRENGTH_LIMITS[0])
