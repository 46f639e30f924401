"""One spectrum in one table: FITS binary table, ECSV, CSV, plain text or HDF5."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from blase.containers.hdf5 import is_hdf5
from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.errors import BlaseWarning, InputError
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions, look, read_content
from blase.instruments.columns import column_unit, find_columns, parse_name
from blase.instruments.observation import Observation
from blase.instruments.raw_table import (
    RawTable,
    looks_like_table,
    parse_text,
    read_ecsv,
    read_fits_table,
    read_hdf5,
)

_ECSV = "# %ECSV"
_FRAMES = {
    **dict.fromkeys(("observatory", "topocent", "topocentric"), "observatory"),
    **dict.fromkeys(("barycentric", "barycent"), "barycentric"),
    **dict.fromkeys(("rest", "source"), "rest"),
}
_AIR_IS_USUAL = 20_000.0
"""Wavelengths below this [Angstrom] are given in air as often as in vacuum."""
_MEDIA = {"vacuum": "vacuum", "vac": "vacuum", "air": "air"}


class TableReader:
    """Reader of tables whose columns are recognised by name (see `blase.instruments.columns`).

    Columns: wavelength, flux; optionally uncertainty, mask (non-zero: not used) and order or echelle_order
    (rows of one value make one order). Two-dimensional columns of a FITS table, and two-dimensional datasets
    of HDF5, hold one order per row.
    """

    name = "table"

    def recognises(self, head: FileHead) -> bool:
        """Whether there is any table: which columns it has is judged in reading, with a better message."""
        if head.hdus:
            return any(hdu.kind == "table" for hdu in head.hdus)
        if is_hdf5(head.start):
            return True
        text = head.text()
        return text is not None and (text.startswith(_ECSV) or looks_like_table(text))

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """The spectrum in the table; InputError as described in the package."""
        table = _load(path)
        roles = find_columns(list(table.columns), options.columns, path)
        if len(table) == 0:
            raise InputError(
                "the table has no rows",
                path=path,
                value=f"columns {', '.join(table.columns)} and 0 rows",
                expected="a row for every pixel",
                fix="write the table again",
            )
        unit, history = column_unit(
            roles["wavelength"], table.units.get(roles["wavelength"]), options.wavelength_unit, path
        )
        medium, medium_is_stated, medium_history = _medium(table, roles, options)
        frame = _FRAMES.get(
            str(table.header.get("FRAME", table.header.get("SPECSYS", ""))).strip().lower(), "unknown"
        )
        arrays, split_history = _orders(table, roles)
        done = ["read as a table", *_columns_used(table, roles), *history, *medium_history, *split_history]
        spectrum = from_arrays(
            **arrays,
            wavelength_unit=unit,
            medium=medium,
            frame=frame,
            path=str(path),
            flux_unit=table.units.get(roles["flux"], ""),
            **_observation(table.header).arguments(done),
        )
        return spectrum if medium_is_stated else _warned_of_vacuum(spectrum)


def _load(path: Path) -> RawTable:
    head = look(path)
    if head.hdus:
        return read_fits_table(path)
    if is_hdf5(head.start):
        return read_hdf5(path)
    text = head.text()
    if text is None:
        raise InputError(
            "this is neither text nor FITS",
            path=path,
            value=f"binary data beginning with {head.start[:8]!r}",
            expected="a table of wavelength and flux",
            fix="convert the file to a table, or leave --instrument out",
        )
    if text.startswith(_ECSV):
        return read_ecsv(path)
    try:
        return parse_text(read_content(path).decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise InputError(
            "the text is not UTF-8",
            path=path,
            value=str(error),
            expected="plain text",
            fix="save the table as UTF-8",
        ) from error


def _columns_used(table: RawTable, roles: Mapping[str, str]) -> list[str]:
    used = "columns: " + ", ".join(f"{role} from {name}" for role, name in roles.items())
    unused = [name for name in table.columns if name not in roles.values()]
    return [used + (f"; not used: {', '.join(unused)}" if unused else "")]


def _medium(table: RawTable, roles: Mapping[str, str], options: ReadOptions) -> tuple[str, bool, list[str]]:
    """The medium as the user, the column name or a keyword states it (vacuum if nobody does), whether
    somebody does, and history.
    """
    keyword = next(
        (table.header[k] for k in ("MEDIUM", "WAVELENGTH_MEDIUM", "AIRORVAC") if k in table.header), ""
    )
    stated = parse_name(roles["wavelength"]).medium or _MEDIA.get(str(keyword).strip().lower())
    if options.medium is not None:
        said = f" (the file says {stated})" if stated else ""
        return options.medium, True, [f"medium: {options.medium}, as asked{said}"]
    if stated is not None:
        return stated, True, [f"medium: {stated}, from the file"]
    return "vacuum", False, ["medium: vacuum assumed, since nothing states it"]


def _warned_of_vacuum(spectrum: EchelleSpectrum) -> EchelleSpectrum:
    """The spectrum with a note, and a BlaseWarning, that vacuum was assumed where air is as likely."""
    if min(order.wavelength[0] for order in spectrum.orders) >= _AIR_IS_USUAL:
        return spectrum
    text = (
        "vacuum wavelengths assumed, since nothing states the medium: pass --medium air if they are in air "
        "(80 km/s in velocity), or --medium vacuum if not (medium=... of read_spectrum)"
    )
    warnings.warn(f"{spectrum.metadata.path}: {text}", BlaseWarning, stacklevel=4)
    return spectrum.with_metadata(notes=(*spectrum.metadata.notes, text))


def _observation(header: Mapping[str, Any]) -> Observation:
    time, time_from = keywords.exposure_midpoint(header)
    return Observation(
        instrument=keywords.text(header, "INSTRUME"),
        target=keywords.text(header, "OBJECT"),
        time=time,
        time_from=time_from,
        stated_velocity=keywords.stated_barycentric_velocity(header),
        stated_in="BRVCORR",
    )


def _orders(table: RawTable, roles: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The arrays of each order, as arguments of `from_arrays`, and the history of the splitting."""
    values = {
        role: _with_unit(table, roles, role)
        for role in ("wavelength", "flux", "uncertainty", "mask")
        if role in roles
    }
    if "mask" in values:
        values["mask"] = np.nan_to_num(values["mask"], nan=1.0) != 0
    key = "echelle_order" if "echelle_order" in roles else "order"
    if key not in roles or values["wavelength"].ndim != 1:
        return values, []
    labels = table.numbers(roles[key])
    if not np.all(np.isfinite(labels) & (labels == np.round(labels))):
        raise InputError(
            "an order is not a whole number",
            path=table.path,
            value=str(labels[~(labels == np.round(labels))][0]),
            expected=f"whole numbers in column {roles[key]}",
            fix="mend the column, or name another with --column order=NAME (columns={'order': NAME})",
        )
    kinds = [int(k) for k in dict.fromkeys(labels)]
    split: dict[str, Any] = {role: [array[labels == k] for k in kinds] for role, array in values.items()}
    if key == "echelle_order":
        split["echelle_orders"] = kinds
    rows = f"{len(kinds)} orders from column {roles[key]}: {kinds[0]} is row 0"
    return split, [rows + (f", {kinds[-1]} is row {len(kinds) - 1}" if len(kinds) > 1 else "")]


def _with_unit(table: RawTable, roles: Mapping[str, str], role: str) -> Any:
    """A column as numbers; flux and uncertainty as Quantities where both state units, and these differ."""
    values: NDArray[np.float64] = table.numbers(roles[role])
    flux = table.units.get(roles["flux"])
    error = table.units.get(roles.get("uncertainty", ""))
    if role not in ("flux", "uncertainty") or not flux or not error or flux == error:
        return values
    try:
        return values * u.Unit(flux if role == "flux" else error)
    except ValueError:
        raise InputError(
            "mixed units: flux and uncertainty state different units, not both known",
            path=table.path,
            value=f"{flux} and {error}",
            expected="one unit",
            fix="give flux and uncertainty the same unit",
        ) from None
