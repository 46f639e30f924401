"""ESO's phase 3: one-dimensional spectra as a table of one row (UVES, X-shooter, HARPS, FEROS, CRIRES, ...).

Columns WAVE, FLUX and ERR (FLUX_REDUCED and ERR_REDUCED, QUAL in some) hold the whole spectrum in one cell.
The unit is TUNIT1; the medium is in the UCD of WAVE, "em.wl;obs.atmos" for air; the frame is SPECSYS, the
resolving power SPEC_RES. ESO Science Data Products Standard, GEN-SPE-ESO-33000-5335, issue 6, section 5
(www.eso.org/sci/observing/phase3).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.errors import InputError
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.defaults import ResolvingPower, detector_pixel
from blase.instruments.fits_arrays import FloatArray, numbers, opened, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import LA_SILLA, PARANAL
from blase.preprocess.resampled import as_resampled

_FRAMES = {"TOPOCENT": "observatory", "BARYCENT": "barycentric", "HELIOCEN": "barycentric"}
_EXPECTED = "a table of one row with WAVE and FLUX, and PRODCATG = SCIENCE.SPECTRUM"


class EsoPhase3Reader:
    """Reader of `ADP.*.fits` spectra."""

    name = "eso"

    def recognises(self, head: FileHead) -> bool:
        """Whether the product category is a spectrum and the first extension has WAVE and FLUX."""
        spectrum = head.keyword("PRODCATG").startswith("SCIENCE.SPECTRUM")
        return spectrum and len(head.hdus) > 1 and _column(head.hdus[1].columns, "WAVE") is not None

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """The one spectrum, as one order."""
        with opened(path, "a spectrum of ESO's phase 3", _EXPECTED) as hdus:
            values = keywords.header_values(hdus[1].header, hdus[0].header)
            columns = _columns(hdus[1])
            unit, medium, said = _wavelengths(hdus[1], path)
        columns, _, cut = solved_pixels(columns)
        frame = _FRAMES.get((keywords.text(values, "SPECSYS") or "").upper(), "unknown")
        spectrum = from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or unit,
            medium=options.medium or medium,
            frame=frame,
            path=str(path),
            flux_unit="",
            **_observation(values).arguments(
                [f"read as ESO phase 3: {medium} {unit} ({said}), {frame} frame", *cut]
            ),
        )
        return as_resampled(spectrum, detector_pixel=detector_pixel(spectrum.metadata.instrument))


def _column(names: Any, wanted: str) -> str | None:
    """A column by name, as it is or as the reduced, not flux-calibrated one."""
    upper = {name.upper(): name for name in names}
    return upper.get(wanted) or upper.get(f"{wanted}_REDUCED")


def _columns(hdu: fits.BinTableHDU) -> dict[str, Any]:
    names = hdu.columns.names
    found = {role: _column(names, name) for role, name in _ROLES.items()}
    arrays = {role: numbers(hdu.data[name]).ravel() for role, name in found.items() if name is not None}
    error = arrays.get("uncertainty")
    known = error is not None and bool(np.any(np.isfinite(error) & (error > 0)))
    mask = _bad(arrays)
    return {
        "wavelength": [arrays["wavelength"]],
        "flux": [arrays["flux"]],
        "uncertainty": [error] if known else None,
        "mask": None if mask is None else [mask],
    }


_ROLES = {"wavelength": "WAVE", "flux": "FLUX", "uncertainty": "ERR", "quality": "QUAL"}


def _bad(arrays: dict[str, FloatArray]) -> Any:
    return arrays["quality"] != 0 if "quality" in arrays else None


def _wavelengths(hdu: fits.BinTableHDU, path: Path) -> tuple[str, str, str]:
    """Unit and medium of WAVE, and what says so."""
    index = hdu.columns.names.index(_column(hdu.columns.names, "WAVE")) + 1
    unit = keywords.text(hdu.header, f"TUNIT{index}")
    if unit is None:
        raise InputError(
            "the wavelengths have no unit",
            path=path,
            value=f"no TUNIT{index}",
            expected="TUNIT of the column WAVE, angstrom or nm",
            fix="pass --wavelength-unit (A, nm or um)",
        )
    meaning = keywords.text(hdu.header, f"TUCD{index}") or ""
    if not meaning:
        return unit, "air", "air assumed: the column has no UCD"
    return unit, "air" if "obs.atmos" in meaning else "vacuum", f"UCD {meaning}"


def _observation(values: dict[str, Any]) -> Observation:
    start = keywords.parse_time(keywords.number(values, "MJD-OBS"), format="mjd")
    end = keywords.parse_time(keywords.number(values, "MJD-END"), format="mjd")
    time, time_from = keywords.exposure_midpoint(values)
    if start is not None and end is not None:
        time, time_from = start + 0.5 * (end - start), "time: middle of MJD-OBS and MJD-END"
    power = keywords.number(values, "SPEC_RES")
    telescope = (keywords.text(values, "TELESCOP") or "").upper()
    site = LA_SILLA if "3P6" in telescope or "2P2" in telescope else PARANAL
    stated = next(
        (key for key in ("ESO DRS BERV", "ESO QC BERV", "ESO QC VRAD BARYCOR") if key in values), ""
    )
    return Observation(
        instrument=keywords.text(values, "INSTRUME"),
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=keywords.eso_site(values, site.name) or site,
        position=keywords.eso_position(values),
        stated_velocity=keywords.number(values, stated),
        stated_in=stated,
        resolving_power=None
        if power is None or not power > 0
        else ResolvingPower(power, 0.1 * power, f"SPEC_RES of the header, {power:,.0f} +- 10 %"),
    )
