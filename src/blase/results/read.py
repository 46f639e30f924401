"""A fit as it was written, read back as the object that wrote it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import QTable

from blase.errors import InputError
from blase.results.linearised import COVARIANCE, LinearisedFit
from blase.results.result import FitResult, OrderFit

_NEEDED = ("summary.json", "lines.ecsv", "spectrum.fits", "template.fits", "model.safetensors")
_ARRAYS = ("flux", "uncertainty", "model", "star", "telluric", "continuum", "telluric_free")


def read_result(directory: str | Path) -> FitResult:
    """The fit in `directory`, as `blase fit` or :meth:`FitResult.write` left it.

    `convergence` is empty, since the steps of the solver are shown in the report only. Where the file of the
    covariances was removed, `linearised` is None.

    Raises
    ------
    InputError : where there is no such directory, or a file of the fit is missing or is not readable.
    """
    folder = Path(directory)
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        clone = (folder / "clone.safetensors").is_file()
        raise InputError(
            "this is a clone, not a fit" if clone else "this is not the output of a fit",
            path=folder,
            value="no such directory" if not folder.is_dir() else f"without {', '.join(missing)}",
            expected="a directory that blase fit or blase demo wrote",
            fix="name the directory that was given as -o to blase fit",
        )
    try:
        return _read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "a file of the fit cannot be read",
            path=folder,
            value=f"{type(error).__name__}: {error}".splitlines()[0],
            expected="the files as blase fit wrote them",
            fix="fit again with --overwrite, or restore the files",
        ) from error


def _read(folder: Path) -> FitResult:
    from safetensors.torch import load

    linearised = folder / COVARIANCE
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return FitResult(
        summary=summary,
        lines=QTable.read(folder / "lines.ecsv", format="ascii.ecsv"),
        orders=_orders(folder / "spectrum.fits"),
        template=_template(folder / "template.fits"),
        state=load((folder / "model.safetensors").read_bytes()),
        linearised=LinearisedFit.read(linearised) if linearised.is_file() else None,
    )


def _orders(path: Path) -> tuple[OrderFit, ...]:
    with fits.open(path, memmap=False) as hdus:
        return tuple(_order(hdu) for hdu in hdus[1:])


def _order(hdu: Any) -> OrderFit:
    data, units = hdu.data, {column.name: column.unit for column in hdu.columns}
    return OrderFit(
        row=int(hdu.header["ROW"]),
        wavelength=_native(data["wavelength"]),
        mask=np.asarray(data["mask"], dtype=bool),
        flux_unit=units["flux"] or "",
        displacement=_native(data["displacement"]) if "displacement" in units else None,
        airglow=_native(data["airglow"]) if "airglow" in units else None,
        **{name: _native(data[name]) for name in _ARRAYS},
    )


def _native(values: Any) -> np.ndarray:
    """FITS numbers (n,) in the byte order of the machine."""
    return np.asarray(values, dtype=np.float64)


def _template(path: Path) -> QTable:
    with fits.open(path, memmap=False) as hdus:
        hdu = hdus["TEMPLATE"]
        table = QTable()
        for column in hdu.columns:
            values = hdu.data[column.name]
            native = values.astype(values.dtype.newbyteorder("="))
            table[column.name] = native if column.unit is None else native * _unit(column.unit)
    return table


def _unit(text: str) -> Any:
    from astropy import units as u

    return u.Unit(text, parse_strict="silent")
