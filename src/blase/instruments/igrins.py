"""IGRINS and IGRINS-2: products of the pipeline PLP, `*.spec.fits` and `*.spec_a0v.fits`.

`spec` holds the flux in the primary array and the wavelengths [micron, vacuum] in the next one, (orders,
2048); its noise is in files beside it, `*.variance.fits`, else `*.sn.fits`, the signal-to-noise ratio per
resolution element of R = 40,000. `spec_a0v` holds everything in named extensions, divided by an A0V star.
Format: the pipeline's wiki and source (github.com/igrins/plp, igrins/recipes/recipe_extract_base.py).

IGRINS-2 has both with an empty primary array and three images: spectrum, variance and wavelength [micron]
(gemini.edu/instrumentation/igrins-2/data-reduction, "Reduced Data Products").
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from blase.containers.observation import Site
from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import numbers, opened, rows_of, solved_pixels
from blase.instruments.iraf import wcs_attributes
from blase.instruments.observation import Observation
from blase.instruments.sites import GEMINI_NORTH, GEMINI_SOUTH, LOWELL_DISCOVERY, MCDONALD

FloatArray = NDArray[np.float64]

_DIVIDED = "SPEC_DIVIDE_A0V"
_SN_RESOLVING_POWER = 40_000.0
"""Resolving power whose element the `sn` product refers to: sn sigma / flux is sqrt(lambda / (R d
lambda))."""
_SITES = {
    "GEMINI SOUTH": GEMINI_SOUTH,
    "GEMINI NORTH": GEMINI_NORTH,
    "2.7 M": MCDONALD,
    "DCT": LOWELL_DISCOVERY,
    "DISCOVERY": LOWELL_DISCOVERY,
    "LDT": LOWELL_DISCOVERY,
}
_EXPECTED = "a .spec.fits with wavelengths in its second array, or a .spec_a0v.fits"


class IgrinsReader:
    """Reader of `*.spec.fits` and `*.spec_a0v.fits`."""

    name = "igrins"

    def recognises(self, head: FileHead) -> bool:
        """Whether IGRINS wrote it and it has one of the two layouts."""
        if not head.keyword("INSTRUME").startswith("IGRINS"):
            return False
        return _DIVIDED in head.images or len(head.hdus[0].shape) == 2 or _are_three_images(head)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of one band, H or K."""
        with opened(path, "an extracted IGRINS spectrum", _EXPECTED) as hdus:
            values = keywords.header_values(hdus[0].header)
            coordinates = keywords.header_values(*(hdu.header for hdu in hdus))
            names = {hdu.name for hdu in hdus}
            if _DIVIDED in names:
                columns, notes = _divided(hdus)
            else:
                columns, notes = _plain(hdus, path) if hdus[0].data is not None else _three_images(hdus)
        columns, orders, cut = solved_pixels(
            columns, _echelle_orders(coordinates, len(columns["wavelength"]))
        )
        instrument = "IGRINS-2" if "2" in (keywords.text(values, "INSTRUME") or "") else "IGRINS"
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "um",
            medium=options.medium or "vacuum",
            frame="observatory",
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **_observation(values, instrument).arguments(
                [f"read as {instrument}: vacuum micron, observatory frame", *cut], notes
            ),
        )


def _are_three_images(head: FileHead) -> bool:
    shapes = [hdu.shape for hdu in head.hdus[1:4] if hdu.kind == "image"]
    return head.hdus[0].kind == "empty" and len(shapes) == 3 and len(set(shapes)) == 1 and len(shapes[0]) == 2


def _three_images(hdus: fits.HDUList) -> tuple[dict[str, Any], list[str]]:
    flux, variance, wavelength = (rows_of(hdus[k].data) for k in (1, 2, 3))
    with np.errstate(invalid="ignore"):
        columns = {"wavelength": wavelength, "flux": flux, "uncertainty": np.sqrt(variance)}
    return columns, ["the layout does not say whether the spectrum was divided by an A0V star"]


def _plain(hdus: fits.HDUList, path: Path) -> tuple[dict[str, Any], list[str]]:
    if len(hdus) < 2:
        raise KeyError("a single image, such as .sn or .variance: name the .spec.fits beside it")
    flux, wavelength = rows_of(hdus[0].data), rows_of(hdus[1].data)
    uncertainty, note = _noise_beside(path, flux, wavelength)
    return {"wavelength": wavelength, "flux": flux, "uncertainty": uncertainty}, [
        note,
        "the blaze and the telluric lines are in the flux; sky was taken off by nodding",
    ]


def _noise_beside(path: Path, flux: FloatArray, wavelength: FloatArray) -> tuple[FloatArray | None, str]:
    """Standard deviations from the variance or sn file beside the spectrum, None where there is neither."""
    for kind in ("variance", "sn"):
        beside = path.with_name(re.sub(r"\.spec\.fits(\.gz)?$", rf".{kind}.fits\1", path.name))
        if beside != path and beside.is_file():
            with opened(beside, f"an IGRINS {kind} file", "one image of the shape of the spectrum") as hdus:
                values = rows_of(hdus[0].data).reshape(flux.shape)
            with np.errstate(invalid="ignore", divide="ignore"):
                sigma = np.sqrt(values) if kind == "variance" else flux / values
            if kind == "sn":
                step = np.abs(np.gradient(wavelength, axis=1))
                sigma = sigma * np.sqrt(wavelength / (_SN_RESOLVING_POWER * step))
            return sigma, f"the uncertainty is from {beside.name}"
    return None, "no .variance.fits or .sn.fits beside the spectrum"


def _divided(hdus: fits.HDUList) -> tuple[dict[str, Any], list[str]]:
    with np.errstate(invalid="ignore"):
        uncertainty = np.sqrt(rows_of(hdus["SPEC_DIVIDE_A0V_VARIANCE"].data))
    flux = rows_of(hdus[_DIVIDED].data)
    columns = {
        "wavelength": rows_of(hdus["WAVELENGTH"].data),
        "flux": flux,
        "uncertainty": uncertainty,
        "mask": ~(numbers(hdus["A0V_SPEC"].data) > 0),
    }
    return columns, ["divided by an A0V star: blaze and telluric lines are taken out, imperfectly"]


def _echelle_orders(values: dict[str, Any], n: int) -> list[int | None]:
    """The orders in the IRAF keywords WAT2_nnn ('spec1 = "1 98 2 ..."'), Nones where they are not there."""
    found = dict(re.findall(r'spec(\d+) = "\d+ (\d+) ', wcs_attributes(values, 2)))
    return [int(found[str(i)]) if str(i) in found else None for i in range(1, n + 1)]


def _site(values: dict[str, Any]) -> Site | None:
    telescope = (keywords.text(values, "TELESCOP") or "").upper().replace("-", " ")
    return next((site for word, site in _SITES.items() if word in telescope), None)


def _observation(values: dict[str, Any], instrument: str) -> Observation:
    time, time_from = keywords.exposure_midpoint(values)
    return Observation(
        instrument=instrument,
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=_site(values),
        position=keywords.position(values, "OBJRA", "OBJDEC"),
    )
