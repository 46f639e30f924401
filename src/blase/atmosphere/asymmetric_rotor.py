"""States and line strengths of a rigid asymmetric rotor, such as a molecule of water.

The Hamiltonian A Ja^2 + B Jb^2 + C Jc^2 with A > B > C is set up in symmetric-top states |J k> about the axis
a (King, Hainer & Cross 1943, J. Chem. Phys. 11, 27, doi:10.1063/1.1723778)::

    <J k | H | J k>     = (B + C)/2 (J (J + 1) - k^2) + A k^2
    <J k | H | J k + 2> = (B - C)/4 sqrt((J (J + 1) - k (k + 1)) (J (J + 1) - (k + 1) (k + 2)))

and its states, by increasing energy, are J_(Ka Kc) = J_0,J, J_1,J, J_1,J-1, J_2,J-1, ...
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Rotation = tuple[int, int, int]
"""J, Ka and Kc of a state."""


@dataclass(frozen=True)
class Rotor:
    """A rotor with the rotational constants `a` > `b` > `c` [cm^-1]."""

    a: float
    b: float
    c: float

    def states(self, j: int) -> dict[Rotation, tuple[float, FloatArray]]:
        """Energy [cm^-1] and amplitudes (2 J + 1,) of |J -J> to |J J> of every state of one J."""
        k = np.arange(-j, j + 1)
        square = j * (j + 1)
        lower, upper = k[:-2], k[:-2] + 1
        coupling = (square - lower * upper) * (square - upper * (upper + 1))
        beside = 0.25 * (self.b - self.c) * np.sqrt(coupling.astype(np.float64))
        matrix = np.diag(0.5 * (self.b + self.c) * (square - k**2) + self.a * k**2)
        place = np.arange(beside.size)
        matrix[place + 2, place] = beside  # of which eigh reads the lower half
        energies, vectors = np.linalg.eigh(matrix)
        names = [(j, (n + 1) // 2, j - n // 2) for n in range(2 * j + 1)]
        return {name: (float(energies[n]), vectors[:, n]) for n, name in enumerate(names)}


def strength_along_a(upper: FloatArray, lower: FloatArray) -> float:
    """Strength of a line between two states of `Rotor.states` by a transition moment of one along the axis a.

    (2 J' + 1) (2 J'' + 1) |sum_k (-1)^k <'|J' k> (J' 1 J''; -k 0 k) <J'' k|''>|^2, whose sum over the upper
    states is 2 J'' + 1; the symbols by Edmonds 1957, Angular Momentum, table 2.
    """
    difference = (upper.size - lower.size) // 2
    if abs(difference) > 1 or upper.size == lower.size == 1:
        return 0.0
    j = min(upper.size, lower.size) // 2
    k = np.arange(-j, j + 1)
    if difference:
        squared = ((j + 1) ** 2 - k**2) / ((j + 1) * (2 * j + 1) * (2 * j + 3))
        symbol = np.sqrt(squared)
        wide, narrow = (upper, lower) if difference > 0 else (lower, upper)
        amplitude = float(np.sum(wide[1:-1] * symbol * narrow))
    else:
        amplitude = float(np.sum(upper * lower * k) / np.sqrt(j * (j + 1) * (2 * j + 1)))
    return upper.size * lower.size * amplitude**2
