"""Rotational structure of a molecular band: R, Q and P branches from two rotational constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

EV_PER_WAVENUMBER = 1.239841984e-4
"""Energy of one cm^-1 [eV]."""

_BOLTZMANN_WAVENUMBER = 0.695034800
"""Boltzmann constant [cm^-1/K]."""


@dataclass(frozen=True)
class Band:
    """One vibrational band.

    `origin`, rotational constants `b_lower` and `b_upper`, `vibrational_energy` of the lower level and
    `splitting` of the two fine-structure components [cm^-1]; `branches` among 'R', 'Q', 'P'; `j_step` 2 where
    nuclear spin forbids every other level. With b_upper < b_lower the R branch turns round in a head and the
    band is degraded to the red.
    """

    origin: float
    b_lower: float
    b_upper: float
    vibrational_energy: float = 0.0
    branches: str = "RQP"
    splitting: float = 0.0
    j_step: int = 1
    j_max: int = 90

    def lines(self, temperature: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Wavelength [vacuum Angstrom], strength relative to the strongest and lower energy [eV], each (n,).

        nu = nu_0 + (B' + B'') m + (B' - B'') m^2 with m = J + 1 (R) and m = -J (P), and
        nu = nu_0 + (B' - B'') J (J + 1) (Q); strength = Hoenl-London factor x exp(-E''/kT)
        (Herzberg 1950, Spectra of Diatomic Molecules, III.2 and IV.4).
        """
        j = np.arange(1, self.j_max + 1, self.j_step, dtype=np.float64)
        energy = self.vibrational_energy + self.b_lower * j * (j + 1)
        boltzmann = np.exp(-energy / (_BOLTZMANN_WAVENUMBER * temperature))
        hoenl_london = {"R": j + 1, "Q": 2 * j + 1, "P": j}
        shifts = [self._shift(branch, j) for branch in self.branches]
        weights = [hoenl_london[branch] * boltzmann for branch in self.branches]
        components = (-0.5 * self.splitting, 0.5 * self.splitting) if self.splitting else (0.0,)
        wavenumber = self.origin + np.concatenate([part + shift for part in components for shift in shifts])
        strength = np.tile(np.concatenate(weights), len(components))
        energies = np.tile(energy, len(self.branches) * len(components))
        return 1e8 / wavenumber, strength / strength.max(), energies * EV_PER_WAVENUMBER

    def _shift(self, branch: str, j: FloatArray) -> FloatArray:
        """Wavenumbers of a branch relative to the origin [cm^-1], shape of `j`."""
        difference, total = self.b_upper - self.b_lower, self.b_upper + self.b_lower
        if branch == "Q":
            return difference * j * (j + 1)
        m = j + 1 if branch == "R" else -j
        return total * m + difference * m**2
