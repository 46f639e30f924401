"""APOGEE: apVisit (one visit, three chips), apStar (visits combined) and aspcapStar (normalised).

apVisit: HDU 1 flux, 2 error, 3 mask, 4 wavelength [vacuum Angstrom, observatory frame], 5, 6 sky and its
error, 7 telluric model, (3, 4096) or (3, 2048). apStar: the same numbers of HDUs without wavelengths, rows
"combined" and single visits, on log10(lambda) = CRVAL1 + CDELT1 i, shifted to the rest frame of the star.
Data model: Nidever et al. 2015, AJ 150, 173, and data.sdss.org/datamodel/files/APOGEE_REDUX (apVisit, apStar,
aspcapStar).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import numbers, opened, rows_of, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import APACHE_POINT, LAS_CAMPANAS
from blase.preprocess.resampled import as_resampled

BAD_BITS = (0, 1, 2, 3, 4, 5, 6, 7, 12, 14)
"""APOGEE_PIXMASK: bad pixel, cosmic ray, saturated, unfixable, bad dark, flat or error, no sky, significant
sky line, not enough of the profile (Holtzman et al. 2015, AJ 150, 148, table 11). Persistence, Littrow ghosts
and strong tellurics stay in.
"""
_UNIT = "1e-17 erg / (s cm2 Angstrom)"
_CORRECTED = "the pipeline took off the sky and divided out its telluric model"
_EXPECTED = "an apVisit, apStar or aspcapStar file"


class ApogeeReader:
    """Reader of apVisit, apStar and aspcapStar files."""

    name = "apogee"

    def recognises(self, head: FileHead) -> bool:
        """Whether the first images have the shapes and units of one of the three products."""
        if len(head.hdus) < 4 or any(hdu.kind != "image" for hdu in head.hdus[1:4]):
            return False
        return _is_visit(head) or _is_logarithmic(head.hdus[0].header, head.hdus[1].header)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """Three chips of a visit; the combined spectrum, or the normalised one, as a single order."""
        with opened(path, "an APOGEE spectrum", _EXPECTED) as hdus:
            values = keywords.header_values(hdus[0].header)
            if _is_logarithmic(values, hdus[1].header):
                columns, frame, done, notes = _combined(hdus)
            else:
                columns, frame, done, notes = _visit(hdus)
        columns, _, cut = solved_pixels(columns)
        spectrum = from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame=frame,
            path=str(path),
            flux_unit=_UNIT,
            **_observation(values, frame).arguments([done, *cut], notes),
        )
        return as_resampled(spectrum, detector_pixel=None)


def _is_visit(head: FileHead) -> bool:
    shapes = [hdu.shape for hdu in head.hdus[1:5]]
    unit = str(head.hdus[1].header.get("BUNIT", ""))
    return len(set(shapes)) == 1 and shapes[0][0] == 3 and unit.startswith("Flux (10^-17")


def _is_logarithmic(*headers: Any) -> bool:
    return any(
        str(header.get("CTYPE1", "")).strip() == "LOG-LINEAR" and "NWAVE" in headers[0] for header in headers
    )


def _visit(hdus: fits.HDUList) -> tuple[dict[str, Any], str, str, list[str]]:
    columns = {
        "wavelength": rows_of(hdus[4].data),
        "flux": rows_of(hdus[1].data),
        "uncertainty": rows_of(hdus[2].data),
        "mask": _bad(hdus[3].data),
    }
    done = "read as an APOGEE apVisit: vacuum Angstrom, observatory frame, one row for each chip"
    return columns, "observatory", done, [_CORRECTED]


def _combined(hdus: fits.HDUList) -> tuple[dict[str, Any], str, str, list[str]]:
    header = hdus[0].header if "CRVAL1" in hdus[0].header else hdus[1].header
    flux = rows_of(hdus[1].data)[0]
    with np.errstate(over="ignore"):  # of a damaged header; the container refuses such wavelengths
        wavelength = 10.0 ** (
            header["CRVAL1"] + header["CDELT1"] * (np.arange(flux.size) + 1 - header.get("CRPIX1", 1))
        )
    normalised = len(hdus) > 4 and "ASPCAP" in str(hdus[0].header.get("HISTORY", "")).upper()
    columns = {
        "wavelength": [wavelength],
        "flux": [np.where(flux == 0.0, np.nan, flux)],
        "uncertainty": [rows_of(hdus[2].data)[0]],
        "mask": None if normalised else [_bad(hdus[3].data)[0]],
    }
    kind = "aspcapStar" if normalised else "apStar"
    done = (
        f"read as an APOGEE {kind}: vacuum Angstrom, rest frame of the star, first row; zero flux is no data"
    )
    return columns, "rest", done, [_CORRECTED]


def _bad(data: Any) -> NDArray[np.bool_]:
    bits = np.atleast_2d(numbers(data)).astype(np.int64)
    return (bits & sum(1 << bit for bit in BAD_BITS)) != 0


def _observation(values: dict[str, Any], frame: str) -> Observation:
    single = keywords.number(values, "NVISITS") == 1
    stated = keywords.number(values, "BC" if frame == "observatory" else "BC1" if single else "")
    middle = keywords.number(values, "JD-MID") or (keywords.number(values, "JD1") if single else None)
    south = "lco" in (keywords.text(values, "TELESCOP") or "").lower()
    return Observation(
        instrument="APOGEE",
        target=keywords.text(values, "OBJID"),
        time=None if middle is None else keywords.parse_time(middle, format="jd"),
        time_from="time: Julian date of the visit in the header" if middle else "time: several visits",
        site=LAS_CAMPANAS if south else APACHE_POINT,
        position=keywords.position(values, "RA", "DEC"),
        stated_velocity=stated,
        stated_in="BC",
    )
