"""CRIRES+ as the pipeline cr2res extracts it, and CRIRES before its upgrade.

cr2res: tables CHIPn.INT1 with columns OO_TT_SPEC, OO_TT_ERR, OO_TT_WL (order, trace; nm, vacuum); the échelle
orders are in the keywords ESO QC REALORDERn (CRIRES Pipeline User Manual, ESO-387000, "Product formats").
viper (github.com/mzechmeister/viper) writes templates in this layout, with the traces that it made in
Angstrom and all others as ones without errors.

Before: tables of one chip each with columns Wavelength [nm, vacuum] and Extracted_OPT (or _RECT, _DRACS), and
Error_OPT in ESO's own products (CRIRES Pipeline User Manual, VLT-MAN-ESO-19500-4406, section 9).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.defaults import ResolvingPower, through_slit
from blase.instruments.fits_arrays import numbers, opened, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import PARANAL

_SPECTRUM = re.compile(r"(?P<order>\d\d)_(?P<trace>\d\d)_SPEC")
_FLUX_BEFORE = ("Extracted_OPT", "Extracted_RECT", "Extracted_DRACS")
_SLIT = "ESO INS SLIT1 WID"
_MASKED = "16 pixels at either end of every chip masked: the extraction runs off the slit there"
_SHARPEST = 140_000.0
"""Resolving power where the star is narrower than half the slit."""
_SHARP_STAR = 0.2
"""Relative error of a resolving power behind a slit that a star of adaptive optics need not fill."""
_LONGEST_NM = 6000.0
"""CRIRES sees 950 to 5400 nm: larger numbers are Angstrom."""
_CHIP, _EDGE = 2048, 16
"""Pixels of a chip, and how many at either end are masked: there the extraction runs off the tilted slit, and
in all traces of a real file flux jumps by factors up to three within 13 pixels of an end.
"""


class CriresPlusReader:
    """Reader of `cr2res_*_extracted*.fits`: rows by order, trace and chip, in the order of the file."""

    name = "crires+"

    def recognises(self, head: FileHead) -> bool:
        """Whether some table has the columns of an extracted trace."""
        return any(_SPECTRUM.fullmatch(column) for hdu in head.hdus for column in hdu.columns)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All traces of all chips."""
        with opened(path, "a spectrum extracted by cr2res", "tables with OO_TT_SPEC, _ERR, _WL") as hdus:
            values = keywords.header_values(hdus[0].header, hdus[1].header)
            columns, labels, orders = _traces(hdus)
        if options.wavelength_unit is None:
            frame, units = _one_unit(columns["wavelength"], labels)
        else:
            frame, units = "observatory", []
        columns, orders, cut = solved_pixels(columns, orders)
        rows = f"row 0 is {labels[0]}, row {len(labels) - 1} is {labels[-1]}"
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "nm",
            medium=options.medium or "vacuum",
            frame=frame,
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **_observation(values, _plus_resolving_power(values)).arguments(
                [f"read as CRIRES+ (cr2res): vacuum nm, {frame} frame; {rows}", *units, *cut, _MASKED],
                ["the blaze and the telluric lines are in the flux", *_nodded(values)],
            ),
        )


def _traces(hdus: fits.HDUList) -> tuple[dict[str, Any], list[str], list[int | None]]:
    """Columns, labels and échelle orders of all traces, sorted by order, trace and chip."""
    found = []
    for chip, hdu in enumerate(hdus[1:], 1):
        for match in filter(None, map(_SPECTRUM.fullmatch, hdu.columns.names)):
            order, trace = match["order"], match["trace"]
            real = keywords.number(hdu.header, f"ESO QC REALORDER{int(order)}")
            label = f"order {order}, trace {trace}, chip {chip}"
            arrays = [numbers(hdu.data[f"{order}_{trace}_{kind}"]) for kind in ("WL", "SPEC", "ERR")]
            found.append((order, trace, chip, label, None if real is None else int(real), arrays))
    found.sort(key=lambda item: item[:3])
    if not found:
        raise KeyError("no table with columns OO_TT_SPEC")
    names = ("wavelength", "flux", "uncertainty")
    columns: dict[str, Any] = {name: [item[5][k] for item in found] for k, name in enumerate(names)}
    columns["mask"] = [_ends(len(wave)) for wave in columns["wavelength"]]
    return columns, [item[3] for item in found], [item[4] for item in found]


def _one_unit(waves: list[NDArray[np.float64]], labels: list[str]) -> tuple[str, list[str]]:
    """The frame, and the history of traces in Angstrom, whose wavelengths (n,) are turned into nm in place.

    Such traces are viper's, which moves its templates to a frame that the file does not state.
    """
    angstrom = [i for i, wave in enumerate(waves) if np.any(wave > _LONGEST_NM)]
    for i in angstrom:
        waves[i] = waves[i] / 10.0
    if not angstrom:
        return "observatory", []
    listed = "; ".join(labels[i] for i in angstrom)
    count = f"{len(angstrom)} of {len(waves)}"
    return "unknown", [f"{count} traces were in Angstrom, as viper writes them: {listed}"]


