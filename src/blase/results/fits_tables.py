"""The FITS files of a fit: `spectrum.fits`, one table per order, and `template.fits`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

from blase.results.result import LEAST_TRANSMISSION, FitResult, OrderFit

SPECTRUM_COMMENTS = (
    "Wavelengths are vacuum Angstrom in the frame named by FRAME.",
    "star and telluric are normalised, each blurred alone by the line spread:",
    "star * telluric is NOT the model: blurring and products do not commute.",
    "mask is true where a pixel was not fitted. residual = flux - model.",
    "telluric_free = flux * blurred(star) / blurred(star * telluric).",
    f"telluric_free_mask: masked, or transmission below {LEAST_TRANSMISSION:g}.",
)

DISPLACEMENT_COMMENT = "wavelength as stated; the true one: wavelength * exp(displacement / c)."

TEMPLATE_COMMENTS = (
    "Super-resolution semi-empirical stellar template: vacuum, rest frame,",
    "not rotated, not blurred, normalised; grid uniform in ln(wavelength).",
)

_FLUX_COLUMNS = (
    "flux",
    "uncertainty",
    "model",
    "continuum",
    "residual",
    "telluric_free",
    "telluric_free_uncertainty",
)
_COLUMNS = (
    "wavelength",
    "flux",
    "uncertainty",
    "mask",
    "model",
    "star",
    "telluric",
    "continuum",
    "residual",
    "telluric_free",
    "telluric_free_uncertainty",
    "telluric_free_mask",
)


def write_spectrum(result: FitResult, path: Path) -> None:
    """Write one binary table `ORDER_<row>` per fitted order."""
    primary = fits.PrimaryHDU()
    primary.header["FRAME"] = (str(result.summary.get("frame", "unknown")), "frame of the wavelengths")
    primary.header["MEDIUM"] = ("vacuum", "medium of the wavelengths")
    for comment in SPECTRUM_COMMENTS:
        primary.header.add_comment(comment)
    fits.HDUList([primary, *(_order_table(order) for order in result.orders)]).writeto(path)


def write_template(template: QTable, path: Path) -> None:
    """Write the super-resolution template as one binary table `TEMPLATE`, keeping its columns and units."""
    columns = [_column(name, template[name], _unit_text(template[name])) for name in template.colnames]
    table = fits.BinTableHDU.from_columns(columns, name="TEMPLATE")
    for comment in TEMPLATE_COMMENTS:
        table.header.add_comment(comment)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def _order_table(order: OrderFit) -> fits.BinTableHDU:
    """Return the table of one order; masked pixels keep their values."""
    flux_unit = _fits_unit(order.flux_unit)
    units = {"wavelength": "Angstrom"} | dict.fromkeys(_FLUX_COLUMNS, flux_unit)
    columns = [_column(name, getattr(order, name), units.get(name, "")) for name in _COLUMNS]
    if order.displacement is not None:
        columns.append(_column("displacement", order.displacement, "km/s"))
    if order.airglow is not None:
        columns.append(_column("airglow", order.airglow, flux_unit))
    table = fits.BinTableHDU.from_columns(columns, name=f"ORDER_{order.row}")
    table.header["ROW"] = (order.row, "0-based row shown by blase info")
    table.header.add_comment(SPECTRUM_COMMENTS[2])
    if order.displacement is not None:
        table.header.add_comment(DISPLACEMENT_COMMENT)
    return table


def _column(name: str, values: Any, unit: str) -> fits.Column:
    """Return a FITS column of booleans, integers, text or doubles; no TUNIT where it has no unit."""
    array = np.asarray(getattr(values, "value", values))
    kinds = {"b": "L", "i": "K", "u": "K", "U": f"{max(array.dtype.itemsize // 4, 1)}A"}
    return fits.Column(name=name, format=kinds.get(array.dtype.kind, "D"), array=array, unit=unit or None)


def _unit_text(values: Any) -> str:
    """Return the unit of a table column as FITS writes it, empty where it has none."""
    unit = getattr(values, "unit", None)
    return "" if unit is None else _fits_unit(str(unit))


def _fits_unit(text: str) -> str:
    """Return a unit in FITS spelling where astropy knows it, as given otherwise."""
    try:
        return str(u.Unit(text).to_string("fits"))
    except ValueError:
        return text
