"""ESPRESSO, NIRPS and, in their newer reductions, HARPS and HARPS-N: S2D and S1D of the ESPRESSO pipeline.

S2D: images SCIDATA, ERRDATA, QUALDATA (0 good) and WAVEDATA_VAC_BARY [Angstrom], all (orders, pixels), every
order of ESPRESSO twice, once for each slice. Wavelengths are vacuum and already at the barycentre: divided by
(1 + 1.55e-8)(1 + BERV / c). S2D_BLAZE keeps the blaze, S2D does not.

S1D: a table with wavelength, wavelength_air, flux, error and quality, orders merged. ESPRESSO Pipeline User
Manual (VLT-MAN-ESO-13520-5095), "Pipeline products"; header cards as the EPRV translator of ESO and Geneva
uses them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.defaults import ResolvingPower, detector_pixel, nirps_resolving_power, quoted
from blase.instruments.fits_arrays import numbers, opened, rows_of, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import LA_PALMA_TNG, LA_SILLA, PARANAL
from blase.preprocess.resampled import as_resampled

_IMAGES = {"SCIDATA", "ERRDATA", "QUALDATA", "WAVEDATA_VAC_BARY"}
_COLUMNS = {"wavelength", "wavelength_air", "flux", "error", "quality"}
_EXPECTED = "an S2D (SCIDATA, ERRDATA, QUALDATA, WAVEDATA_VAC_BARY) or an S1D file"
_NAMES = {"HARPN": "HARPS-N"}
_SITES = {"ESPRESSO": PARANAL, "HARPS-N": LA_PALMA_TNG}
_MODES = {
    "MULTIMR": (70_000.0, "ESPRESSO, four telescopes, MR (Pepe et al. 2021, A&A 645, A96)"),
    "SINGLEUHR": (190_000.0, "ESPRESSO, one telescope, UHR (Pepe et al. 2021, A&A 645, A96)"),
    "EGGS": (80_000.0, "HARPS, high-efficiency fibre EGGS (HARPS User Manual, section 2)"),
}


class EspressoReader:
    """Reader of S2D and S1D files of ESPRESSO, NIRPS, HARPS and HARPS-N."""

    name = "espresso"

    def recognises(self, head: FileHead) -> bool:
        """Whether the images of an S2D or the columns of an S1D are there."""
        return set(head.images) >= _IMAGES or any(set(hdu.columns) >= _COLUMNS for hdu in head.hdus)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders and slices of an S2D, or the one line of an S1D."""
        with opened(path, "a spectrum of the ESPRESSO pipeline", _EXPECTED) as hdus:
            values = keywords.header_values(hdus[0].header)
            blazed = "BLAZE" in (keywords.text(values, "ESO PRO CATG") or "").upper()
            merged = "SCIDATA" not in hdus
            columns, sentences = _s1d(hdus) if merged else _s2d(hdus, blazed)
        columns, _, cut = solved_pixels(columns)
        spectrum = from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame="barycentric",
            path=str(path),
            flux_unit="",
            **_observation(values).arguments([sentences[0], *cut], sentences[1:]),
        )
        width = detector_pixel(spectrum.metadata.instrument)
        return as_resampled(spectrum, detector_pixel=width) if merged else spectrum


def _s2d(hdus: Any, blazed: bool) -> tuple[dict[str, Any], list[str]]:
    columns = {
        "wavelength": rows_of(hdus["WAVEDATA_VAC_BARY"].data),
        "flux": rows_of(hdus["SCIDATA"].data),
        "uncertainty": rows_of(hdus["ERRDATA"].data),
        "mask": rows_of(hdus["QUALDATA"].data) != 0,
    }
    done = "read as an S2D of the ESPRESSO pipeline: vacuum Angstrom, barycentric frame"
    return columns, [done, f"the blaze is {'in the flux' if blazed else 'divided out'}"]


def _s1d(hdus: Any) -> tuple[dict[str, Any], list[str]]:
    table = hdus[1].data
    columns = {
        "wavelength": [numbers(table["wavelength"]).ravel()],
        "flux": [numbers(table["flux"]).ravel()],
        "uncertainty": [numbers(table["error"]).ravel()],
        "mask": [numbers(table["quality"]).ravel() != 0],
    }
    done = "read as an S1D of the ESPRESSO pipeline: vacuum Angstrom, barycentric frame"
    return columns, [done, "orders were merged"]


def _mode(values: dict[str, Any], instrument: str) -> ResolvingPower | None:
    mode = (keywords.text(values, "ESO INS MODE") or "").upper()
    if instrument == "NIRPS":
        return nirps_resolving_power(mode.split("/")[0])
    found = next((_MODES[key] for key in _MODES if mode.endswith(key) or mode.startswith(f"{key}/")), None)
    return None if found is None else quoted(*found)


def _observation(values: dict[str, Any]) -> Observation:
    name = (keywords.text(values, "INSTRUME") or "").upper()
    instrument = _NAMES.get(name, name)
    telescope = "TNG" if any(key.startswith("TNG ") for key in values) else "ESO"
    fraction = keywords.number(values, f"{telescope} INS DET1 TMMEAN")
    time, time_from = keywords.exposure_midpoint(values, fraction=0.5 if fraction is None else fraction)
    site = _SITES.get(instrument, LA_SILLA)
    stated = next((f"{t} QC BERV" for t in ("ESO", "TNG") if f"{t} QC BERV" in values), "")
    return Observation(
        instrument=instrument or None,
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=keywords.eso_site(values, site.name) or site,
        position=keywords.eso_position(values),
        stated_velocity=keywords.number(values, stated),
        stated_in=stated,
        resolving_power=_mode(values, instrument),
    )
