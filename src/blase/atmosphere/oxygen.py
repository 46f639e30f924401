"""Lines of molecular oxygen computed from spectroscopic constants: what absorbs without any line list.

The bands of 16O2 are magnetic dipole transitions from the ground state X 3Sigma-g, v = 0, to a 1Delta-g, v =
0 (1.27 micron), and b 1Sigma+g, v = 0, 1, 2 (A, B and gamma, 7600, 6870 and 6280 Angstrom).

*Ground state.* For every J the Hamiltonian B N^2 - D N^4 + H N^6 + gamma N.S + (2/3) lambda (3 Sz^2 - S^2),
each constant with its centrifugal terms, in the basis N = J - 1, J, J + 1 of Hund's case (b) (Tinkham &
Strandberg 1955, Phys. Rev. 97, 937); its constants are those of Drouin et al. 2010 (JQSRT 111, 1167).

*Upper states.* T + B x - D x^2 + H x^3, x = J (J + 1), above the lowest level (N = 1, J = 0). The constants
are effective ones: those that reproduce the transition wavenumbers published with HITRAN2020 (Gordon et al.
2022, JQSRT 277, 107949, doi:10.1016/j.jqsrt.2021.107949; after Yu, Drouin & Miller 2014, J. Chem. Phys. 141,
174302, doi:10.1063/1.4900510) with the ground state above, within 5e-4 cm^-1.

*Intensities.* Only the share s of a level of X that has Omega = 1 or -1 is joined to a (Omega = 2) and to b
(Omega = 0) by a magnetic dipole, so that with the Hoenl-London factor of J' to N'', J''::

    A(J', N'' J'') = A (nu / nu_0)^3 (2 J'' + 1) (J'' 1 J'; 1 q -Omega')^2 s(N'', J'')

(Watson 1968, Can. J. Phys. 46, 1637; Gamache, Goldman & Rothman 1998, JQSRT 59, 495,
doi:10.1016/S0022-4073(97)00124-6). A is that of the band: 0.0869 s^-1 of A (Long et al. 2010, JQSRT 111,
2021, doi:10.1016/j.jqsrt.2010.05.011), 2.237e-4 s^-1 of 1.27 micron (Lafferty et al. 1998, Appl. Opt. 37,
2264, doi:10.1364/AO.37.002264), and of B and gamma what the sums of their intensities in HITRAN2020 ask for.

*Widths.* HWHM = 0.02204 + 0.03749 / (1 + 0.05428 J - 1.19e-3 J^2 + 2.073e-6 J^4) cm^-1/atm at 296 K in air
and in oxygen (Yang et al. 2005, JQSRT 90, 309), measured for A and taken
for all; temperature exponent 0.72; shifts of -0.0075 cm^-1/atm (A; the other bands of b have about as much),
-0.0015 (1.27 micron), the mean of each band.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.isotopologues import ISOTOPOLOGUES, TEMPERATURES
from blase.atmosphere.line_physics import C2
from blase.atmosphere.partition import REFERENCE_TEMPERATURE
from blase.constants import SPEED_OF_LIGHT

_PER_MHZ = 1 / (SPEED_OF_LIGHT * 0.1)  # [cm^-1]
_ROTATION = tuple(_PER_MHZ * c for c in (43100.44276, -0.1451271, 49e-9))
_SPIN_SPIN = tuple(_PER_MHZ * c for c in (59501.3438, 58.3680e-3, 290.8e-9))
_SPIN_ROTATION = tuple(_PER_MHZ * c for c in (-252.58634, -243.42e-6, -1.46e-9))
_MAX_J = 44
_LEAST_INTENSITY = 1e-30
_ABUNDANCE = 0.995262  # of 16O2
_OXYGEN, _MAIN = 7, 1
_CM_PER_S = SPEED_OF_LIGHT * 1e5
_WIDTH_EXPONENT = 0.72


@dataclass(frozen=True)
class Band:
    """A transition from X, v = 0: `origin`, `rotation` (B, -D, H) of the upper state [cm^-1], its Omega, A
    [1/s].
    """

    name: str
    origin: float
    rotation: tuple[float, float, float]
    omega: int
    einstein_a: float
    pressure_shift: float


BANDS = (
    Band("1.27 micron", 7883.51075, (1.4178389, -5.1021e-6, -1.20e-12), 2, 2.237e-4, -0.0015),
    Band("A", 13122.00582, (1.3912484, -5.3671e-6, -3.67e-12), 0, 0.0869, -0.0075),
    Band("B", 14526.74236, (1.3729638, -5.4008e-6, -3.84e-12), 0, 7.19e-3, -0.0075),
    Band("gamma", 15903.50330, (1.3545995, -5.4345e-6, -4.10e-12), 0, 3.24e-4, -0.0075),
)
"""Of oxygen, by increasing wavenumber."""


@cache
def oxygen_lines() -> HitranLines:
    """All lines above 1e-30 cm^-1/(molecule cm^-2) at 296 K, ordered by wavenumber."""
    rows = np.array([row for band in BANDS for row in _lines_of(band) if row[1] > _LEAST_INTENSITY])
    rows = rows[np.argsort(rows[:, 0])]
    wavenumber, intensity, lower_energy, width, shift = rows.T
    number = np.full(len(rows), _OXYGEN)
    return HitranLines(
        molecule=number,
        isotopologue=np.full_like(number, _MAIN),
        wavenumber=wavenumber,
        intensity=intensity,
        air_width=width,
        self_width=width.copy(),
        lower_energy=lower_energy,
        width_exponent=np.full(len(rows), _WIDTH_EXPONENT),
        pressure_shift=shift,
    )


def _lines_of(band: Band) -> Iterator[tuple[float, float, float, float, float]]:
    """Wavenumber, intensity, lower energy, width and shift of every line of a band."""
    for upper in range(band.omega, _MAX_J + 1):
        if band.omega == 0 and upper % 2:
            continue  # nuclei without spin: b has even J alone
        energy = band.origin + _series(band.rotation, upper * (upper + 1), first=1)
        for lower in range(max(upper - 1, 0), upper + 2):
            for rotation, (lower_energy, share) in ground_levels(lower).items():
                if rotation % 2 == 0:
                    continue  # and X odd N
                wavenumber = energy - lower_energy
                coupling = (2 * lower + 1) * _three_j_squared(lower, upper, band.omega) * share
                einstein = band.einstein_a * (wavenumber / band.origin) ** 3 * coupling
                intensity = _intensity(einstein, 2 * upper + 1, wavenumber, lower_energy)
                yield wavenumber, intensity, lower_energy, _width(upper), band.pressure_shift


def ground_levels(j: int) -> dict[int, tuple[float, float]]:
    """Levels of X, v = 0, with total angular momentum `j`, by N.

    Each is its energy above N = 1, J = 0 [cm^-1] and the share of it that has Omega = 1 or -1.
    """
    return {n: (energy - _lowest(), share) for n, (energy, share) in _levels(j).items()}


@cache
def _lowest() -> float:
    return _levels(0)[1][0]


def _levels(j: int) -> dict[int, tuple[float, float]]:
    below, above = j - 1, j + 1
    high = (
        _rotation(above)
        + _spin_spin(above) * (2 / 3 - 2 * (j + 1) / (2 * j + 1))
        - _spin_rotation(above) * (j + 2)
    )
    if j == 0:
        return {1: (high, 0.0)}
    low = (
        _rotation(below) + _spin_spin(below) * (2 / 3 - 2 * j / (2 * j + 1)) + _spin_rotation(below) * (j - 1)
    )
    mixing = (_spin_spin(below) + _spin_spin(above)) * math.sqrt(j * (j + 1)) / (2 * j + 1)
    energies, states = np.linalg.eigh(np.array([[low, mixing], [mixing, high]]))
    one = np.sqrt(np.array([j + 1, j]) / (2 * j + 1)) @ states  # amplitudes of |Omega| = 1
    middle = _rotation(j) + 2 / 3 * _spin_spin(j) - _spin_rotation(j)
    return {
        below: (float(energies[0]), float(one[0] ** 2)),
        j: (middle, 1.0),
        above: (float(energies[1]), float(one[1] ** 2)),
    }


def _series(coefficients: tuple[float, ...], x: float, *, first: int = 0) -> float:
    return sum(c * x ** (k + first) for k, c in enumerate(coefficients))


def _rotation(n: int) -> float:
    return _series(_ROTATION, n * (n + 1), first=1)


def _spin_spin(n: int) -> float:
    return _series(_SPIN_SPIN, n * (n + 1))


def _spin_rotation(n: int) -> float:
    return _series(_SPIN_ROTATION, n * (n + 1))


def _three_j_squared(lower: int, upper: int, omega: int) -> float:
    """(J'' 1 J'; 1 q -Omega')^2 for Omega' = 0 or 2 (Edmonds 1957, Angular Momentum, table 2)."""
    if lower == 0:
        return 0.0
    up = omega - 1  # whether the projection grows, 1, or shrinks, -1
    if upper == lower:
        product, j = 2 * (lower - up) * (lower + up + 1), lower
        return product / (2 * j * (2 * j + 1) * (2 * j + 2))
    if upper > lower:
        product, j = (lower + up + 1) * (lower + up + 2), lower
    else:
        product, j = (lower - up) * (lower - up - 1), upper
    return product / ((2 * j + 1) * (2 * j + 2) * (2 * j + 3))


def _intensity(einstein: float, weight: int, wavenumber: float, lower_energy: float) -> float:
    """At 296 K [cm^-1 / (molecule cm^-2)] (Simeckova et al. 2006, JQSRT 98, 130, equation 20)."""
    t = REFERENCE_TEMPERATURE
    partition = ISOTOPOLOGUES[_OXYGEN, _MAIN][2][TEMPERATURES.index(t)]
    populated = weight * math.exp(-C2 * lower_energy / t) * -math.expm1(-C2 * wavenumber / t) / partition
    return _ABUNDANCE * einstein * populated / (8 * math.pi * _CM_PER_S * wavenumber**2)


def _width(j: int) -> float:
    return 0.02204 + 0.03749 / (1 + 0.05428 * j - 1.19e-3 * j**2 + 2.073e-6 * j**4)
