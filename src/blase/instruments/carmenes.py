"""CARMENES, both channels: `car-*-sci-*-{vis,nir}_A.fits` of its pipeline CARACAL.

Images SPEC, SIG (standard deviation), WAVE (vacuum Angstrom, observatory frame) and CONT, (61, 4096) in the
VIS channel, (28, 4080) in the NIR; the barycentric velocity is CARACAL BERV [km/s]. Caballero et al. 2016,
Proc. SPIE 9910, 99100E; Zechmeister et al. 2018, A&A 609, A12; header cards as in the EPRV translator of
CARMENES.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blase.containers.observation import Site
from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import opened, rows_of, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import CALAR_ALTO

_IMAGES = {"SPEC", "SIG", "WAVE"}
_FIRST_ORDERS = {61: 118, 28: 63}


class CarmenesReader:
    """Reader of extracted spectra of CARMENES."""

    name = "carmenes"

    def recognises(self, head: FileHead) -> bool:
        """Whether the three images are there and CARMENES is named in the header."""
        named = "CARMENES" in head.keyword("INSTRUME") or bool(head.keyword("CARACAL BERV"))
        return set(head.images) >= _IMAGES and named

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of one channel."""
        with opened(path, "a spectrum of CARMENES", f"images {', '.join(sorted(_IMAGES))}") as hdus:
            values = keywords.header_values(hdus[0].header)
            columns: dict[str, Any] = {
                "wavelength": rows_of(hdus["WAVE"].data),
                "flux": rows_of(hdus["SPEC"].data),
                "uncertainty": rows_of(hdus["SIG"].data),
            }
        n = len(columns["wavelength"])
        first = _FIRST_ORDERS.get(n)
        columns, orders, cut = solved_pixels(
            columns, [None if first is None else first - i for i in range(n)]
        )
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame="observatory",
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **_observation(values, n).arguments(
                ["read as CARMENES: vacuum Angstrom, observatory frame", *cut],
                ["the spectrum of a flat lamp, blaze included, is divided out by the pipeline"],
            ),
        )


def _observation(values: dict[str, Any], n_orders: int) -> Observation:
    infrared = (keywords.text(values, "SUBSYS") or "").upper() == "NIR" or n_orders == 28
    weighted = keywords.number(values, "CARACAL TMEAN")
    seconds = keywords.number(values, "EXPTIME")
    fraction = weighted / seconds if weighted is not None and seconds else 0.5
    time, time_from = keywords.exposure_midpoint(values, fraction=fraction if 0 < fraction < 1 else 0.5)
    place = [keywords.number(values, f"CAHA TEL {key}") for key in ("GEOLON", "GEOLAT", "GEOELEV")]
    known = [value for value in place if value is not None]
    return Observation(
        instrument="CARMENES-NIR" if infrared else "CARMENES-VIS",
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=Site("Calar Alto, 3.5 m", *known) if len(known) == 3 else CALAR_ALTO,
        position=keywords.position(values, "RA", "DEC"),
        stated_velocity=keywords.number(values, "CARACAL BERV"),
        stated_in="CARACAL BERV",
    )
