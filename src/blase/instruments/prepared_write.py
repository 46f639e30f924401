"""Writing a spectrum as it is in memory; `blase.instruments.prepared` says what is in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from blase.containers.atomic import atomic_file, check_file
from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum, Metadata

CREATOR = "blase prepare"
PIXEL_COLUMNS = ("flux", "uncertainty", "mask", "blaze", "sky", "sky_uncertainty", "noise_length")
"""What a table of an order may have beside the wavelength and the edges of its pixels."""


def write_prepared(spectrum: EchelleSpectrum, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write `spectrum` whole, one table for each order, and its history; returns the path.

    Raises InputError where the file is there and `overwrite` is False.
    """
    path = Path(path)
    check_file(path, overwrite=overwrite)
    tables = [_order(order, spectrum.metadata.flux_unit) for order in spectrum.orders]
    hdus = fits.HDUList([_primary(spectrum.metadata), *tables, _sentences(spectrum.metadata)])
    with atomic_file(path) as temporary:
        hdus.writeto(temporary, overwrite=True)
    return path


def _primary(meta: Metadata) -> fits.PrimaryHDU:
    site, place = meta.site, meta.position
    cards: dict[str, tuple[Any, str]] = {
        "CREATOR": (CREATOR, ""),
        "MEDIUM": ("vacuum", "medium of the wavelengths"),
        "MEDREAD": (meta.medium_as_read, "medium of the wavelengths of the file"),
        "FRAME": (meta.frame, "frame of the wavelengths"),
        "BERV": (meta.barycentric_velocity, "[km/s] barycentric velocity"),
        "OBJECT": (meta.target, ""),
        "INSTRUME": (meta.instrument, ""),
        "DATE-MID": (None if meta.time is None else meta.time.utc.isot, "middle of the exposure, UTC"),
        "RESPOWER": (meta.resolving_power, "lambda / FWHM"),
        "RESPERR": (meta.resolving_power_error, "its standard error"),
        "RESPFROM": (meta.resolving_power_source, ""),
        "SITENAME": (site and site.name, ""),
        "SITELONG": (site and site.longitude, "[deg] east"),
        "SITELAT": (site and site.latitude, "[deg]"),
        "SITEELEV": (site and site.height, "[m]"),
        "RA": (place and place.right_ascension, "[deg] J2000"),
        "DEC": (place and place.declination, "[deg] J2000"),
        "PMRA": (place and place.motion_right_ascension, "[mas/yr] with cos(declination)"),
        "PMDEC": (place and place.motion_declination, "[mas/yr]"),
        "BUNIT": (meta.flux_unit or None, "unit of the flux"),
    }
    header = fits.Header()
    for key, (value, comment) in cards.items():
        if value is not None:
            header[key] = (_plain(value) if isinstance(value, str) else float(value), comment)
    return fits.PrimaryHDU(header=header)


def _order(order: Order, unit: str) -> fits.BinTableHDU:
    columns = [fits.Column("wavelength", "D", unit="Angstrom", array=order.wavelength)]
    edges = order.edges()
    for name, array in (("lower_edge", edges[:-1]), ("upper_edge", edges[1:])):
        columns.append(fits.Column(name, "D", unit="Angstrom", array=array))
    for name in PIXEL_COLUMNS:
        array = getattr(order, name)
        if array is not None:
            fluxes = name not in ("mask", "blaze", "noise_length")
            kind = "L" if name == "mask" else "D"
            columns.append(
                fits.Column(name, kind, unit=_plain(unit) or None if fluxes else None, array=array)
            )
    table = fits.BinTableHDU.from_columns(columns, name=f"ORDER_{order.row}")
    table.header["ROW"] = (order.row, "0-based row shown by blase info")
    if order.echelle_order is not None:
        table.header["ECHELLE"] = (order.echelle_order, "diffraction order")
    if order.detector_pixel is not None:
        table.header["DETPIXEL"] = (order.detector_pixel, "[km/s] width of the detector's pixels")
    return table


def _sentences(meta: Metadata) -> fits.BinTableHDU:
    said = [("history", text) for text in meta.history] + [("note", text) for text in meta.notes]
    if meta.path:
        said.append(("path", meta.path))
    if meta.sha256:
        said.append(("sha256", meta.sha256))
    texts = np.array([_plain(text) for _, text in said] or [""])
    columns = [
        fits.Column("kind", "8A", array=np.array([kind for kind, _ in said] or [""])),
        fits.Column("sentence", f"{max(map(len, texts), default=1) or 1}A", array=texts),
    ]
    return fits.BinTableHDU.from_columns(columns, name="SENTENCES")


def _plain(text: str) -> str:
    """The text in ASCII, which is all that FITS has."""
    return text.encode("ascii", "replace").decode()
