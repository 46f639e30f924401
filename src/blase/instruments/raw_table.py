"""Tables as files hold them, FITS, ECSV or plain text: named columns, their units, and keywords."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from numpy.typing import NDArray

from blase.containers.hdf5 import all_datasets, units
from blase.errors import InputError
from blase.instruments.columns import NAMES, parse_name, recognised
from blase.instruments.header import header_values

_MISSING = frozenset({"", "-", "--", "na", "n/a", "null", "none", "nan"})
_TRUTH = {"true": 1.0, "false": 0.0, "t": 1.0, "f": 0.0}
_NAMELESS = {2: ("wavelength", "flux"), 3: ("wavelength", "flux", "uncertainty")}


@dataclass(frozen=True)
class RawTable:
    """Columns by name (all of one length), their units as text, keywords, and the line number of each row of
    a text.
    """

    path: Path
    columns: dict[str, Any]
    units: dict[str, str] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as float64, missing cells as NaN; InputError names the first that is not a number."""
        cells = np.asarray(self.columns[name])
        if cells.dtype.kind in "biuf":
            return cells.astype(np.float64)
        values = np.empty(cells.shape)
        for i, cell in enumerate(cells.flat):
            values.flat[i] = self._number(name, i, str(cell).strip())
        return values

    def _number(self, name: str, i: int, cell: str) -> float:
        if cell.lower() in _MISSING:
            return float("nan")
        try:
            return _TRUTH[cell.lower()] if cell.lower() in _TRUTH else float(cell)
        except ValueError:
            where = f"row {i}" if self.lines is None else f"line {self.lines[i]}"
            raise InputError(
                "a cell is not a number",
                path=self.path,
                value=f"{cell!r} in column {name}, {where}",
                expected="numbers; nan or an empty cell where there is none",
                fix="mend or remove the line",
            ) from None


def read_fits_table(path: Path) -> RawTable:
    """The first table extension with a wavelength and a flux, or else the first table extension."""
    with fits.open(path, memmap=False) as hdus:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            raise InputError(
                "the FITS file has no table",
                path=path,
                expected="a table with wavelength and flux",
                value=", ".join(hdu.name or "unnamed" for hdu in hdus),
                fix="convert the file to a table, or leave --instrument out",
            )
        table = next((hdu for hdu in tables if recognised(hdu.columns.names)), tables[0])
        columns = {name: np.array(table.data[name]) for name in table.columns.names}
        units = {c.name: c.unit.strip() for c in table.columns if c.unit and c.unit.strip()}
        return RawTable(path, columns, units, header_values(hdus[0].header, table.header))


def read_hdf5(path: Path) -> RawTable:
    """The arrays at the top of an HDF5 file that have the shape of the first with a name of a wavelength."""
    columns, stated = all_datasets(path), units(path)
    first = next((name for name in columns if parse_name(name).base in NAMES["wavelength"]), None)
    shape = np.shape(columns[first]) if first is not None else None
    alike = {name: values for name, values in columns.items() if shape is None or np.shape(values) == shape}
    return RawTable(path, alike, {name: unit for name, unit in stated.items() if name in alike})


def read_ecsv(path: Path) -> RawTable:
    """An ECSV table; masked cells become NaN."""
    try:
        table = Table.read(path, format="ascii.ecsv")
    except Exception as error:  # astropy raises many kinds for a malformed file
        raise InputError(
            "this is not a valid ECSV table",
            path=path,
            value=str(error).splitlines()[0],
            expected="a table that astropy reads as ascii.ecsv",
            fix="write it again with astropy",
        ) from error
    columns = {name: _filled(table[name]) for name in table.colnames}
    units = {name: str(table[name].unit) for name in table.colnames if table[name].unit is not None}
    return RawTable(path, columns, {n: unit for n, unit in units.items() if unit}, header_values(table.meta))


def _filled(column: Any) -> Any:
    if isinstance(column, MaskedColumn) and column.dtype.kind in "biuf":
        return column.astype(np.float64).filled(np.nan)
    return np.asarray(column)


def parse_text(text: str, path: Path) -> RawTable:
    """A table in plain text: comma, semicolon, tab or blanks between columns, '#' before comments.

    Names are in the first line if nothing in it is a number, or in the last comment before the data; without
    names two columns are wavelength and flux, three wavelength, flux and uncertainty.
    """
    lines = [(i, line.strip()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    data = [(i, line) for i, line in lines if not line.startswith("#")]
    if not data:
        raise InputError(
            "the file has no rows",
            path=path,
            expected="a table with wavelength and flux",
            value=f"{len(lines)} lines, all of them comments",
            fix="write the table again",
        )
    delimiter = _delimiter(data[0][1])
    rows = [(i, _fields(line, delimiter)) for i, line in data]
    names, rows = _names(lines, rows, delimiter, path)
    for i, row in rows:
        if len(row) != len(names):
            raise InputError(
                "a line has another number of columns",
                path=path,
                value=f"{len(row)} in line {i}",
                expected=f"{len(names)}: {', '.join(names)}",
                fix="mend or remove the line",
            )
    cells = np.array([row for _, row in rows], dtype=object).reshape(len(rows), len(names))
    return RawTable(path, {n: cells[:, j] for j, n in enumerate(names)}, lines=[i for i, _ in rows])


def looks_like_table(text: str) -> bool:
    """Whether the beginning of a text is a table: names we know, or a first row of two or more cells with a
    number.

    A first line without any number counts as a header, and the second is looked at.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    if not lines:
        return False
    cells = [_fields(line, _delimiter(lines[0])) for line in lines[:2]]
    if recognised(cells[0]):
        return True
    numeric = [row for row in cells if _is_number(row[0])]
    return bool(numeric) and len(numeric[-1]) >= 2 and len(cells[0]) == len(cells[-1])


def _names(
    lines: list[tuple[int, str]], rows: list[tuple[int, list[str]]], delimiter: str | None, path: Path
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    first = rows[0][1]
    if not any(_is_number(cell) for cell in first):
        return _distinct(first, path), rows[1:]
    comments = [line.lstrip("# \t") for i, line in lines if line.startswith("#") and i < rows[0][0]]
    if comments:
        names = _fields(comments[-1], _delimiter(comments[-1]) or delimiter)
        if len(names) == len(first) and recognised(names):
            return _distinct(names, path), rows
    if len(first) not in _NAMELESS:
        raise InputError(
            "the columns have no names",
            path=path,
            value=f"{len(first)} columns",
            expected="two columns (wavelength, flux), three (and uncertainty), or a header line",
            fix="add a header line with the column names",
        )
    return list(_NAMELESS[len(first)]), rows


def _distinct(names: list[str], path: Path) -> list[str]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(
            "a column name occurs twice",
            path=path,
            value=", ".join(repeated),
            expected="distinct names",
            fix="rename one of the columns",
        )
    return names


def _delimiter(line: str) -> str | None:
    """The first of comma, semicolon and tab that occurs in the line; None for blanks."""
    return next((mark for mark in ",;\t" if mark in line), None)


def _fields(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:  # a bracketed unit stays with its name: 'wavelength [nm]'
        line = re.sub(r"\s+([\[(])", r"\1", line)
    return [cell.strip().strip("\"'") for cell in line.split(delimiter)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
