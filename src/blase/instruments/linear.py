"""Plain FITS images with a linear wavelength axis, and IRAF's multispec: UVES, X-shooter, HRS, FEROS and many
more.

lambda_i = CRVAL1 + (i - CRPIX1) CDELT1 (or CD1_1), i from 1; with DC-FLAG = 1 or a logarithmic CTYPE1 it is
log10 lambda. One spectrum in each image (or each line of a two-dimensional one); an image ERRS or SIGMA
beside it is its standard deviation, QUAL its flag (0 good). Greisen et al. 2006, A&A 446, 747; Valdes 1993,
ASPC 52, 467.

Products with this layout: UVES (RED_SCI, MERGED_SCI: the error in a file or extension of its own; UVES
Pipeline User Manual, section 11), X-shooter (SCI_SLIT_FLUX_MERGE1D: FLUX, ERRS, QUAL in nm; X-shooter
Pipeline User Manual, section 11), SALT HRS reduced with MIDAS (`*we.fits`, an extension for each order, and
`*wm.fits`; Kniazev, Gvaramadze & Berdnikov 2016, MNRAS 459, 3068), HET HRS and others in multispec.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, HduHead, ReadOptions
from blase.instruments.defaults import ResolvingPower, quoted, through_slit
from blase.instruments.fits_arrays import FloatArray, numbers, opened, rows_of, solved_pixels
from blase.instruments.iraf import multispec, wcs_attributes
from blase.instruments.observation import Observation
from blase.instruments.sites import HET, PARANAL, SALT
from blase.preprocess.resampled import as_resampled

_NOT_FLUX = ("ERR", "SIG", "QUAL", "MASK", "VAR", "SKY", "BPM", "NOISE")
_EXPECTED = "images with a linear wavelength axis (CRVAL1, CDELT1), or multispec (WAT2_nnn)"


class LinearReader:
    """Reader of images whose header has the wavelengths."""

    name = "fits"

    def recognises(self, head: FileHead) -> bool:
        """Whether an image has a linear wavelength axis or multispec keywords."""
        return any(_is_spectrum(hdu) for hdu in head.hdus)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All spectra in the file, one order each."""
        with opened(path, "a spectrum with wavelengths in its header", _EXPECTED) as hdus:
            values = keywords.header_values(hdus[0].header)
            columns, orders, unit, said = _spectra(hdus, path)
        columns, orders, cut = solved_pixels(columns, orders)
        medium, why = _medium(values)
        frame = _FRAMES.get((keywords.text(values, "SPECSYS") or "").upper(), "unknown")
        spectrum = from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or unit,
            medium=options.medium or medium,
            frame=frame,
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **_observation(values).arguments(
                [f"read as FITS images with wavelengths in the header ({said})", f"medium: {why}", *cut]
            ),
        )
        return as_resampled(spectrum, detector_pixel=None) if said == "linear" else spectrum


_FRAMES = {"TOPOCENT": "observatory", "BARYCENT": "barycentric", "HELIOCEN": "barycentric"}


def _is_spectrum(hdu: HduHead) -> bool:
    if hdu.kind != "image" or hdu.name.upper().startswith(_NOT_FLUX):
        return False
    return _has_axis(hdu.header) or "MULTISPE" in str(hdu.header.get("CTYPE1", "")).upper()


def _has_axis(values: Any) -> bool:
    """Whether CRVAL1 and CDELT1 are those of wavelengths: by CTYPE1, CUNIT1 or IRAF's label, and the
    numbers.
    """
    step = _step(values)
    start = keywords.number(values, "CRVAL1")
    if start is None or not step or int(values.get("NAXIS", 0)) not in (1, 2):
        return False
    kind = str(values.get("CTYPE1", "")).strip().upper()
    words = " ".join((kind, str(values.get("CUNIT1", "")), wcs_attributes(values, 1))).upper()
    wave = any(word in words for word in ("WAVE", "LAMBDA", "ANGSTROM", "AWAV", "NM", "MICRON"))
    return wave or (kind in ("LINEAR", "PIXEL", "") and start > 500.0 and "PIXEL" not in words)


