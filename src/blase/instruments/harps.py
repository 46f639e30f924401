"""HARPS and HARPS-N: what the data reduction software (DRS 3) writes, e2ds and s1d.

e2ds: one image (orders, 4096) in electrons, blaze in the flux, air wavelengths as polynomials in the header,
lambda_o(x) = sum_k c_(o (d + 1) + k) x^k with c = "ESO DRS CAL TH COEFF LLn", d = "DEG LL"; observatory
frame. The file of the blaze is named in the header, and is used where it lies beside the spectrum.

s1d: one line of 0.01 Angstrom in air, order merged, shifted to the barycentre. HARPS-N writes "TNG" for
"ESO". Format: HARPS DRS User Manual, 3P6-MAN-HAR-33110-0008, section 12 (products).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.defaults import detector_pixel, quoted
from blase.instruments.fits_arrays import numbers, opened, rows_of
from blase.instruments.observation import Observation
from blase.instruments.sites import LA_PALMA_TNG, LA_SILLA
from blase.preprocess.resampled import as_resampled

FloatArray = NDArray[np.float64]

_NAMES = {"HARPS": "HARPS", "HARPN": "HARPS-N"}
_EXPECTED = "an e2ds or s1d file of HARPS or HARPS-N"
_S1D_STEP = 0.01
_CCF_SIZE = 1000
"""Cross-correlation functions, of some hundred velocities, have the header of their spectrum."""
_ORDER_CONSTANT = 612_350.0
"""m lambda [Angstrom] in the middle of the orders."""
_READ_NOISE = 10.0
"""Noise added to an extracted pixel by reading out some three pixels across the fibre [electrons]."""


class HarpsReader:
    """Reader of `*_e2ds_A.fits` and `*_s1d_A.fits`."""

    name = "harps"

    def recognises(self, head: FileHead) -> bool:
        """Whether HARPS or HARPS-N made the single image, and it has a wavelength solution."""
        if head.keyword("INSTRUME") not in _NAMES or len(head.hdus) != 1:
            return False
        values, shape = head.hdus[0].header, head.hdus[0].shape
        calibration = str(values.get("ESO DPR CATG", values.get("TNG DPR CATG", ""))).strip() == "CALIB"
        solved = f"{_prefix(values)} CAL TH COEFF LL0" in values
        return _is_s1d(values) or (solved and not calibration and len(shape) == 2 and shape[1] > _CCF_SIZE)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of an e2ds, or the one line of an s1d."""
        with opened(path, "a spectrum of HARPS", _EXPECTED) as hdus:
            values = keywords.header_values(hdus[0].header)
            merged = _is_s1d(values)
            columns, extra = (_s1d if merged else _e2ds)(hdus[0].data, values, path)
        history, notes = extra.pop("history"), extra.pop("notes")
        spectrum = from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "air",
            path=str(path),
            **extra,
            **_observation(values).arguments(history, notes),
        )
        width = detector_pixel(spectrum.metadata.instrument)
        return as_resampled(spectrum, detector_pixel=width) if merged else spectrum


def _prefix(values: Any) -> str:
    return "TNG DRS" if "TNG DRS VERSION" in values or "TNG DRS CAL TH COEFF LL0" in values else "ESO DRS"


def _is_s1d(values: Any) -> bool:
    return int(values.get("NAXIS", 0)) == 1 and str(values.get("CTYPE1", "")).strip().upper() == "ANGSTROM"


def header_wavelengths(values: dict[str, Any], n_orders: int, n_pixels: int) -> FloatArray:
    """(orders, pixels) air wavelengths [Angstrom] of an e2ds from the polynomials in its header."""
    prefix = _prefix(values)
    degree = int(values[f"{prefix} CAL TH DEG LL"])
    keys = [f"{prefix} CAL TH COEFF LL{i}" for i in range(n_orders * (degree + 1))]
    coefficients = np.array([float(values[key]) for key in keys]).reshape(n_orders, degree + 1)
    return np.polynomial.polynomial.polyval(np.arange(float(n_pixels)), coefficients.T)


def echelle_orders(n: int) -> list[int | None]:
    """Échelle orders of fibre A: 161 to 89 without 115, which falls between the two detectors of HARPS; 157
    to 89 of HARPS-N, which has one.
    """
    known: dict[int, list[int | None]] = {
        72: [m for m in range(161, 88, -1) if m != 115],
        69: list(range(157, 88, -1)),
    }
    return known.get(n, [None] * n)


