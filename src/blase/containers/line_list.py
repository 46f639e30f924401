"""A list of spectral lines with physical parameters, and its ECSV file.

Strength is the integrated optical depth A [Angstrom] of tau(lambda) = A V(lambda - centre), V the
area-normalised Voigt profile; sigma is the standard deviation of its Gaussian and gamma the half width at
half maximum of its Lorentzian, both in km/s. Centres are vacuum Angstrom. A few strong lines have a core
floor (`blase.functional.core_floor`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table
from numpy.typing import NDArray

from blase.containers.atomic import atomic_file
from blase.errors import InputError, naming

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_UNITS: dict[str, u.UnitBase] = {
    "centre": u.AA,
    "strength": u.AA,
    "sigma": u.km / u.s,
    "gamma": u.km / u.s,
    "lower_energy": u.eV,
    "core_floor": u.dimensionless_unscaled,
    "wing_floor": u.dimensionless_unscaled,
    "core_opacity": u.dimensionless_unscaled,
    "wing_power": u.dimensionless_unscaled,
}
FLOOR_COLUMNS = ("core_floor", "wing_floor", "core_opacity", "wing_power")
"""What a floor is made of: all four are there, or none is."""
_REQUIRED = ("centre", "strength", "sigma", "gamma")
_DESCRIPTIONS = {
    "centre": "vacuum wavelength of the line centre",
    "strength": "integrated optical depth",
    "sigma": "standard deviation of the Gaussian",
    "gamma": "half width at half maximum of the Lorentzian",
    "lower_energy": "energy of the lower level",
    "species": "atom or molecule",
    "round": "round of cloning in which the line was found",
    "added": "whether the line was found in an observed spectrum and not in a template",
    "core_floor": "flux over continuum that the core reaches; NaN where a line absorbs as exp(-tau)",
    "wing_floor": "flux over continuum that the wings head for",
    "core_opacity": "opacity over that of the continuum where the core's floor takes over",
    "wing_power": "power of the optical depth with which the source function rises",
}
_DTYPES: dict[str, type] = {"species": np.str_, "round": np.int64, "added": np.bool_}
"""Of the columns that are not float64."""


@dataclass(frozen=True, eq=False)
class LineList:
    """Lines sorted by centre. All arrays are (n,); n = 0 is a valid, empty list.

    Parameters
    ----------
    centre : vacuum wavelength [Angstrom].
    strength : integrated optical depth [Angstrom], positive.
    sigma, gamma : Gaussian standard deviation and Lorentzian half width [km/s], not negative.
    species : names, where known.
    lower_energy : energy of the lower level [eV], where known (NaN for single lines).
    round : round of cloning in which each line was found, from 1 on, where a template was cloned.
    added : lines that were found in an observed spectrum and not in a template; their strength is then the
        scale of what is believed of it. None where there is none.
    core_floor, wing_floor, core_opacity, wing_power : of lines with a floor, NaN for the others; None where
        there is none.

    Lines given in another order are sorted. Raises InputError on unequal shapes and on values out of range.
    """

    centre: FloatArray
    strength: FloatArray
    sigma: FloatArray
    gamma: FloatArray
    species: NDArray[np.str_] | None = None
    lower_energy: FloatArray | None = None
    round: IntArray | None = None
    added: NDArray[np.bool_] | None = None
    core_floor: FloatArray | None = None
    wing_floor: FloatArray | None = None
    core_opacity: FloatArray | None = None
    wing_power: FloatArray | None = None

    def __post_init__(self) -> None:
        order = np.argsort(np.asarray(self.centre, dtype=np.float64), kind="stable")
        for name in _names(self):
            dtype = _DTYPES.get(name, np.float64)
            values: NDArray[Any] = np.atleast_1d(np.asarray(getattr(self, name), dtype=dtype))
            if values.shape != order.shape:
                raise InputError(
                    f"line list: {name} has the wrong shape",
                    value=str(values.shape),
                    expected=f"{order.shape}, as centre",
                    fix="give every column a value for every line",
                )
            object.__setattr__(self, name, values[order])
        self._check_ranges()

    def _check_ranges(self) -> None:
        for name, above_zero in (("centre", True), ("strength", True), ("sigma", False), ("gamma", False)):
            values = getattr(self, name)
            wrong = ~np.isfinite(values) | ((values <= 0) if above_zero else (values < 0))
            if wrong.any():
                i = int(np.flatnonzero(wrong)[0])
                raise InputError(
                    f"line list: {name} is out of range",
                    value=f"{values[i]} in line {i} (sorted by centre, at {self.centre[i]} A)",
                    expected=f"finite and {'positive' if above_zero else 'not negative'} [{_UNITS[name]}]",
                    fix="mend or remove the line",
                )
        _check_floors([getattr(self, name) for name in FLOOR_COLUMNS])
        if not self.floored.size:
            for name in FLOOR_COLUMNS:
                object.__setattr__(self, name, None)

    @property
    def is_added(self) -> NDArray[np.bool_]:
        """Which lines (n,) were found in an observed spectrum and not in a template."""
        return np.zeros(len(self), dtype=bool) if self.added is None else self.added

    @property
    def floored(self) -> NDArray[np.int64]:
        """Indices (n_floored,) of the lines with a core floor."""
        return np.flatnonzero(np.isfinite(self.core_floor)) if self.core_floor is not None else np.arange(0)

    def floors(self) -> dict[str, FloatArray]:
        """Core floor, wing floor, core opacity and wing power of the lines `floored`, each (n_floored,)."""
        some = self.floored
        return {name: getattr(self, name)[some] if some.size else np.empty(0) for name in FLOOR_COLUMNS}

    def __len__(self) -> int:
        return int(self.centre.size)

    def take(self, which: Any) -> LineList:
        """The lines that `which` (an index array, mask or slice) picks."""
        return replace(self, **{name: getattr(self, name)[which] for name in _names(self)})

    def in_range(self, low: float, high: float) -> LineList:
        """The lines with low <= centre <= high, vacuum Angstrom."""
        return self.take((self.centre >= low) & (self.centre <= high))

    def to_table(self, meta: Mapping[str, Any] | None = None) -> QTable:
        """A table with units, descriptions and metadata."""
        table = QTable(meta={"wavelength_medium": "vacuum", **(meta or {})})
        for name in _names(self):
            values = getattr(self, name)
            table[name] = values * _UNITS[name] if name in _UNITS else values
            table[name].info.description = _DESCRIPTIONS[name]
        return table

    @classmethod
    def from_table(cls, table: Table, *, path: str | Path | None = None) -> LineList:
        """The lines of a table with the columns of :meth:`to_table`; further columns are left alone.

        Columns are converted from their units (energies from 1/cm too), and taken in blasé's own where they
        have none. Raises
        InputError on missing columns, on units that do not convert, and on a table that states air
        wavelengths.
        """
        missing = [name for name in _REQUIRED if name not in table.colnames]
        if missing:
            raise InputError(
                f"line list without {', '.join(missing)}",
                path=path,
                value=f"columns {', '.join(table.colnames)}",
                expected=f"columns {', '.join(_REQUIRED)}",
                fix="add the columns, or give a list with wavelength and depth",
            )
        if table.meta.get("wavelength_medium", "vacuum") != "vacuum":
            raise InputError(
                "the line list is not in vacuum wavelengths",
                path=path,
                value=str(table.meta["wavelength_medium"]),
                expected="vacuum",
                fix="convert the centres to vacuum (blase.functional.air.air_to_vacuum)",
            )
        columns: dict[str, Any] = {
            name: _bare(table[name], name, path) for name in _UNITS if name in table.colnames
        }
        present = [name for name in _DTYPES if name in table.colnames]
        for name, kinds in (("round", "iu"), ("added", "b")):
            if name in present and table[name].dtype.kind not in kinds:
                present.remove(name)  # a column of somebody else
        plain: dict[str, Any] = {name: np.asarray(table[name], _DTYPES[name]) for name in present}
        with naming(path):
            return cls(**columns, **plain)

    def write(self, path: str | Path, *, meta: Mapping[str, Any] | None = None) -> None:
        """Write ECSV: numbers with all digits, the file whole or not at all. An old file is replaced."""
        with atomic_file(path) as temporary:
            self.to_table(meta).write(temporary, format="ascii.ecsv", overwrite=True)

    @classmethod
    def read(cls, path: str | Path) -> LineList:
        """Read what :meth:`write` wrote. Raises InputError when it is missing or no such table."""
        if not Path(path).is_file():
            raise InputError(
                "there is no such file",
                path=path,
                expected="a line list in ECSV",
                value="nothing of that name",
                fix="check the path",
            )
        try:
            table = QTable.read(path, format="ascii.ecsv")
        except Exception as error:  # astropy raises many kinds for a malformed file
            raise InputError(
                "this is not an ECSV table",
                path=path,
                value=str(error).splitlines()[0],
                expected="a line list in ECSV",
                fix="write it again with astropy, format ascii.ecsv",
            ) from error
        return cls.from_table(table, path=path)

    @classmethod
    def concatenated(cls, lists: Sequence[LineList]) -> LineList:
        """All lines of several lists; an optional column is kept if every list has it, floors if any has, and
        so is what was added.
        """
        if not lists:
            return cls(np.empty(0), np.empty(0), np.empty(0), np.empty(0))
        shared = [name for name in _names(lists[0]) if all(name in _names(other) for other in lists)]
        columns = {name: np.concatenate([getattr(part, name) for part in lists]) for name in shared}
        if any(part.floored.size for part in lists):
            columns |= {
                name: np.concatenate([_floors(part, name) for part in lists]) for name in FLOOR_COLUMNS
            }
        if any(part.added is not None for part in lists):
            columns["added"] = np.concatenate([part.is_added for part in lists])
        return cls(**columns)


def _floors(lines: LineList, name: str) -> FloatArray:
    """The column `name` of floors (n,), NaN where there are none."""
    column = getattr(lines, name)
    return np.full(len(lines), np.nan) if column is None else np.asarray(column)


def _check_floors(columns: list[FloatArray | None]) -> None:
    """Raise `InputError` unless every line has a whole floor in range, or none."""
    given = [column for column in columns if column is not None]
    if not given:
        return
    if len(given) < len(FLOOR_COLUMNS):
        raise InputError(
            "line list: half a core floor",
            value=f"{len(given)} of the columns {', '.join(FLOOR_COLUMNS)}",
            expected="all of them, or none",
            fix="add or remove columns",
        )
    some = ~np.isnan(given).all(axis=0)
    for name, column, top in zip(FLOOR_COLUMNS, given, (1.0, 1.0, np.inf, np.inf), strict=True):
        wrong = some & ~((column > 0) & (column < top))
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"line list: {name} is out of range",
                value=f"{column[i]} in line {i} (sorted by centre)",
                expected=f"between 0 and {top:g}, or NaN in all of {', '.join(FLOOR_COLUMNS)}",
                fix="mend the floor or remove it",
            )


def _names(lines: LineList) -> list[str]:
    """The columns that are present."""
    return [f.name for f in fields(lines) if getattr(lines, f.name) is not None]


def _bare(column: Any, name: str, path: str | Path | None) -> FloatArray:
    """A column as bare numbers in blasé's unit."""
    unit = getattr(column, "unit", None)
    values = np.asarray(getattr(column, "value", column), dtype=np.float64)
    if unit is None or unit == _UNITS[name]:
        return values
    try:
        energy = u.spectral() if name == "lower_energy" else []
        return np.asarray(unit.to(_UNITS[name], values, equivalencies=energy), dtype=np.float64)
    except (u.UnitsError, ValueError, TypeError):
        raise InputError(
            f"line list: {name} has a unit that does not convert",
            path=path,
            value=str(unit),
            expected=str(_UNITS[name]),
            fix=f"give {name} in {_UNITS[name]}",
        ) from None
