"""Writing a spectrum in the EPRV standard, level 2; `blase.instruments.eprv` says what that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.time import Time
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.atomic import atomic_file, check_file
from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.preprocess.frame import to_frame

FloatArray = NDArray[np.float64]
STANDARD = "v1.1.0"
"""The version of the standard whose names are used."""


def write_eprv(spectrum: EchelleSpectrum, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write `spectrum` as a level-2 file of the EPRV standard; returns the path.

    Wavelengths are brought to the frame of the observatory, which takes a barycentric velocity if they are at
    the barycentre. Orders shorter than the longest end with NaN. An unknown blaze is written as ones. Masked
    pixels have TRACE1_QUALITY 1. What the standard asks for and nobody knows is 'UNKNOWN', and FULLCOMP 'No'.

    Raises InputError where the frame cannot be changed, or the file is there and `overwrite` is False.
    """
    observed = to_frame(spectrum, "observatory")
    hdus = fits.HDUList(
        [_primary(observed), *_empty_tables(), _order_table(observed), *_trace(observed.orders)]
    )
    hdus += [fits.ImageHDU(np.array([value]), name=name) for name, value in _barycentric(observed).items()]
    hdus += _optional(observed.orders)
    path = Path(path)
    check_file(path, overwrite=overwrite)
    with atomic_file(path) as temporary:
        hdus.writeto(temporary, overwrite=True)
    return path


def _primary(spectrum: EchelleSpectrum) -> fits.PrimaryHDU:
    meta, header = spectrum.metadata, fits.Header()
    sky = any(order.sky is not None for order in spectrum.orders)
    header["INSTRUME"] = meta.instrument or "UNKNOWN"
    header["DATALVL"] = "L2"
    header["OBJECT"] = meta.target or "UNKNOWN"
    header["NUMTRACE"], header["TRACE1"] = (2 if sky else 1), "SCI"
    if sky:
        header["TRACE2"] = "SKY"
    header["NUMORDER"] = len(spectrum.orders)
    header["DATE"] = Time.now().utc.isot
    if meta.time is not None:  # the middle of the exposure, which is what a reader looks for
        header["DATE-OBS"], header["EXPTIME"] = meta.time.utc.isot, 0.0
        header["JD_UTC"] = float(meta.time.utc.jd)
        header["COMMENT"] = "DATE-OBS is the middle of the exposure, and EXPTIME therefore zero"
    if meta.site is not None:
        header["TELESCOP"] = meta.site.name
        header["OBSLON"], header["OBSLAT"], header["OBSALT"] = (
            meta.site.longitude,
            meta.site.latitude,
            meta.site.height,
        )
    if meta.position is not None:
        header["CRA1"], header["CDEC1"] = meta.position.right_ascension, meta.position.declination
        header["CEQNX1"] = 2000.0
    header["EPRVTAG"], header["VOCLASS"] = STANDARD, f"EPRVSTANDARD{STANDARD}"
    header["DRPTAG"], header["FULLCOMP"] = "blase", "No"
    for sentence in meta.history:
        header.add_history(sentence.encode("ascii", "replace").decode())
    return fits.PrimaryHDU(header=header)


def _empty_tables() -> list[Any]:
    names = ("INSTRUMENT_HEADER", "RECEIPT", "DRP_CONFIG", "EXT_DESCRIPT")
    return [
        fits.ImageHDU(name=names[0]),
        *(fits.BinTableHDU.from_columns([], name=name) for name in names[1:]),
    ]


def _order_table(spectrum: EchelleSpectrum) -> fits.BinTableHDU:
    orders = spectrum.orders
    columns = [
        fits.Column(
            "ECHELLE_ORDER", "J", array=[-1 if o.echelle_order is None else o.echelle_order for o in orders]
        ),
        fits.Column("ORDER_INDEX", "J", array=range(len(orders))),
        fits.Column("WAVE_START", "D", array=[o.wavelength[0] for o in orders]),
        fits.Column("WAVE_END", "D", array=[o.wavelength[-1] for o in orders]),
    ]
    return fits.BinTableHDU.from_columns(columns, name="ORDER_TABLE")


def _trace(orders: tuple[Order, ...]) -> list[fits.ImageHDU]:
    arrays = {
        "FLUX": [order.flux for order in orders],
        "WAVE": [order.wavelength for order in orders],
        "VAR": [order.uncertainty**2 for order in orders],
        "BLAZE": [np.ones(len(order)) if order.blaze is None else order.blaze for order in orders],
    }
    return [fits.ImageHDU(_padded(rows), name=f"TRACE1_{name}") for name, rows in arrays.items()]


def _optional(orders: tuple[Order, ...]) -> list[fits.ImageHDU]:
    masks = _padded([order.mask.astype(float) for order in orders], fill=1.0).astype(np.uint8)
    hdus = [fits.ImageHDU(masks, name="TRACE1_QUALITY")]
    if any(order.sky is not None for order in orders):
        none = [np.full(len(order), np.nan) for order in orders]
        sky = [n if o.sky is None else o.sky for o, n in zip(orders, none, strict=True)]
        error = [
            n if o.sky_uncertainty is None else o.sky_uncertainty for o, n in zip(orders, none, strict=True)
        ]
        hdus += [
            fits.ImageHDU(_padded(sky), name="TRACE2_FLUX"),
            fits.ImageHDU(_padded([order.wavelength for order in orders]), name="TRACE2_WAVE"),
            fits.ImageHDU(_padded(error) ** 2, name="TRACE2_VAR"),
        ]
    return hdus


def _barycentric(spectrum: EchelleSpectrum) -> dict[str, float]:
    meta = spectrum.metadata
    velocity = np.nan if meta.barycentric_velocity is None else meta.barycentric_velocity
    time = np.nan if meta.time is None else float(meta.time.tdb.jd)
    return {"BARYCORR_KMS": velocity, "BARYCORR_Z": velocity / SPEED_OF_LIGHT, "BJD_TDB": time}


def _padded(rows: list[FloatArray], fill: float = np.nan) -> FloatArray:
    out = np.full((len(rows), max(map(len, rows))), fill)
    for line, row in zip(out, rows, strict=True):
        line[: len(row)] = row
    return out