def _step(values: Any) -> float | None:
    return keywords.number(values, "CDELT1") or keywords.number(values, "CD1_1")


def linear_axis(values: Any, n_pixels: int) -> FloatArray:
    """Wavelengths (n,) of CRVAL1, CRPIX1 and CDELT1 (or CD1_1), in the unit of the file."""
    start, step = keywords.number(values, "CRVAL1"), _step(values)
    if start is None or step is None:
        raise KeyError("no CRVAL1 and CDELT1")
    axis = start + step * (np.arange(1.0, n_pixels + 1) - (keywords.number(values, "CRPIX1") or 1.0))
    logarithmic = keywords.number(values, "DC-FLAG") == 1 or "LOG" in str(values.get("CTYPE1", "")).upper()
    with np.errstate(over="ignore"):  # of a damaged header; the container refuses such wavelengths
        return 10.0**axis if logarithmic else axis


def _spectra(hdus: fits.HDUList, path: Path) -> tuple[dict[str, Any], list[int | None], str, str]:
    """Columns, échelle orders, unit and 'linear' or 'multispec' of all spectra in the file."""
    columns: dict[str, list[Any]] = {"wavelength": [], "flux": [], "uncertainty": [], "mask": []}
    orders: list[int | None] = []
    unit, said = "", "linear"
    for hdu in hdus:
        values = keywords.header_values(hdu.header)
        if not isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU) or hdu.data is None:
            continue
        if hdu.name.upper().startswith(_NOT_FLUX):
            continue
        if "MULTISPE" in str(values.get("CTYPE1", "")).upper():
            flux, error = _bands(hdu.data)
            apertures = multispec(values, *flux.shape, path=path)
            waves, said = [aperture.wavelength for aperture in apertures], "multispec"
            orders += [aperture.beam for aperture in apertures]
        elif _has_axis(values):
            flux, error = rows_of(hdu.data), None
            waves = [linear_axis(values, flux.shape[1])] * len(flux)
            orders += [None] * len(flux)
        else:
            continue
        unit = unit or _unit(values)
        columns["wavelength"] += waves
        columns["flux"] += list(flux)
        columns["uncertainty"] += list(error) if error is not None else _beside(hdus, "ERR", flux)
        columns["mask"] += [None if bad is None else bad != 0 for bad in _beside(hdus, "QUAL", flux)]
    if not orders:
        raise KeyError("no image with a wavelength axis")
    known = {name: column for name, column in columns.items() if all(part is not None for part in column)}
    return known, orders, unit, said


def _bands(data: Any) -> tuple[FloatArray, FloatArray | None]:
    """Flux and, where IRAF kept it as the last of four bands, standard deviation (apertures, pixels)."""
    cube = numbers(data)
    if cube.ndim == 3:
        return cube[0], cube[-1] if len(cube) == 4 else None
    return np.atleast_2d(cube), None


def _beside(hdus: fits.HDUList, kind: str, flux: FloatArray) -> list[Any]:
    """Rows of the only image of errors ('ERR', 'SIG') or flags ('QUAL', 'BPM') of this shape, else Nones."""
    starts = ("ERR", "SIG") if kind == "ERR" else ("QUAL", "BPM", "MASK")
    found = [hdu for hdu in hdus if hdu.name.upper().startswith(starts) and hdu.data is not None]
    if len(found) == 1 and np.atleast_2d(found[0].data).shape == flux.shape:
        return list(rows_of(found[0].data))
    return [None] * len(flux)