def _e2ds(data: Any, values: dict[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    flux = rows_of(data)
    blaze, blaze_note = _blaze_beside(path, values, flux.shape)
    columns = {
        "wavelength": header_wavelengths(values, *flux.shape),
        "flux": flux,
        "uncertainty": np.sqrt(np.maximum(flux, 0.0) + _READ_NOISE**2),
        "mask": flux == 0.0,
        "blaze": blaze,
    }
    return columns, {
        "frame": "observatory",
        "flux_unit": "electron",
        "echelle_orders": echelle_orders(len(flux)),
        "history": [
            "read as a HARPS e2ds: air Angstrom from the header, observatory frame, blaze left in the flux",
            f"uncertainty: photon noise and {_READ_NOISE:g} electrons of read-out noise; zero flux "
            f"is no data",
        ],
        "notes": [blaze_note],
    }


def _blaze_beside(
    path: Path, values: dict[str, Any], shape: tuple[int, ...]
) -> tuple[FloatArray | None, str]:
    """The blaze in the file that the header names (its name may be cut off), None where it is not there."""
    named = keywords.text(values, f"{_prefix(values)} BLAZE FILE")
    found = sorted(path.parent.glob(re.sub(r"\.f[its]*$", "", named) + "*")) if named else []
    if not found:
        return None, f"the blaze is unknown: {named or 'its file'} is not beside the spectrum"
    with opened(found[0], "a blaze of HARPS", "an image of the shape of the spectrum") as hdus:
        return rows_of(hdus[0].data).reshape(shape), f"the blaze is from {found[0].name}"


def _s1d(data: Any, values: dict[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    flux = numbers(data)
    wavelength = values["CRVAL1"] + values["CDELT1"] * (np.arange(flux.size) + 1 - values.get("CRPIX1", 1.0))
    empty = flux == 0.0
    uncertainty, noise = _noise(flux, wavelength, values)
    original = abs(values["CDELT1"] - _S1D_STEP) < 1e-9
    columns = {
        "wavelength": [wavelength],
        "flux": [np.where(empty, np.nan, flux)],
        "uncertainty": None if uncertainty is None else [uncertainty],
    }
    notes = ["orders were merged"]
    if not original:
        notes.append(
            f"the step of {values['CDELT1']:.10g} Angstrom is not the pipeline's: other software "
            f"resampled the "
            "file, and the frame of its wavelengths is not known"
        )
    return columns, {
        "frame": "barycentric" if original else "unknown",
        "flux_unit": "",
        "history": ["read as a HARPS s1d: air Angstrom; zero flux is no data", noise],
        "notes": notes,
    }


def _noise(flux: FloatArray, wavelength: FloatArray, values: dict[str, Any]) -> tuple[FloatArray | None, str]:
    """Standard deviations (n,) of an s1d from the SNR of every order in the header.

    The SNR "SPE EXT SNn" belongs to a detector pixel in the middle of order n. Photon noise falls with the
    square root of the flux, so sigma = sqrt(F_n F) / SNR_n, F_n the 90th percentile in the order. Nothing is
    known where the header lacks the SNR: (None, why).
    """
    prefix = _prefix(values)
    stated = (keywords.number(values, f"{prefix} SPE EXT SN{i}") for i in range(72))
    snr = [value for value in stated if value is not None]
    orders = echelle_orders(len(snr))
    if not orders or None in orders or min(snr) <= 0:
        return None, "uncertainty: the header has no SNR of the orders"
    centres = _ORDER_CONSTANT / np.array(orders, dtype=np.float64)
    nearest = np.searchsorted(0.5 * (centres[1:] + centres[:-1]), wavelength)
    known = np.array(snr)
    level = np.array([_level(flux[nearest == i]) for i in range(len(orders))])
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma = np.sqrt(level[nearest] * np.maximum(flux, 0.05 * level[nearest])) / known[nearest]
    return sigma, "uncertainty: photon noise scaled to the SNR of every order in the header"


def _level(flux: FloatArray) -> float:
    lit = flux[flux > 0]
    return float(np.percentile(lit, 90)) if lit.size else float("nan")


def _observation(values: dict[str, Any]) -> Observation:
    prefix, instrument = _prefix(values), _NAMES[str(values["INSTRUME"]).strip().upper()]
    fraction = keywords.number(values, "ESO INS DET1 TMMEAN")
    time, time_from = keywords.exposure_midpoint(values, fraction=0.5 if fraction is None else fraction)
    eggs = "EGGS" in (keywords.text(values, "ESO INS MODE") or "").upper()
    mode = quoted(80_000.0, "HARPS default, high-efficiency fibre EGGS (HARPS User Manual, section 2)")
    return Observation(
        instrument=instrument,
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=keywords.eso_site(values, "La Silla Observatory")
        or (LA_PALMA_TNG if instrument == "HARPS-N" else LA_SILLA),
        position=keywords.eso_position(values),
        stated_velocity=keywords.number(values, f"{prefix} BERV"),
        stated_in=f"{prefix} BERV",
        resolving_power=mode if eggs else None,
    )
