"""Spectra as `blase prepare` writes them: nothing of the container is lost.

One table ORDER_<row> for each order, with wavelength and edges of the pixels [vacuum Angstrom], flux,
uncertainty, mask, and blaze, sky, sky_uncertainty, noise_length where they are known; keywords ROW, ECHELLE
and DETPIXEL. The primary header has target, instrument, time, site, position, frame, barycentric velocity and
resolving power; the table SENTENCES the history and the notes, one a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from blase.containers.observation import Site, SkyPosition
from blase.containers.spectrum import EchelleSpectrum, Metadata, Order
from blase.errors import InputError, naming
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import numbers, opened
from blase.instruments.prepared_write import CREATOR, PIXEL_COLUMNS

_SENTENCES = "SENTENCES"
_PREFIX = "ORDER_"


class PreparedReader:
    """Reader of what `blase prepare` writes."""

    name = "prepared"

    def recognises(self, head: FileHead) -> bool:
        """Whether the creator is named in the primary header."""
        return head.keyword("CREATOR") == CREATOR.upper()

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """The spectrum as it was written; InputError for an option that says otherwise of its wavelengths."""
        _refuse(options, path)
        with naming(path), opened(path, "a prepared spectrum", "tables ORDER_<row> and SENTENCES") as hdus:
            orders = [_order(hdu) for hdu in hdus if hdu.name.startswith(_PREFIX)]
            return EchelleSpectrum(tuple(orders), _metadata(hdus))


def _refuse(options: ReadOptions, path: Path) -> None:
    given = {
        "--wavelength-unit": options.wavelength_unit,
        "--medium": options.medium,
        "--column": options.columns,
    }
    named = [flag for flag, value in given.items() if value]
    if named:
        raise InputError(
            "a prepared spectrum states units, media and columns itself",
            path=path,
            value=" ".join(named),
            expected="none of these options",
            fix=f"leave {' '.join(named)} away, or give it to blase prepare",
        )


def _order(hdu: fits.BinTableHDU) -> Order:
    names, data = hdu.columns.names, hdu.data
    known: dict[str, Any] = {name: numbers(data[name]) for name in PIXEL_COLUMNS if name in names}
    known["mask"] = known["mask"] != 0
    lower, upper = numbers(data["lower_edge"]), numbers(data["upper_edge"])
    echelle = hdu.header.get("ECHELLE")
    return Order(
        int(hdu.header["ROW"]),
        numbers(data["wavelength"]),
        **known,
        echelle_order=None if echelle is None else int(echelle),
        detector_pixel=keywords.number(hdu.header, "DETPIXEL"),
        stored_edges=np.append(lower, upper[-1]),
    )


def _metadata(hdus: fits.HDUList) -> Metadata:
    values, said = keywords.header_values(hdus[0].header), hdus[_SENTENCES].data
    sentences = [
        (str(kind).strip(), str(text).strip())
        for kind, text in zip(said["kind"], said["sentence"], strict=True)
    ]
    return Metadata(
        target=keywords.text(values, "OBJECT"),
        position=_position(values),
        site=_site(values),
        time=keywords.parse_time(keywords.text(values, "DATE-MID")),
        instrument=keywords.text(values, "INSTRUME"),
        medium_as_read="air" if values.get("MEDREAD") == "air" else "vacuum",
        frame=values["FRAME"],
        barycentric_velocity=keywords.number(values, "BERV"),
        resolving_power=keywords.number(values, "RESPOWER"),
        resolving_power_error=keywords.number(values, "RESPERR"),
        resolving_power_source=keywords.text(values, "RESPFROM"),
        flux_unit=keywords.text(values, "BUNIT") or "",
        history=tuple(text for kind, text in sentences if kind == "history"),
        notes=tuple(text for kind, text in sentences if kind == "note"),
    )


def _site(values: dict[str, Any]) -> Site | None:
    place = [keywords.number(values, key) for key in ("SITELONG", "SITELAT", "SITEELEV")]
    known = [value for value in place if value is not None]
    return Site(keywords.text(values, "SITENAME") or "", *known) if len(known) == 3 else None


def _position(values: dict[str, Any]) -> SkyPosition | None:
    place = [keywords.number(values, key) for key in ("RA", "DEC", "PMRA", "PMDEC")]
    known = [value for value in place if value is not None]
    return SkyPosition(*known) if len(known) == 4 else None
