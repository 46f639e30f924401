"""Read the arrays of a template from npz, npy, FITS table or text. Nothing is unpickled."""

from __future__ import annotations

import gzip
import re
import zipfile
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from blase.errors import InputError
from blase.templates.absorbers import columns_by_species
from blase.templates.columns import (
    identify_columns,
    is_of_molecfit,
    is_wavelength,
    is_wavenumber,
    medium_in_name,
    unit_in_name,
)
from blase.templates.raw import RawTemplate, split_flux

Array = NDArray[np.float64]

_COMMENTS = ("#", "\\", "|", "%", "!")
_PER_CM = ("cm-1", "cm^-1", "1/cm", "cm**-1")
_UNIT_IN_COMMENT = re.compile(r"wave(?:length)?s?\s*[\[(]\s*(\w+)\s*[\])]", re.IGNORECASE)
_RESOLVING_POWER_IN_COMMENT = re.compile(r"^\\resPower\s*=\s*([\d.]+)", re.MULTILINE)


def read_npz(path: Path) -> RawTemplate:
    """npz with `wave_vac` [vacuum Angstrom] and `norm` or `flux` (or both), and perhaps `continuum`: (n,)
    each.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as store:
            arrays = {
                name: store[name] for name in ("wave_vac", "norm", "flux", "continuum") if name in store.files
            }
            found = store.files
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise _unreadable(
            path, error, "an npz of plain number arrays (pickled objects are never loaded)"
        ) from error
    lengths = {array.shape for array in arrays.values()}
    if (
        "wave_vac" not in arrays
        or not {"norm", "flux"} & set(arrays)
        or len(lengths) != 1
        or arrays["wave_vac"].ndim != 1
    ):
        raise InputError(
            "the arrays of the npz are not those of a template",
            path=path,
            value=", ".join(found),
            expected="wave_vac (n,) [vacuum Angstrom] and norm (n,) or flux (n,)",
            fix="save it as wave_vac with norm or flux",
        )
    parts = (_floats(arrays[k], path) if k in arrays else None for k in ("norm", "flux", "continuum"))
    values, normalised, continuum = split_flux(*parts)
    note = "wave_vac is vacuum Angstrom by definition of this npz layout"
    return RawTemplate(
        _floats(arrays["wave_vac"], path), values, normalised, continuum, "Angstrom", "vacuum", notes=(note,)
    )


def read_npy(path: Path) -> RawTemplate:
    """npy of shape (n, 2) or (2, n): wavelength and flux. It carries neither names nor units."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise _unreadable(path, error, "an npy of numbers (pickled objects are never loaded)") from error
    if array.ndim == 2 and array.shape[0] == 2 != array.shape[1]:
        array = array.T
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(
            "not a template",
            path=path,
            value=f"shape {array.shape}",
            expected="shape (n, 2) or (2, n)",
            fix="save wavelength and flux as two columns",
        )
    values = _floats(array, path)
    return RawTemplate(values[:, 0].copy(), values[:, 1].copy())


def read_fits_table(path: Path) -> RawTemplate | None:
    """First binary table with a wavelength column, or None where there is no table.

    Beside an image (a PHOENIX spectrum with its table of abundances) other tables count for nothing.
    """
    with fits.open(path, memmap=True) as hdus:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
        if hdus[0].header["NAXIS"] > 0:
            tables = [hdu for hdu in tables if any(map(is_axis, hdu.columns.names))]
        for hdu in tables:
            if any(map(is_axis, hdu.columns.names)):
                units = [hdu.columns[name].unit for name in hdu.columns.names]
                columns = [hdu.data.field(name) for name in hdu.columns.names]
                return _from_columns(hdu.columns.names, units, columns, path)
        if tables:
            identify_columns(tables[0].columns.names, path=path)
    return None


def read_ecsv(table: Table, path: Path) -> RawTemplate:
    """A table read by astropy, with units on its columns."""
    units = [None if table[name].unit is None else str(table[name].unit) for name in table.colnames]
    return _from_columns(table.colnames, units, [table[name] for name in table.colnames], path)


def read_text(lines: Sequence[str], path: Path) -> RawTemplate:
    """Columns of numbers divided by commas, semicolons or blanks; names above them or in the last comment."""
    comments, rows = split_comments(lines)
    if not rows:
        raise InputError(
            "the file is empty",
            path=path,
            expected="two columns: wavelength and flux",
            value="no numbers",
            fix="copy or download the file again",
        )
    delimiter = find_delimiter(rows[-1])  # the first may be of text
    above, rows = _above_numbers(rows, delimiter)
    header = _header(above, delimiter)
    data = _numbers(rows, delimiter, path)
    names, units = _names_and_units(header, comments, data.shape[1])
    if names is None:
        raw = RawTemplate(data[:, 0].copy(), data[:, 1].copy())
        if data.shape[1] > 2:
            raw = raw.with_note(
                f"columns without names: the first two of {data.shape[1]} are wavelength and flux"
            )
    else:
        raw = _from_columns(names, units, list(data.T), path)
    return _with_comments(raw, "\n".join(comments))


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, gzipped or not; `InputError` where it is not text."""
    with path.open("rb") as stream:
        content = stream.read()
    try:
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8")
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise _unreadable(path, error, "FITS, npz, npy or text") from error
    return text.splitlines()


def split_comments(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Comment lines and the other lines that are neither blank nor a rule of dashes."""
    comments = [line for line in lines if line.lstrip().startswith(_COMMENTS)]
    rows = [line for line in lines if line.strip("-= \t\r") and not line.lstrip().startswith(_COMMENTS)]
    return comments, rows


