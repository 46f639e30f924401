"""The strongest lines of water computed from its levels: what absorbs without any line list.

The bands (2 1 1), (2 0 1) and (1 1 1) from the ground state, at 8230, 9420 and 11,350 Angstrom, have a
transition moment along the axis a of the molecule, so that lines join levels whose Ka differ by an even and
whose Kc by an odd number.

*Wavenumbers* are differences of published term values (`water_levels`).

*Intensities* are those of rigid rotors (`asymmetric_rotor`), with the rotational constants that the levels of
J = 0 and 1 of each state have, times one squared transition moment R^2 for the whole band::

    S = (8 pi^3 / 3 h c) I g nu exp(-c2 E / T) (1 - exp(-c2 nu / T)) R^2 L / Q(T)

(Rothman et al. 1998, JQSRT 60, 665, doi:10.1016/S0022-4073(98)00078-8, appendix), I the abundance, L the
strength of the rotors, g = 3 where Ka + Kc of the lower level is odd, else 1, T = 296 K. R^2 is what the sum
of the intensities that HITRAN2020 (HITRAN2012 for (2 1 1)) has for these lines asks for. A level that
resonates with one of another vibrational state lends or borrows intensity, which rigid rotors do not know:
weighted by intensity the lines are within 13, 9 and 8 % (root mean square) of HITRAN's, a few within a factor
of three. They are 90, 80 and 88 % of the intensity that there is around them.

*Widths*, shifts and exponents are means of those in HITRAN by the larger J of a line, weighted by intensity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from blase.atmosphere.asymmetric_rotor import FloatArray, Rotation, Rotor, strength_along_a
from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.isotopologues import ISOTOPOLOGUES, TEMPERATURES
from blase.atmosphere.line_physics import C2
from blase.atmosphere.partition import REFERENCE_TEMPERATURE
from blase.atmosphere.water_levels import GROUND, STATE_111, STATE_201, STATE_211

_WATER, _MAIN = 1, 1
_ABUNDANCE = 0.997317  # of H2-16O
_PER_DEBYE_SQUARED = 4.162379e-19  # 8 pi^3 / (3 h c) [cm^2 / (molecule D^2)]
_LEAST_SHARE = 0.01  # of the strongest line of a band

# larger J of a line: half widths in air and in water [cm^-1/atm], exponent, shift [cm^-1/atm]
_BROADENING = {
    1: (0.1026, 0.480, 0.74, -0.0106),
    2: (0.0988, 0.458, 0.73, -0.0088),
    3: (0.0946, 0.452, 0.73, -0.0111),
    4: (0.0894, 0.434, 0.71, -0.0115),
    5: (0.0853, 0.403, 0.68, -0.0138),
    6: (0.0796, 0.398, 0.64, -0.0146),
    7: (0.0719, 0.370, 0.60, -0.0187),
    8: (0.0648, 0.352, 0.55, -0.0196),
    9: (0.0529, 0.332, 0.48, -0.0251),
    10: (0.0431, 0.319, 0.38, -0.0268),
    11: (0.0352, 0.291, 0.33, -0.0307),
    12: (0.0251, 0.260, 0.20, -0.0395),
}


@dataclass(frozen=True)
class WaterBand:
    """A transition from the ground state: term values of the upper one, as text, and R^2 [D^2]."""

    name: str
    levels: str
    squared_moment: float


BANDS = (
    WaterBand("(1 1 1)", STATE_111, 1.1760e-5),
    WaterBand("(2 0 1)", STATE_201, 4.3963e-6),
    WaterBand("(2 1 1)", STATE_211, 2.9272e-7),
)
"""Of water, by increasing wavenumber."""


@cache
def water_lines() -> HitranLines:
    """All lines above 1 % of the strongest of their band, at 296 K, ordered by wavenumber."""
    rows = []
    for band in BANDS:
        found = list(_lines_of(band))
        strongest = max(row[1] for row in found)
        rows += [row for row in found if row[1] > _LEAST_SHARE * strongest]
    rows.sort()
    wavenumber, intensity, lower_energy, air, own, exponent, shift = np.array(rows).T
    number = np.full(len(rows), _WATER)
    return HitranLines(
        molecule=number,
        isotopologue=np.full_like(number, _MAIN),
        wavenumber=wavenumber,
        intensity=intensity,
        air_width=air,
        self_width=own,
        lower_energy=lower_energy,
        width_exponent=exponent,
        pressure_shift=shift,
    )


def levels(text: str) -> dict[Rotation, float]:
    """Energies [cm^-1] of a vibrational state by J, Ka and Kc."""
    numbers = np.array(text.split(), dtype=np.float64).reshape(-1, 4)
    return {(int(j), int(a), int(c)): float(energy) for j, a, c, energy in numbers}


def rotor(energies: dict[Rotation, float]) -> Rotor:
    """The rigid rotor that has the levels of J = 0 and 1: above J = 0 they lie at B + C, A + C and A + B."""
    b_c, a_c, a_b = (energies[1, a, c] - energies[0, 0, 0] for a, c in ((0, 1), (1, 1), (1, 0)))
    return Rotor(0.5 * (a_b + a_c - b_c), 0.5 * (a_b + b_c - a_c), 0.5 * (a_c + b_c - a_b))


def _amplitudes(energies: dict[Rotation, float]) -> dict[Rotation, FloatArray]:
    shape = rotor(energies)
    found = {}
    for j in {j for j, _, _ in energies}:
        found.update({name: vector for name, (_, vector) in shape.states(j).items()})
    return found


def _lines_of(band: WaterBand) -> Iterator[tuple[float, ...]]:
    """Wavenumber, intensity, lower energy, widths, exponent and shift of every line of a band."""
    above, below = levels(band.levels), levels(GROUND)
    upper_states, lower_states = _amplitudes(above), _amplitudes(below)
    for upper, term in above.items():
        for lower, energy in below.items():
            parallel = (upper[1] - lower[1]) % 2 == 0 and (upper[2] - lower[2]) % 2 == 1
            if abs(upper[0] - lower[0]) > 1 or not parallel:
                continue
            strength = strength_along_a(upper_states[upper], lower_states[lower])
            spin = 3 if (lower[1] + lower[2]) % 2 else 1
            intensity = _intensity(spin * band.squared_moment * strength, term - energy, energy)
            yield (term - energy, intensity, energy, *_BROADENING[max(upper[0], lower[0])])


def _intensity(squared: float, wavenumber: float, lower_energy: float) -> float:
    """At 296 K [cm^-1 / (molecule cm^-2)] for a squared transition moment [D^2], weights included."""
    t = REFERENCE_TEMPERATURE
    partition = ISOTOPOLOGUES[_WATER, _MAIN][2][TEMPERATURES.index(t)]
    populated = math.exp(-C2 * lower_energy / t) * -math.expm1(-C2 * wavenumber / t) / partition
    return _ABUNDANCE * _PER_DEBYE_SQUARED * wavenumber * populated * squared
