"""Keck HIRES and the Levy spectrograph of APF as the California Planet Search reduces them.

Three images (orders, pixels): flux, its error relative to the flux, and air wavelength [Angstrom, observatory
frame]. No format document is public; the meaning of the second image follows from the data (it is the inverse
square root of the flux) and that of the third from Na D of the Sun.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.defaults import ResolvingPower, through_slit
from blase.instruments.fits_arrays import consecutive_orders, opened, rows_of, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import KECK, LICK

FloatArray = NDArray[np.float64]

_DECKERS = {"B": 0.574, "C": 0.861, "D": 1.148, "E": 0.4}
"""Slit width [arcsec] by the first letter of DECKNAME; B5 is as wide as C (HIRES manual, "Decker table")."""
_SOURCE = "HIRES default, R times slit 39,000 arcsec (Vogt et al. 1994, Proc. SPIE 2198, 362)"


class HiresReader:
    """Reader of three-image files of HIRES and APF."""

    name = "hires"

    def recognises(self, head: FileHead) -> bool:
        """Whether one of the two instruments made three images of the same shape."""
        shapes = [hdu.shape for hdu in head.hdus]
        three = len(shapes) == 3 and len(shapes[0]) == 2 and len(set(shapes)) == 1
        return three and (head.keyword("INSTRUME").startswith("HIRES") or _is_apf(head.hdus[0].header))

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of one detector."""
        with opened(path, "a spectrum of HIRES or APF", "images of flux, error and wavelength") as hdus:
            values = keywords.header_values(hdus[0].header)
            flux, error, wavelength = (rows_of(hdus[k].data) for k in range(3))
        uncertainty, meaning = _uncertainty(flux, error)
        columns, _, cut = solved_pixels({"wavelength": wavelength, "flux": flux, "uncertainty": uncertainty})
        name = "APF" if _is_apf(values) else "HIRES"
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "air",
            frame="observatory",
            echelle_orders=consecutive_orders([np.median(row) for row in columns["wavelength"]]),
            path=str(path),
            flux_unit="",
            **_observation(values, name).arguments(
                [
                    f"read as {name} (California Planet Search): air Angstrom, observatory frame",
                    meaning,
                    *cut,
                ],
                ["deblazed only where the pipeline did so"],
            ),
        )


def _is_apf(values: Any) -> bool:
    words = " ".join(str(values.get(key, "")) for key in ("TELESCOP", "INSTRUME", "OBSERVAT")).upper()
    return "APF" in words or "LEVY" in words


def _uncertainty(flux: FloatArray, error: FloatArray) -> tuple[FloatArray, str]:
    """Standard deviations, and whether the file has them relative to the flux: then error sqrt(F) is near
    1.
    """
    lit = np.isfinite(flux) & np.isfinite(error) & (flux > 0)
    photons = float(np.median(error[lit] * np.sqrt(flux[lit]))) if lit.any() else 0.0
    if 0.2 < photons < 5.0:
        return error * np.abs(flux), "uncertainty: the second image, which is relative to the flux"
    return error, "uncertainty: the second image"


def _observation(values: dict[str, Any], name: str) -> Observation:
    time, time_from = keywords.exposure_midpoint(values)
    return Observation(
        instrument=name,
        target=keywords.text(values, "TARGNAME") or keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=LICK if name == "APF" else KECK,
        position=keywords.position(values, "RA", "DEC"),
        resolving_power=_resolving_power(values, name),
    )


def _resolving_power(values: dict[str, Any], name: str) -> ResolvingPower:
    if name == "APF":
        return through_slit(114_000.0, None, 1.0, "APF default (Vogt et al. 2014, PASP 126, 359)")
    decker = (keywords.text(values, "DECKNAME") or "").upper()
    return through_slit(39_000.0, 0.861 if decker == "B5" else _DECKERS.get(decker[:1]), 0.861, _SOURCE)
