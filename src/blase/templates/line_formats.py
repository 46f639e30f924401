"""Read line lists: VALD (its own short and long format, or as CSV), MOOG, Kurucz gfall, and ECSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from blase.errors import InputError
from blase.templates.columns import is_wavelength, medium_in_name, name_tokens, unit_in_name
from blase.templates.elements import species_of_code
from blase.templates.formats import find_delimiter, split_comments

Array = NDArray[np.float64]

_EV_PER_INVERSE_CM = 1.239841984e-4
_ALIASES = {
    "species": ("species", "element", "elm"),
    "lower_energy": ("lower_energy", "excit_pot", "e_low", "elow", "ep", "chi"),
    "log_gf": ("log_gf", "loggf"),
    "depth": ("depth", "central_depth"),
    "rad": ("rad", "gamma_rad"),
    "stark": ("stark", "gamma_stark"),
    "waals": ("waals", "gamma_waals", "vdw"),
}
_NUMBERS = ("lower_energy", "log_gf", "depth", "rad", "stark", "waals")
_VALD_HEADER = re.compile(r"WL_(air|vac)\((A|nm)\)")
_VALD_ROW = re.compile(r"^\s*'([A-Z][A-Za-z0-9]*\s+\d+)',(.*)$")
_VALD_LONG = {"log_gf": 1, "lower_energy": 2, "rad": 9, "stark": 10, "waals": 11, "depth": 12}
_VALD_SHORT_STELLAR = {"lower_energy": 1, "log_gf": 3, "rad": 4, "stark": 5, "waals": 6, "depth": 8}
_VALD_SHORT_ALL = {"lower_energy": 1, "log_gf": 2, "rad": 3, "stark": 4, "waals": 5}
_SAMPLE = 200  # lines looked at to recognise a format


@dataclass(frozen=True)
class RawLines:
    """A line list as read; arrays (n,), NaN where a line lacks a number, None where the whole list does.

    `wavelength` is in `unit` and `medium` (None: not stated); `lower_energy` in eV; `depth` from 0 to 1;
    `rad`, `stark` and `waals` as log10 [rad/s], [rad s^-1 cm^3] at 10,000 K, or for `waals` above 20 the
    packed cross section of ABO theory.
    """

    wavelength: Array
    unit: str | None
    medium: str | None
    form: str
    species: NDArray[np.str_] | None = None
    lower_energy: Array | None = None
    log_gf: Array | None = None
    depth: Array | None = None
    rad: Array | None = None
    stark: Array | None = None
    waals: Array | None = None


def find_line_reader(lines: Sequence[str]) -> Callable[[Sequence[str], Path], RawLines] | None:
    """The reader of the line list that these text lines are, or None where they are something else."""
    head = lines[:_SAMPLE]
    if any(_VALD_HEADER.search(line) for line in head[:5]):
        return read_vald
    rows = split_comments(head)[1]
    if not rows:
        return None
    if _is_kurucz(rows):
        return read_kurucz
    if _is_csv_list(rows[0]):
        return read_csv
    return read_moog if _is_moog(rows) else None


def read_vald(lines: Sequence[str], path: Path) -> RawLines:
    """VALD3 "extract stellar" or "extract all", short or long format; unit and medium are in its header."""
    header = next(line for line in lines if _VALD_HEADER.search(line))
    match = _VALD_HEADER.search(header)
    assert match is not None
    layout = _VALD_LONG if "J lo" in header else _VALD_SHORT_STELLAR if "Vmic" in header else _VALD_SHORT_ALL
    if "depth" not in header:
        layout = {name: place for name, place in layout.items() if name != "depth"}
    rows = [found for line in lines if (found := _VALD_ROW.match(line))]
    values = [_leading_numbers(row.group(2), max(layout.values()) + 1, path) for row in rows]
    if not values:
        raise InputError(
            "the VALD extract holds no lines",
            path=path,
            value="a header without lines",
            expected="lines that begin with a quoted species, such as 'Fe 1'",
            fix="extract the list again",
        )
    data = np.array(values)
    columns = {name: data[:, place] for name, place in layout.items()}
    if re.search(r"(E_low|Excit)\(cm-1\)", header):
        columns["lower_energy"] = columns["lower_energy"] * _EV_PER_INVERSE_CM
    if "depth" in columns:
        _require_depths(columns["depth"], "depth", path)
    return RawLines(
        data[:, 0],
        {"A": "Angstrom", "nm": "nm"}[match.group(2)],
        {"air": "air", "vac": "vacuum"}[match.group(1)],
        "VALD extract",
        species=np.array([row.group(1) for row in rows]),
        **columns,
    )


def read_csv(lines: Sequence[str], path: Path) -> RawLines:
    """CSV with named columns; without a unit, columns of VALD (log gf and damping) mean Angstrom."""
    rows = list(csv.reader(split_comments(lines)[1], skipinitialspace=True))
    names, body = [name.strip() for name in rows[0]], [row for row in rows[1:] if row]
    if not body or any(len(row) != len(names) for row in body):
        raise InputError(
            "the rows of the line list differ in length, or there are none",
            path=path,
            value=f"{len(body)} rows below {len(names)} column names",
            expected="rows with a value for every column",
            fix="mend or remove the short rows",
        )
    columns = dict(zip(names, zip(*body, strict=True), strict=True))
    return _from_named({name: np.array(values) for name, values in columns.items()}, {}, path)


def read_ecsv_lines(table: Table, path: Path) -> RawLines:
    """ECSV with `wavelength` and `depth`, or `log_gf` and `lower_energy`; units on the columns."""
    units = {name: str(table[name].unit) for name in table.colnames if table[name].unit is not None}
    arrays = {
        name: np.asarray(np.ma.filled(table[name], np.nan)) for name in table.colnames if name != "species"
    }
    if "species" in table.colnames:
        arrays["species"] = np.asarray(table["species"], dtype=np.str_)
    return _from_named(arrays, units, path, medium=table.meta.get("wavelength_medium"))


def is_line_table(names: Sequence[str]) -> bool:
    """Whether columns of these names are those of a line list: a wavelength with a depth or a log gf."""
    found = {role for role in ("depth", "log_gf") if _find(names, role) is not None}
    return bool(found) and any(is_wavelength(name) for name in names)


def read_moog(lines: Sequence[str], path: Path) -> RawLines:
    """MOOG: wavelength [Angstrom, air], species code, excitation potential [eV], log gf; others are left.

    A list with gf itself in the fourth column (no value below 0) is not taken for one. MOOG's fifth column
    (van der Waals) has several meanings, of which none is stated in the file: it is not used.
    """
    rows = split_comments(lines)[1]
    data = _moog_numbers(rows if _floats_of(rows[0], 4) else rows[1:], path)
    codes, inverse = np.unique(data[:, 1], return_inverse=True)
    names = np.array([species_of_code(code, ion_digits=1) for code in codes])
    return RawLines(
        data[:, 0],
        "Angstrom",
        "air",
        "MOOG list",
        species=names[inverse],
        lower_energy=data[:, 2],
        log_gf=data[:, 3],
    )


def read_kurucz(lines: Sequence[str], path: Path) -> RawLines:
    """Kurucz gfall: fixed columns, wavelength in nm (air above 200 nm), energies in 1/cm."""
    rows = [line for line in lines if _is_kurucz([line])]

    def column(start: int, stop: int) -> Array:
        try:
            return np.array([float(line[start:stop].strip() or 0.0) for line in rows])
        except ValueError as error:
            raise InputError(
                "a line of the Kurucz list is not readable",
                path=path,
                value=error,
                expected="the fixed columns of gfall",
                fix="mend or remove the line",
            ) from error

    codes = [float(line[18:24]) for line in rows]
    names = {code: species_of_code(code, ion_digits=2) for code in set(codes)}
    energy = np.minimum(np.abs(column(24, 36)), np.abs(column(52, 64))) * _EV_PER_INVERSE_CM
    return RawLines(
        column(0, 11),
        "nm",
        "air",
        "Kurucz gfall list",
        species=np.array([names[code] for code in codes]),
        lower_energy=energy,
        log_gf=column(11, 18),
        rad=column(80, 86),
        stark=column(86, 92),
        waals=column(92, 98),
    )


def _from_named(
    arrays: dict[str, NDArray[np.generic]], units: dict[str, str], path: Path, *, medium: str | None = None
) -> RawLines:
    wavelength = next((name for name in arrays if is_wavelength(name)), None)
    roles = {role: _find(list(arrays), role) for role in _ALIASES}
    if wavelength is None or (roles["depth"] is None and None in (roles["log_gf"], roles["lower_energy"])):
        raise InputError(
            "the columns of the line list are not recognised",
            path=path,
            value=", ".join(arrays),
            expected="wavelength and depth, or wavelength, log_gf and lower_energy",
            fix="rename the columns",
        )
    numbers = {
        role: _in_own_unit(_numbers(arrays[name], path), role, name, units.get(name), path)
        for role in _NUMBERS
        if (name := roles[role]) is not None
    }
    if roles["depth"] is not None:
        _require_depths(numbers["depth"], roles["depth"], path)
    species = None if roles["species"] is None else np.asarray(arrays[roles["species"]], dtype=np.str_)
    is_vald = roles["log_gf"] is not None and roles["waals"] is not None
    return RawLines(
        _numbers(arrays[wavelength], path),
        units.get(wavelength) or unit_in_name(wavelength) or ("Angstrom" if is_vald else None),
        medium or medium_in_name(wavelength),
        "VALD extract" if is_vald else "line list",
        species=species,
        **numbers,
    )


def _in_own_unit(values: Array, role: str, name: str, unit: str | None, path: Path) -> Array:
    """A column (n,) in the unit of `RawLines`: energies in eV, depths as fractions, logarithms as they
    are.
    """
    if not unit:
        return values
    wanted = u.eV if role == "lower_energy" else u.dimensionless_unscaled
    try:
        stated = u.Unit(unit)
        if role not in ("lower_energy", "depth") and (stated == u.dex or isinstance(stated, u.DexUnit)):
            return values
        return np.asarray(stated.to(wanted, values, equivalencies=u.spectral()), dtype=np.float64)
    except (u.UnitsError, ValueError, TypeError):
        raise InputError(
            f"column {name} of the line list has a unit that does not convert",
            path=path,
            value=unit,
            expected="eV, J or 1/cm" if role == "lower_energy" else "no unit (a depth may be in %)",
            fix="mend the unit of the column",
        ) from None


def _require_depths(depth: Array, name: str, path: Path) -> None:
    """Raise `InputError` for a central depth outside [0, 1]; NaN marks a line without one."""
    wrong = np.flatnonzero((depth < 0) | (depth > 1))
    if wrong.size:
        raise InputError(
            "a central depth is out of range",
            path=path,
            value=f"{depth[wrong[0]]:g} in column {name}, line {wrong[0] + 1} of the list",
            expected="fractions of the continuum, from 0 to 1",
            fix="mend the line; give depths in per cent as ECSV with the unit %",
        )


def _find(names: Sequence[str], role: str) -> str | None:
    return next((name for name in names if "_".join(name_tokens(name)) in _ALIASES[role]), None)


def _numbers(values: NDArray[np.generic], path: Path) -> Array:
    try:
        return values.astype(np.float64)
    except ValueError as error:
        raise InputError(
            "a column of the line list is not numeric",
            path=path,
            value=error,
            expected="numbers",
            fix="mend or remove the line",
        ) from error


def _leading_numbers(text: str, count: int, path: Path) -> list[float]:
    try:
        values = [float(word) for word in text.split(",")[:count]]
    except ValueError as error:
        raise InputError(
            "a line of the VALD extract is not readable",
            path=path,
            value=text.strip(),
            expected="numbers divided by commas after the species",
            fix="mend or remove the line",
        ) from error
    if len(values) < count:
        raise InputError(
            "a line of the VALD extract is too short",
            path=path,
            value=text.strip(),
            expected=f"at least {count} numbers after the species",
            fix="mend or remove the line",
        )
    return values


def _moog_numbers(rows: Sequence[str], path: Path) -> Array:
    try:
        return np.loadtxt(StringIO("\n".join(rows)), usecols=(0, 1, 2, 3), ndmin=2)
    except ValueError as error:
        raise InputError(
            "a line of the MOOG list is not readable",
            path=path,
            value=error,
            expected="wavelength, species code, excitation potential and log gf",
            fix="mend or remove the line",
        ) from error


def _is_csv_list(row: str) -> bool:
    delimiter = find_delimiter(row)
    return delimiter == "," and is_line_table([name.strip() for name in row.split(delimiter)])


def _is_kurucz(rows: Sequence[str]) -> bool:
    return all(
        re.match(r"^\s*\d+\.\d{4}\s*-?\d+\.\d{3}\s*\d+\.\d{2}\s*-?\d+\.\d{3}", line[:36]) for line in rows
    )


def _is_moog(rows: Sequence[str]) -> bool:
    """Four numbers a row: wavelength, code (ionisation 0-3 as first decimal), energy of 0-30 eV, log gf."""
    values = [_floats_of(row, 4) for row in (rows if _floats_of(rows[0], 4) else rows[1:])]
    if not values or any(not v for v in values):
        return False
    _, code, energy, log_gf = np.array(values).T
    ion = (code % 1) * 10
    coded = (code >= 1) & (code < 1e6) & (ion < 4) & (np.abs(ion - np.round(ion)) < 0.1)
    plausible = (energy >= 0) & (energy <= 30) & (log_gf > -20) & (log_gf < 5)
    return bool((coded & plausible).all() and (log_gf < 0).any())


def _floats_of(row: str, count: int) -> list[float]:
    """The first `count` numbers of a row divided by blanks, or [] where it does not begin with so many."""
    try:
        values = [float(word) for word in row.split()[:count]]
    except ValueError:
        return []
    return values if len(values) == count else []
