"""Which gas of an atmosphere absorbs where: the columns by molecule that a telluric template may have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MOLECULES = ("H2O", "CO2", "O3", "N2O", "CO", "CH4", "O2")
"""Names by which columns are known, alone or after `transmission_`."""
_COLUMN = re.compile(rf"(?:transmission[_ ])?({'|'.join(MOLECULES)})", re.IGNORECASE)
_LEAST_TRANSMISSION = 1e-12
_BESIDE = 2.0
"""Where a gas is looked at beside a line, in its widths from the centre."""


def columns_by_species(names: Sequence[str]) -> dict[str, int]:
    """Index of the column of every molecule that has one, in the order of the columns."""
    found = ((_COLUMN.fullmatch(name.strip()), i) for i, name in enumerate(names))
    return {match[1].upper(): i for match, i in found if match}


@dataclass(frozen=True, eq=False)
class Absorbers:
    """Optical depths `depth` (n,) of every gas, by name, at increasing `wavelength` (n,) [vacuum
    Angstrom].
    """

    wavelength: FloatArray
    depth: Mapping[str, FloatArray]

    @classmethod
    def of_transmission(cls, wavelength: FloatArray, transmission: Mapping[str, FloatArray]) -> Absorbers:
        """From transmissions (n,) by gas at `wavelength` (n,) in any order; what is not finite is clear
        air.
        """
        order = np.argsort(wavelength, kind="stable")
        clear = {name: np.nan_to_num(values[order], nan=1.0) for name, values in transmission.items()}
        depth = {name: -np.log(np.maximum(values, _LEAST_TRANSMISSION)) for name, values in clear.items()}
        return cls(wavelength[order], depth)

    def of_lines(self, centre: FloatArray, width: FloatArray) -> NDArray[np.str_]:
        """The gas (m,) of every line at `centre` (m,), of `width` (m,), both [Angstrom]; "" where none
        absorbs.

        It is the one whose optical depth stands out most at the centre against two widths to both sides: far
        wings of other gases and a continuum do not count. Where none stands out, as in a core without any
        light, it is the one with the largest depth.
        """
        names, excess = list(self.depth), np.empty((len(self.depth), centre.size))
        total = np.empty_like(excess)
        for row, here, depth in zip(excess, total, self.depth.values(), strict=True):
            middle, blue, red = (
                np.interp(centre + step * width, self.wavelength, depth) for step in (0.0, -_BESIDE, _BESIDE)
            )
            row[:], here[:] = middle - 0.5 * (blue + red), middle
        best = np.where(excess.max(axis=0) > 0, excess.argmax(axis=0), total.argmax(axis=0))
        return np.where(total.max(axis=0) > 0, np.array(names, dtype=np.str_)[best], "")
