"""The FITS file of a telluric correction: one table per order, one of lines, parameters in the header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from blase.atmosphere.correct import LEAST_TRANSMISSION, CorrectedOrder, Correction
from blase.containers.atomic import atomic_file

_FLUXES = ("flux", "uncertainty", "model", "continuum", "telluric_free", "telluric_free_uncertainty")
_OTHERS = ("star", "telluric")
_MASKS = ("mask", "used", "telluric_free_mask")
_COMMENTS = (
    "telluric_free = flux * blurred(star) / blurred(star * telluric), the blaze left in.",
    "star and telluric are blurred alone: their product is NOT the model.",
    "telluric_free_uncertainty: noise (inflated) and model in quadrature.",
)


def write_correction(
    correction: Correction, path: str | Path, *, flux_unit: str = "", least: float = LEAST_TRANSMISSION
) -> None:
    """Write tables `ORDER_<row>` and `LINES`, atomically."""
    primary = fits.PrimaryHDU()
    primary.header["MEDIUM"] = ("vacuum", "medium of the wavelengths")
    primary.header["FRAME"] = ("observatory", "frame of the wavelengths")
    primary.header["LEAST_T"] = (least, "telluric_free is masked below")
    for comment in _COMMENTS:
        primary.header.add_comment(comment)
    for note in correction.notes:
        primary.header.add_history(note)
    tables = [_order(order, flux_unit) for order in correction.orders]
    hdus = [primary, *tables, _parameters(correction), _lines(correction)]
    with atomic_file(path) as temporary:
        fits.HDUList(hdus).writeto(temporary)


def write_fitted_air(correction: Correction, path: str | Path) -> None:
    """Write the unblurred transmission as fitted, all orders, as a template for `blase clone --telluric`.

    Where orders overlap the one of shorter wavelengths counts. Columns by molecule are those of physics.
    """
    wavelength, transmission = np.zeros(0), np.zeros(0)
    names = sorted({name for order in correction.orders for name in order.refined.by_molecule})
    by_molecule = {name: np.zeros(0) for name in names}
    for order in sorted(correction.orders, key=lambda order: order.wavelength[0]):
        grid, values = order.refined.grid, order.refined.transmission
        new = grid > (wavelength[-1] if wavelength.size else 0.0)
        wavelength = np.concatenate([wavelength, grid[new]])
        transmission = np.concatenate([transmission, values[new]])
        clear = np.ones(int(new.sum()))
        for name in names:
            mine = order.refined.by_molecule.get(name)
            part = clear if mine is None else mine[new]
            by_molecule[name] = np.concatenate([by_molecule[name], part])
    columns = [
        fits.Column("wavelength", "D", unit="Angstrom", array=wavelength),
        fits.Column("transmission", "D", array=transmission),
        *(fits.Column(f"transmission_{name}", "D", array=part) for name, part in by_molecule.items()),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="TELLURIC")
    table.header["MEDIUM"] = ("vacuum", "medium of the wavelengths")
    with atomic_file(path) as temporary:
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(temporary)


def summary(correction: Correction) -> dict[str, Any]:
    """The physical parameters and the quality of every order, for JSON."""
    fit = correction.physical
    return {
        "parameters": {name: {"value": fit.values[name], "error": fit.errors[name]} for name in fit.names},
        "pwv": float(correction.air.water),
        "chi2_reduced_physical": fit.chi2_reduced,
        "stop_reason": fit.stop_reason,
        "orders": [
            {
                "row": order.row,
                "wavelength": [float(order.wavelength[0]), float(order.wavelength[-1])],
                "n_lines": len(order.refined.lines),
                "resolving_power": order.refined.resolving_power,
                "noise_inflation": order.refined.noise_inflation,
                "share_masked": float(order.telluric_free_mask.mean()),
                "quality": order.quality(),
            }
            for order in correction.orders
        ],
    }


def _order(order: CorrectedOrder, unit: str) -> fits.BinTableHDU:
    columns = [fits.Column("wavelength", "D", unit="Angstrom", array=order.wavelength)]
    columns += [fits.Column(name, "D", unit=unit or None, array=getattr(order, name)) for name in _FLUXES]
    columns += [fits.Column(name, "D", array=getattr(order, name)) for name in _OTHERS]
    columns += [fits.Column(name, "L", array=getattr(order, name)) for name in _MASKS]
    return fits.BinTableHDU.from_columns(columns, name=f"ORDER_{order.row}")


def _parameters(correction: Correction) -> fits.BinTableHDU:
    fit = correction.physical
    columns = [
        fits.Column("name", f"{max(map(len, fit.names))}A", array=np.array(fit.names)),
        fits.Column("value", "D", array=np.array([fit.values[name] for name in fit.names])),
        fits.Column("error", "D", array=np.array([fit.errors[name] for name in fit.names])),
    ]
    return fits.BinTableHDU.from_columns(columns, name="PARAMETERS")


def _lines(correction: Correction) -> fits.BinTableHDU:
    """One row per refined line: molecule, vacuum wavelength, order, departures and errors."""
    lines = [(order.row, line) for order in correction.orders for line in order.refined.lines]
    departure = np.concatenate([np.zeros((0, 3)), *(order.refined.departure for order in correction.orders)])
    error = np.concatenate([np.zeros((0, 3)), *(order.refined.error for order in correction.orders)])
    columns = [
        fits.Column("molecule", "3A", array=np.array([line.molecule for _, line in lines], dtype="U3")),
        fits.Column(
            "wavelength",
            "D",
            unit="Angstrom",
            array=np.array([line.wavelength for _, line in lines], dtype=np.float64),
        ),
        fits.Column("order", "K", array=np.array([row for row, _ in lines], dtype=np.int64)),
    ]
    for k, (name, unit) in enumerate((("log_strength", None), ("velocity", "km/s"), ("log_width", None))):
        columns.append(fits.Column(name, "D", unit=unit, array=departure[:, k]))
        columns.append(fits.Column(f"{name}_error", "D", unit=unit, array=error[:, k]))
    return fits.BinTableHDU.from_columns(columns, name="LINES")
