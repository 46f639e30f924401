"""A table as ECSV, CSV, FITS or VOTable, to a file whole or not at all, or as text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal, get_args

from astropy import units as u
from astropy.table import QTable, Table

from blase.containers.atomic import atomic_file, check_file
from blase.errors import InputError

TableFormat = Literal["ecsv", "csv", "fits", "votable"]
FORMATS: tuple[str, ...] = get_args(TableFormat)
_KEYWORDS = {"wavelength_medium": "MEDIUM", "frame": "FRAME"}
"""Metadata under the names that headers of FITS can hold."""
_ASTROPY = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "fits": "fits", "votable": "votable"}
_SUFFIXES = {
    ".ecsv": "ecsv",
    ".csv": "csv",
    ".fits": "fits",
    ".fit": "fits",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
}


def format_of(path: Path | None, stated: str | None) -> str:
    """The format that was stated, else that of the file's suffix, else ECSV."""
    if stated is not None:
        return stated
    return _SUFFIXES.get(path.suffix.lower(), "ecsv") if path is not None else "ecsv"


def write_table(table: QTable, path: Path, *, form: str, overwrite: bool = False) -> None:
    """Write `table` to `path`; units are in the names of CSV's columns and in the headers of the others.

    Raises `InputError` where the file exists and `overwrite` is not given.
    """
    check_file(path, overwrite=overwrite)
    with atomic_file(path) as temporary:
        _plain(table, form).write(temporary, format=_ASTROPY[form], overwrite=True)


def table_text(table: QTable, form: str) -> str:
    """`table` as text of one of the formats; `InputError` for FITS, which is not text."""
    if form == "fits":
        raise InputError(
            "FITS is not text",
            value="no output file",
            expected="a file to write FITS to",
            fix="name it: -o lines.fits",
        )
    if form == "votable":
        stream = io.BytesIO()
        _plain(table, form).write(stream, format="votable")
        return stream.getvalue().decode("utf-8")
    text = io.StringIO()
    _plain(table, form).write(text, format=_ASTROPY[form])
    return text.getvalue()


def _is_place(name: str) -> bool:
    """Whether a column in Angstrom holds wavelengths, of which eight digits count, and not widths."""
    return name in ("centre", "observed", "list_centre", "low", "high")


def _plain(table: QTable, form: str) -> Table:
    """`table` as the format can hold it.

    CSV has no header: units join the names, numbers are rounded. VOTable's units (VOUnit) have deprecated the
    Angstrom and call it 0.1nm.
    """
    plain = Table(table, copy=True)
    if form == "csv":
        for name in list(plain.colnames):
            if plain[name].dtype.kind == "f":
                plain[name].info.format = ".5f" if plain[name].unit == u.AA and _is_place(name) else ".6g"
            if plain[name].unit is not None:
                plain.rename_column(name, f"{name} [{plain[name].unit}]")
    if form == "votable":
        for name in plain.colnames:
            plain[name].unit = u.Unit("0.1 nm") if plain[name].unit == u.AA else plain[name].unit
    if form in ("votable", "fits"):
        plain.meta = {_KEYWORDS[name]: value for name, value in plain.meta.items() if name in _KEYWORDS}
    return plain