def _ends(n: int) -> NDArray[np.bool_]:
    """True for the pixels at either end of a whole chip."""
    i = np.arange(n)
    return (n == _CHIP) & ((i < _EDGE) | (i >= n - _EDGE))


def _nodded(values: dict[str, Any]) -> list[str]:
    n = keywords.number(values, "ESO TPL NEXP")
    if "NODDING" not in (keywords.text(values, "ESO PRO TECH") or "") or n is None:
        return []
    return [f"nodded exposures combined ({n:g} in the template): the time is the middle of the first"]


class CriresReader:
    """Reader of extracted spectra of CRIRES before 2014, one row for each chip in the file."""

    name = "crires"

    def recognises(self, head: FileHead) -> bool:
        """Whether some table has Wavelength and a flux as the old pipeline names them."""
        return any(_flux_column(hdu.columns) for hdu in head.hdus)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """The chips of the file."""
        expected = f"tables with Wavelength and {' or '.join(_FLUX_BEFORE)}"
        with opened(path, "a spectrum extracted from CRIRES", expected) as hdus:
            values = keywords.header_values(hdus[0].header)
            tables = [
                hdu.data
                for hdu in hdus
                if isinstance(hdu, fits.BinTableHDU) and _flux_column(hdu.columns.names)
            ]
            columns = _chips(tables)
        columns, _, cut = solved_pixels(columns)
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "nm",
            medium=options.medium or "vacuum",
            frame="observatory",
            path=str(path),
            flux_unit="",
            **_observation(values, _resolving_power(values)).arguments(
                ["read as CRIRES before its upgrade: vacuum nm, observatory frame", *cut],
                ["telluric lines are in the flux"],
            ),
        )


def _flux_column(names: Any) -> str | None:
    return next((name for name in _FLUX_BEFORE if "Wavelength" in names and name in names), None)


def _chips(tables: list[Any]) -> dict[str, Any]:
    flux = [_flux_column(table.names) or "" for table in tables]
    errors = [name.replace("Extracted", "Error") for name in flux]
    known = all(error in table.names for error, table in zip(errors, tables, strict=True))
    return {
        "wavelength": [numbers(table["Wavelength"]) for table in tables],
        "flux": [numbers(table[name]) for table, name in zip(tables, flux, strict=True)],
        "uncertainty": [numbers(t[name]) for t, name in zip(tables, errors, strict=True)] if known else None,
    }


def _observation(values: dict[str, Any], resolving_power: Any) -> Observation:
    seconds = (keywords.number(values, "ESO DET SEQ1 DIT") or 0) * (
        keywords.number(values, "ESO DET NDIT") or 0
    )
    time, time_from = keywords.exposure_midpoint({"EXPTIME": seconds, **values} if seconds else values)
    return Observation(
        instrument="CRIRES",
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=keywords.eso_site(values, "Paranal Observatory") or PARANAL,
        position=keywords.eso_position(values),
        resolving_power=resolving_power,
    )


def _plus_resolving_power(values: dict[str, Any]) -> Any:
    """100,000 behind 0.2 arcsec, and more where adaptive optics made the star narrower than the slit.

    A star of 0.06 arcsec behind 0.2 leaves the detector as the limit: two of its pixels, 1.8 km/s.
    """
    image = keywords.number(values, "ESO AOS RTC OBS FWHMMEAN")  # milliarcsec
    slit = keywords.number(values, _SLIT) or 0.2
    closed = (keywords.text(values, "ESO AOS RTC LOOP STATE") or "").upper() == "CLOSED"
    if closed and image is not None and 0.0 < image < 500.0 * slit:
        behind = f'a star of {image / 1000:.2g}" behind a slit of {slit:g}"'
        between = "between the 100,000 of the slit and the 165,000 of two pixels"
        source = f"CRIRES+, {behind}: {_SHARPEST:,.0f} +- 25%, {between}"
        return ResolvingPower(_SHARPEST, 0.25 * _SHARPEST, source)
    return through_slit(
        20_000.0,
        keywords.number(values, _SLIT),
        0.2,
        "CRIRES+ default (Holmberg & Madhusudhan 2022, AJ 164, 79)",
        relative_error=_SHARP_STAR,
    )


def _resolving_power(values: dict[str, Any]) -> Any:
    return through_slit(
        20_000.0,
        keywords.number(values, _SLIT),
        0.2,
        'CRIRES default, 100,000 behind 0.2" (CRIRES User Manual, VLT-MAN-ESO-14500-3486, '
        "manualzilla.com/doc/5741869; Kaeufl et al. 2004, Proc. SPIE 5492, 1218)",
    )