def _unit(values: Any) -> str:
    label = f"{values.get('CUNIT1', '')} {values.get('CTYPE1', '')} {wcs_attributes(values, 1)}".lower()
    start = keywords.number(values, "CRVAL1") or 0.0
    if "angstrom" in label:
        return "Angstrom"
    if "nm" in label.split() or "nanomet" in label:
        return "nm"
    if "micron" in label or "um" in label.split():
        return "um"
    return "Angstrom" if start > 2500.0 or "multispec" in label else ""


def _medium(values: Any) -> tuple[str, str]:
    kind = str(values.get("CTYPE1", "")).upper()
    if kind.startswith("AWAV") or "air" in wcs_attributes(values, 1).lower():
        return "air", "air, from the header"
    if kind.startswith("WAVE") and str(values.get("SPECSYS", "")).strip():
        return "vacuum", "vacuum, as CTYPE1 = WAVE means"
    if str(values.get("VACUUM", "")).strip().upper() in ("1", "T", "TRUE"):
        return "vacuum", "vacuum, from the header"
    return "air", "air assumed, as is usual of such files; --medium vacuum says otherwise"


def _observation(values: dict[str, Any]) -> Observation:
    time, time_from = keywords.exposure_midpoint(values)
    instrument = (keywords.text(values, "INSTRUME") or "").upper()
    at_eso = "ESO" in (keywords.text(values, "TELESCOP") or "").upper()
    south = "SALT" in f"{values.get('OBSERVAT', '')} {values.get('TELESCOP', '')}".upper()
    site = {"UVES": PARANAL, "XSHOOTER": PARANAL, "HRS": SALT if south else HET}.get(instrument)
    return Observation(
        instrument=instrument or None,
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=keywords.eso_site(values, "ESO") or site,
        position=keywords.eso_position(values) if at_eso else keywords.position(values, "RA", "DEC"),
        resolving_power=_resolving_power(values, instrument, south=south),
    )


def _resolving_power(values: dict[str, Any], instrument: str, *, south: bool) -> ResolvingPower | None:
    if instrument == "UVES":
        red = (keywords.text(values, "ESO INS PATH") or "").upper().startswith("RED")
        width = keywords.number(values, f"ESO INS SLIT{3 if red else 2} WID")
        source = (
            'UVES default, R times slit (Dekker et al. 2000, Proc. SPIE 4008, 534; about 40,000 behind 1": '
            "packages.debian.org/sid/cpl-plugin-uves)"
        )
        return through_slit(38_700.0 if red else 41_400.0, width, 1.0, source)
    if instrument == "XSHOOTER":
        return _xshooter(values)
    if instrument == "HRS" and south:
        mode = (keywords.text(values, "OBSMODE") or "").upper()
        value = next((_SALT[name] for name in _SALT if name in mode), 40_000.0)
        source = "SALT HRS default (Crause et al. 2014, Proc. SPIE 9147, 91476T; astronomers.salt.ac.za)"
        return quoted(value, source, relative_error=0.07)
    if instrument == "HRS":
        return quoted(60_000.0, "HET HRS default (Tull 1998, Proc. SPIE 3355, 387)", relative_error=0.07)
    return None


_SALT = {"LOW": 14_000.0, "MEDIUM": 40_000.0, "HIGH": 65_000.0}
_XSHOOTER = {"UVB": (5_400.0, 3, 1.0), "VIS": (8_000.0, 4, 0.9), "NIR": (5_040.0, 5, 0.9)}


def _xshooter(values: dict[str, Any]) -> ResolvingPower:
    """R times slit of each arm: 5400 with 1.0" (UVB), 8900 and 5600 with 0.9" (VIS, NIR)."""
    product, slit, usual = _XSHOOTER.get(
        (keywords.text(values, "ESO SEQ ARM") or "VIS").upper(), _XSHOOTER["VIS"]
    )
    text = keywords.text(values, f"ESO INS OPTI{slit} NAME") or ""
    width = keywords.number({"W": text.split("x")[0]}, "W")
    return through_slit(product, width, usual, "X-shooter default (Vernet et al. 2011, A&A 536, A105)")
