"""NEID: levels 1 and 2 of its pipeline.

Images SCIFLUX, SCIVAR, SCIWAVE (vacuum Angstrom, observatory frame), SCIBLAZE, and the same of SKY and CAL,
(122, 9216). Row i is échelle order 173 - i; rows without a wavelength solution hold zeros. The barycentric
velocity of each order is SSBRVmmm [km/s]. NEID Data Reduction Pipeline documentation,
neid.ipac.caltech.edu/docs/NEID-DRP/dataformat.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from blase.containers.observation import Site
from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.defaults import OVERVIEWS, quoted
from blase.instruments.fits_arrays import FloatArray, opened, rows_of, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import KITT_PEAK

_IMAGES = {"SCIFLUX", "SCIVAR", "SCIWAVE"}
_FIRST_ORDER = 173


class NeidReader:
    """Reader of `neidL1_*.fits` and `neidL2_*.fits`."""

    name = "neid"

    def recognises(self, head: FileHead) -> bool:
        """Whether flux, variance and wavelengths of the science fibre are there."""
        return set(head.images) >= _IMAGES

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders that have wavelengths, with sky fibre and blaze where they are there."""
        with opened(path, "a spectrum of NEID", f"images {', '.join(sorted(_IMAGES))}") as hdus:
            values = keywords.header_values(hdus[0].header)
            columns = _columns(hdus)
        orders = [_FIRST_ORDER - row for row in range(len(columns["wavelength"]))]
        columns, orders, cut = solved_pixels(columns, orders)
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame="observatory",
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **_observation(values).arguments(
                ["read as NEID: vacuum Angstrom, observatory frame, blaze left in the flux", *cut],
                ["the sky was not subtracted"],
            ),
        )


def _columns(hdus: Any) -> dict[str, Any]:
    columns = {
        "wavelength": rows_of(hdus["SCIWAVE"].data),
        "flux": rows_of(hdus["SCIFLUX"].data),
        "uncertainty": _root(hdus["SCIVAR"].data),
    }
    optional = {
        "blaze": ("SCIBLAZE", rows_of),
        "sky": ("SKYFLUX", rows_of),
        "sky_uncertainty": ("SKYVAR", _root),
    }
    return columns | {name: take(hdus[hdu].data) for name, (hdu, take) in optional.items() if hdu in hdus}


def _root(variance: Any) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.sqrt(rows_of(variance))


def _observation(values: dict[str, Any]) -> Observation:
    time, time_from = keywords.exposure_midpoint(values)
    velocities = [keywords.number(values, f"SSBRV{m:03d}") for m in range(52, _FIRST_ORDER + 1)]
    stated = [velocity for velocity in velocities if velocity is not None]
    numbers = [keywords.number(values, key) for key in ("OBSLON", "OBSLAT", "OBSALT")]
    known = [value for value in numbers if value is not None]
    efficient = (keywords.text(values, "OBS-MODE") or "").upper() == "HE"
    mode = quoted(70_000.0, f"NEID, high-efficiency fibre ({OVERVIEWS})", relative_error=0.07)
    return Observation(
        instrument="NEID",
        target=keywords.text(values, "QOBJECT") or keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=Site("Kitt Peak, WIYN", *known) if len(known) == 3 else KITT_PEAK,
        position=keywords.position(values, "QRA", "QDEC"),
        stated_velocity=float(np.median(stated)) if stated else None,
        stated_in="median of SSBRVmmm",
        resolving_power=mode if efficient else None,
    )
