"""Emission lines of the night sky: a built-in list of OH or one of the user, and which lines go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from blase.atmosphere.airglow_catalogue import OH_LINES
from blase.constants import BOLTZMANN_OVER_AMU
from blase.errors import InputError

FloatArray = NDArray[np.float64]

DOPPLER_SIGMA = float(np.sqrt(BOLTZMANN_OVER_AMU * 190.0 / 17.0))
"""Of OH at the temperature of the mesopause [km/s]."""
_DOUBLET = 3.0  # [Angstrom] within which two lines of the same intensity are the halves of a Lambda doublet
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "wavelength": ("wavelength", "centre", "wave", "lambda"),
    "intensity": ("intensity", "strength", "flux", "amplitude"),
}


@dataclass(frozen=True, eq=False)
class AirglowLines:
    """Lines (n,) at `centre` [vacuum Angstrom, sky at rest], their relative `intensity`, and their `group`.

    Lines of one group shine with shares of one amplitude. `names` (n,) are for people.
    """

    centre: FloatArray
    intensity: FloatArray
    group: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return self.centre.size

    def within(self, low: float, high: float) -> AirglowLines:
        """The lines from `low` to `high` [Angstrom] and other halves just outside, groups numbered anew."""
        inside = (self.centre >= low) & (self.centre <= high)
        near = (self.centre >= low - _DOUBLET) & (self.centre <= high + _DOUBLET)
        kept = near & np.isin(self.group, self.group[inside])
        names = tuple(name for name, keep in zip(self.names, kept, strict=True) if keep)
        group = np.unique(self.group[kept], return_inverse=True)[1].reshape(-1).astype(np.int64)
        return AirglowLines(self.centre[kept], self.intensity[kept], group, names)

    def together(self) -> AirglowLines:
        """The same lines as one group: their relative intensities are believed."""
        return AirglowLines(self.centre, self.intensity, np.zeros_like(self.group), self.names)


def airglow_lines(path: str | Path | None = None) -> AirglowLines:
    """Lines of OH that are built in, or those of a table that astropy reads.

    The table has the columns `wavelength` [vacuum Angstrom, or with a unit] and `intensity`, and may have
    `name`.

    Raises
    ------
    InputError : where the file is no such table, or a number in it is not finite and positive.
    """
    if path is not None:
        return _read(Path(path))
    numbers = np.array(OH_LINES.split(), dtype=np.float64).reshape(-1, 2)
    return _grouped(numbers[:, 0], numbers[:, 1], tuple(f"OH {centre:.2f}" for centre in numbers[:, 0]))


def _grouped(centre: FloatArray, intensity: FloatArray, names: tuple[str, ...]) -> AirglowLines:
    """Lines in order of wavelength, the halves of a Lambda doublet in one group."""
    order = np.argsort(centre, kind="stable")
    centre, intensity = centre[order], intensity[order]
    second = np.zeros(centre.size, dtype=bool)
    for k in range(1, centre.size):
        alike = intensity[k] == intensity[k - 1] and centre[k] - centre[k - 1] < _DOUBLET
        second[k] = alike and not second[k - 1]
    return AirglowLines(centre, intensity, np.cumsum(~second) - 1, tuple(names[k] for k in order))


def _read(path: Path) -> AirglowLines:
    try:
        table = Table.read(path, format="ascii.ecsv" if path.suffix == ".ecsv" else "ascii")
    except Exception as error:  # astropy raises many kinds for a malformed file
        raise _no_list(path, str(error).splitlines()[0] if str(error) else "unreadable") from error
    found = {}
    for role, names in _COLUMNS.items():
        name = next((n for n in table.colnames if n.lower() in names), None)
        if name is None:
            raise _no_list(path, f"columns {', '.join(table.colnames)}")
        column = table[name]
        try:
            found[role] = np.asarray(
                column.quantity.to_value("Angstrom") if role == "wavelength" and column.unit else column,
                dtype=np.float64,
            )
        except (TypeError, ValueError) as error:
            raise _no_list(path, f"{name}: {error}") from error
    numbers = np.stack([found["wavelength"], found["intensity"]])
    if not numbers.size or not (np.isfinite(numbers) & (numbers > 0)).all():
        raise _no_list(path, "a number that is not finite and positive" if numbers.size else "no line")
    given = [str(n) for n in table["name"]] if "name" in table.colnames else [""] * len(table)
    labels = tuple(n or f"{c:.2f}" for n, c in zip(given, numbers[0], strict=True))
    return _grouped(numbers[0], numbers[1], labels)


def _no_list(path: Path, found: str) -> InputError:
    return InputError(
        "is not a list of airglow lines",
        path=path,
        value=found,
        expected="a table with the columns wavelength [vacuum Angstrom] and intensity, positive numbers",
        fix="name the columns so, or leave --airglow-list away for the lines of OH that are built in",
    )