def find_delimiter(line: str) -> str | None:
    """The delimiter in a line: a comma, else a semicolon, else None for blanks."""
    return next((mark for mark in (",", ";") if mark in line), None)


def _split(line: str, delimiter: str | None) -> list[str]:
    return [word.strip().strip('"') for word in line.split(delimiter)]


def is_axis(name: str) -> bool:
    """Whether a column of this name holds wavelengths or wavenumbers."""
    return is_wavelength(name) or is_wavenumber(name)


def _above_numbers(rows: Sequence[str], delimiter: str | None) -> tuple[list[str], list[str]]:
    """Lines of text above the first numbers, as of LBLRTM's TAPE27 and TAPE28, and the rest."""
    first = next((k for k, row in enumerate(rows) if _is_numeric(row, delimiter)), len(rows))
    return (list(rows[:first]), list(rows[first:])) if first < len(rows) else (list(rows[:1]), list(rows[1:]))


def _header(above: Sequence[str], delimiter: str | None) -> list[str] | None:
    """Names of the columns: the one line above the numbers, or of several the last that names an axis."""
    if len(above) < 2:
        return _split(above[0], delimiter) if above else None
    named = [_split(line, delimiter) for line in above]
    return next((words for words in named[::-1] if any(map(is_axis, words))), named[-1])


def _is_numeric(line: str, delimiter: str | None) -> bool:
    try:
        [float(word) for word in _split(line, delimiter)]
    except ValueError:
        return False
    return True


def _numbers(rows: Sequence[str], delimiter: str | None, path: Path) -> Array:
    try:
        data = (
            np.loadtxt(StringIO("\n".join(rows)), delimiter=delimiter, ndmin=2) if rows else np.empty((0, 0))
        )
    except ValueError as error:
        raise _unreadable(path, error, "columns of numbers") from error
    if data.shape[0] < 2 or data.shape[1] < 2:
        raise InputError(
            "not a template",
            path=path,
            value=f"{data.shape[0]} rows and {data.shape[1]} columns of numbers",
            expected="two columns, wavelength and flux, and at least two rows",
            fix="save wavelength and flux as two columns",
        )
    return data


def _names_and_units(
    header: list[str] | None, comments: Sequence[str], n_columns: int
) -> tuple[list[str] | None, list[str | None]]:
    """Column names from an IPAC header, the header line, or a last comment of as many words as columns."""
    none: list[str | None] = [None] * n_columns
    bars = [_split(line.strip().strip("|"), "|") for line in comments if line.lstrip().startswith("|")]
    if bars:
        return bars[0], [word or None for word in bars[2]] if len(bars) > 2 else none
    if header is not None:
        return header, none
    last = comments[-1].lstrip("#%! ") if comments else ""
    words = _split(last, find_delimiter(last))
    return (words if len(words) == n_columns and any(map(is_wavelength, words)) else None), none


def _with_comments(raw: RawTemplate, comments: str) -> RawTemplate:
    """Add what comments say of the unit ("Wavelength [um]") and of the blur (TAPAS "resPower")."""
    values = dict(vars(raw))
    unit = _UNIT_IN_COMMENT.search(comments)
    if raw.unit is None and unit is not None:
        values["unit"] = unit.group(1)
    blur = _RESOLVING_POWER_IN_COMMENT.search(comments)
    if blur is not None:
        values["resolving_power"] = float(blur.group(1))
    return RawTemplate(**values)


def _from_columns(
    names: Sequence[str], units: Sequence[str | None], columns: Sequence[object], path: Path
) -> RawTemplate:
    """Template from named columns; a unit beside the column comes before one in its name."""
    roles = identify_columns(names, path=path)

    def column(index: int | None) -> Array | None:
        return None if index is None else _floats(columns[index], path)

    values, normalised, continuum = split_flux(
        column(roles.normalised), column(roles.flux), column(roles.continuum)
    )
    wavelength, unit, medium = _axis(names, units, columns, roles.wavelength, path)
    if is_wavenumber(names[roles.wavelength]) and not normalised:
        values = values * 1e8 / wavelength**2  # per wavenumber until here
    source = roles.flux if roles.flux is not None else roles.continuum
    return RawTemplate(
        wavelength,
        values,
        normalised,
        continuum,
        unit=unit,
        medium=medium,
        flux_unit=(units[source] or "") if source is not None else "",
        by_species={name: _floats(columns[i], path) for name, i in columns_by_species(names).items()},
    )


def _axis(
    names: Sequence[str], units: Sequence[str | None], columns: Sequence[object], where: int, path: Path
) -> tuple[Array, str | None, str | None]:
    """Wavelengths (n,), their unit and medium, of a column of wavelengths or of wavenumbers [cm^-1]."""
    name, unit, values = names[where], units[where], _floats(columns[where], path)
    if is_wavenumber(name):
        if unit is not None and unit.replace(" ", "").lower() not in _PER_CM:
            raise InputError(
                "wavenumbers are not per centimetre",
                path=path,
                value=unit,
                expected="cm-1",
                fix="give wavelengths, or wavenumbers in cm-1",
            )
        with np.errstate(divide="ignore"):
            return 1e8 / values, "Angstrom", "vacuum"
    if is_of_molecfit(names):
        return values, unit or "um", "vacuum"
    return values, unit or unit_in_name(name), medium_in_name(name)


def _floats(values: object, path: Path) -> Array:
    try:
        filled = values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) else values
        return np.array(filled, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _unreadable(path, error, "columns of numbers") from error


def _unreadable(path: Path, error: Exception, expected: str) -> InputError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(
        "not a readable template",
        path=path,
        value=first,
        expected=expected,
        fix="convert it to a table of wavelength and flux",
    )
