"""iSHELL (and SpeX) as SpeXTool extracts it, and iSHELL as pychell does.

SpeXTool: one image (orders x apertures, 3 or 4, pixels): wavelength, flux, error and, from version 5, a flag;
units in XUNITS and YUNITS, orders in ORDERS; pixels outside an order have NaN or zero wavelengths. Cushing,
Vacca & Rayner 2004, PASP 116, 362; header keywords of xspextool.

pychell: one image (orders, traces, pixels, 3) of flux, error and mask (1 good, 0 bad), without wavelengths.
Those given here are approximate, see `kgas_wavelengths`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.errors import InputError
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.defaults import ResolvingPower, through_slit
from blase.instruments.fits_arrays import numbers, opened, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import IRTF

FloatArray = NDArray[np.float64]
_SOURCE = "iSHELL default (Rayner et al. 2022, PASP 134, 015002)"


class SpextoolReader:
    """Reader of spectra extracted by SpeXTool."""

    name = "spextool"

    def recognises(self, head: FileHead) -> bool:
        """Whether the only image is a cube of SpeXTool: its program, or its units, are in the header."""
        if len(head.hdus) != 1 or len(head.hdus[0].shape) != 3 or head.hdus[0].shape[1] not in (3, 4):
            return False
        made_by = head.keyword("CREPROG") + head.keyword("CREATOR")
        return "SPEXTOOL" in made_by or {"XUNITS", "YUNITS", "NORDERS"} <= set(head.hdus[0].header)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of the first aperture."""
        with opened(path, "a spectrum of SpeXTool", "a cube (orders, 3 or 4, pixels)") as hdus:
            values = keywords.header_values(hdus[0].header)
            cube = numbers(hdus[0].data)
            n_apertures = int(keywords.number(values, "NAPS") or 1)
            wave, flux, error = (cube[::n_apertures, k] for k in range(3))
            flags = cube[::n_apertures, 3] if cube.shape[1] > 3 else np.zeros_like(flux)
        columns: dict[str, Any] = {
            "wavelength": wave,
            "flux": flux,
            "uncertainty": error,
            "mask": _bad(flags),
        }
        columns, orders, cut = solved_pixels(columns, _orders(values, len(wave)))
        medium = (keywords.text(values, "WAVETYPE") or "vacuum").lower()
        apertures = [f"{n_apertures} apertures: the first was read"] if n_apertures > 1 else []
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or keywords.text(values, "XUNITS"),
            medium=options.medium or ("air" if medium.startswith("air") else "vacuum"),
            frame="observatory",
            echelle_orders=orders,
            path=str(path),
            flux_unit=(keywords.text(values, "YUNITS") or "").replace("DN", "adu").replace(" ", ""),
            **_observation(values, keywords.text(values, "INSTR")).arguments(
                ["read as SpeXTool: wavelength, flux, error and flag, observatory frame", *cut],
                ["telluric lines are in the flux", *apertures],
            ),
        )


def _bad(flags: FloatArray) -> NDArray[np.bool_]:
    """Saturated, replaced or fixed pixels: any bit of SpeXTool's flag."""
    return np.nan_to_num(flags) != 0


def _orders(values: dict[str, Any], n: int) -> list[int | None]:
    words = [word for word in str(values.get("ORDERS", "")).split(",") if word.strip().isdigit()]
    return [int(word) for word in words] if len(words) == n else [None] * n


KGAS_ORDERS = (210, 238)
"""Échelle orders of the first and last of the 29 rows of iSHELL's setting Kgas, as pychell extracts them."""
_DISPERSION = np.array(
    [
        [5.18099762e6, 9.13128954e3, 1.50330972e2],
        [2.08261203e4, -4.91439551e1, 0.0],
        [-8.65557825e2, 0.0, 0.0],
        [-6.32716324e1, 0.0, 0.0],
    ]
)
"""m lambda [Angstrom] as a polynomial in u = (x - 1024) / 1024 (rows) and v = (m - 230) / 20 (columns)."""


def kgas_wavelengths(echelle_order: int, n_pixels: int = 2048) -> FloatArray:
    """Approximate vacuum wavelengths (n,) [Angstrom] of an order of setting Kgas, falling with the pixel.

    m lambda = P(u, v) was measured on a spectrum in setting K2 that SpeXTool had calibrated (orders 218 to
    248, 0.3 km/s rms); the same échelle serves Kgas. Telluric lines of four orders of GJ 699 fix the numbers
    of the orders and the pixel (x = 2046 - pixel) to within one pixel, 1.2 km/s.
    """
    u = (n_pixels - 2.0 - np.arange(float(n_pixels)) - 1024.0) / 1024.0
    v = (echelle_order - 230.0) / 20.0
    return np.polynomial.polynomial.polyval2d(u, np.full_like(u, v), _DISPERSION) / echelle_order


class PychellReader:
    """Reader of iSHELL spectra that pychell extracted; wavelengths are approximate."""

    name = "pychell"

    def recognises(self, head: FileHead) -> bool:
        """Whether iSHELL made an image (orders, traces, pixels, 3)."""
        shape = head.hdus[0].shape if head.hdus else ()
        return head.keyword("INSTRUME").startswith("ISHELL") and len(shape) == 4 and shape[-1] == 3

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of the first trace."""
        with opened(path, "an iSHELL spectrum of pychell", "an image (orders, traces, pixels, 3)") as hdus:
            values = keywords.header_values(hdus[0].header)
            flux, error, good = (numbers(hdus[0].data)[:, 0, :, k] for k in range(3))
        mode = keywords.text(values, "XDTILT")
        if mode != "Kgas" or len(flux) != KGAS_ORDERS[1] - KGAS_ORDERS[0] + 1:
            raise InputError(
                "the file has no wavelengths, and they are known approximately for another setting alone",
                path=path,
                value=f"setting {mode}, {len(flux)} orders",
                expected="setting Kgas, 29 orders",
                fix="write a table with wavelengths",
            )
        orders = list(range(KGAS_ORDERS[0], KGAS_ORDERS[1] + 1))
        return from_arrays(
            [kgas_wavelengths(m, flux.shape[1]) for m in orders],
            flux,
            error,
            good == 0,
            wavelength_unit="Angstrom",
            medium="vacuum",
            frame="observatory",
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **_observation(values, "iSHELL").arguments(
                ["read as iSHELL (pychell): flux, error and mask; approximate vacuum wavelengths"],
                [_APPROXIMATE, *(["taken through a gas cell"] if values.get("GASCELL") == "In" else [])],
            ),
        )


_APPROXIMATE = (
    "the file has no wavelengths; these are approximate, to a few km/s: no velocity can be measured"
)


def _observation(values: dict[str, Any], instrument: str | None) -> Observation:
    time, time_from = keywords.exposure_midpoint(values)
    return Observation(
        instrument=instrument,
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=IRTF,
        position=keywords.position(values, "RA", "DEC"),
        resolving_power=_resolving_power(values) if (instrument or "").upper() == "ISHELL" else None,
    )


def _resolving_power(values: dict[str, Any]) -> ResolvingPower:
    width = keywords.number(values, "SLTW_ARC") or keywords.number(values, "SLIT")
    return through_slit(30_000.0, width, 0.375, _SOURCE)
