"""The EPRV standard, level 2: one layout for HARPS, HARPS-N, ESPRESSO, NIRPS, NEID, KPF, EXPRES, MAROON-X and
CARMENES.

Images TRACEn_FLUX, _WAVE [Angstrom, vacuum, observatory frame], _VAR, _BLAZE (orders, pixels), optionally
_QUALITY (0 good); keywords TRACEn say SCI, SKY or CAL; BARYCORR_KMS holds one velocity, or one for each order
or pixel; ORDER_TABLE the échelle orders. EPRV Data Standard, eprv-data-standard.readthedocs.io, and
`rvdata/core/models/config/L2-*.csv` of github.com/EPRV-RCN/RVData.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from blase.containers.observation import Site, SkyPosition
from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import FloatArray, opened, rows_of, solved_pixels
from blase.instruments.observation import Observation

_EXPECTED = "a level-2 file of the EPRV standard: TRACE1_FLUX, TRACE1_WAVE, TRACE1_VAR"
_MOST_TRACES = 12
_SAME = 1e-6
"""Wavelengths of the sky fibre that differ by less than this, relatively, are those of the science fibre."""


class EprvReader:
    """Reader of level-2 files of the EPRV standard."""

    name = "eprv"

    def recognises(self, head: FileHead) -> bool:
        """Whether the three images of the first trace are there."""
        return set(head.images) >= {"TRACE1_FLUX", "TRACE1_WAVE", "TRACE1_VAR"}

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of all science traces, one trace after the other, with the sky where it has a trace."""
        with opened(path, "a spectrum of the EPRV standard", _EXPECTED) as hdus:
            values = keywords.header_values(hdus[0].header)
            kinds = {n: _kind(values, n) for n in range(1, _MOST_TRACES) if f"TRACE{n}_FLUX" in hdus}
            science = [n for n, kind in kinds.items() if kind.startswith("SCI")] or [1]
            columns = _joined([_trace(hdus, n) for n in science])
            columns |= _sky(hdus, [n for n, kind in kinds.items() if "SKY" in kind], columns["wavelength"])
            orders = _echelle_orders(hdus, len(columns["wavelength"]))
            velocity = _velocity(hdus)
        columns, orders, cut = solved_pixels(columns, orders)
        listed = ", ".join(map(str, science))
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame="observatory",
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **_observation(values, science[0], velocity).arguments(
                [f"read as EPRV level 2: vacuum Angstrom, observatory frame, science traces {listed}", *cut],
                ["the sky was not subtracted"] if "sky" in columns else [],
            ),
        )


def _kind(values: dict[str, Any], trace: int) -> str:
    return (keywords.text(values, f"TRACE{trace}") or "").upper()


def _trace(hdus: fits.HDUList, n: int) -> dict[str, Any]:
    with np.errstate(invalid="ignore"):
        uncertainty = np.sqrt(rows_of(hdus[f"TRACE{n}_VAR"].data))
    columns: dict[str, Any] = {
        "wavelength": rows_of(hdus[f"TRACE{n}_WAVE"].data),
        "flux": rows_of(hdus[f"TRACE{n}_FLUX"].data),
        "uncertainty": uncertainty,
    }
    if f"TRACE{n}_BLAZE" in hdus:
        columns["blaze"] = _known_blaze(rows_of(hdus[f"TRACE{n}_BLAZE"].data))
    quality = next((name for name in ("QUALITY", "QUALDATA") if f"TRACE{n}_{name}" in hdus), None)
    if quality:
        columns["mask"] = rows_of(hdus[f"TRACE{n}_{quality}"].data) != 0
    return columns


def _known_blaze(blaze: FloatArray) -> FloatArray | None:
    """The blaze, None where it is unity or nothing everywhere, as where it is not known."""
    finite = blaze[np.isfinite(blaze)]
    return None if finite.size == 0 or np.ptp(finite) == 0 else blaze


def _joined(traces: list[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in traces[0] if all(trace.get(name) is not None for trace in traces)]
    return {name: [row for trace in traces for row in trace[name]] for name in names}


def _sky(hdus: fits.HDUList, traces: list[int], science: list[FloatArray]) -> dict[str, Any]:
    """The sky of the only sky trace, interpolated where its wavelengths differ; {} where there is none."""
    if len(traces) != 1:
        return {}
    sky = _trace(hdus, traces[0])
    n = len(sky["wavelength"])
    if len(science) % n:
        return {}
    rows = [i % n for i in range(len(science))]
    return {
        "sky": [_at(science[i], sky["wavelength"][k], sky["flux"][k]) for i, k in enumerate(rows)],
        "sky_uncertainty": [
            _at(science[i], sky["wavelength"][k], sky["uncertainty"][k]) for i, k in enumerate(rows)
        ],
    }


def _at(wanted: FloatArray, given: FloatArray, values: FloatArray) -> FloatArray:
    """`values` at the wavelengths `wanted`, NaN outside those that are given."""
    if wanted.shape == given.shape and np.allclose(wanted, given, rtol=_SAME, atol=0.0, equal_nan=True):
        return values
    known = np.isfinite(given)
    if np.count_nonzero(known) < 2:
        return np.full(wanted.shape, np.nan)
    return np.interp(wanted, given[known], values[known], left=np.nan, right=np.nan)


def _echelle_orders(hdus: fits.HDUList, n: int) -> list[int | None]:
    if "ORDER_TABLE" not in hdus or hdus["ORDER_TABLE"].data is None:
        return [None] * n
    table = hdus["ORDER_TABLE"].data
    if "ECHELLE_ORDER" not in table.names or len(table) == 0 or n % len(table):
        return [None] * n
    orders: list[int | None] = [int(m) if m > 0 else None for m in table["ECHELLE_ORDER"]]
    return orders * (n // len(table))


def _velocity(hdus: fits.HDUList) -> float | None:
    if "BARYCORR_KMS" not in hdus or hdus["BARYCORR_KMS"].data is None:
        return None
    values = np.asarray(hdus["BARYCORR_KMS"].data, dtype=np.float64)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else None


def _observation(values: dict[str, Any], trace: int, velocity: float | None) -> Observation:
    time, time_from = keywords.exposure_midpoint(values)
    place = [keywords.number(values, key) for key in ("OBSLON", "OBSLAT", "OBSALT")]
    known = [value for value in place if value is not None]
    name = keywords.text(values, "TELESCOP") or keywords.text(values, "OBSERVAT") or "observatory"
    return Observation(
        instrument=_known(values, "INSTRUME"),
        target=_known(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=Site(name, *known) if len(known) == 3 else None,
        position=_position(values, trace),
        stated_velocity=velocity,
        stated_in="BARYCORR_KMS",
    )


def _known(values: dict[str, Any], key: str) -> str | None:
    """A keyword as text, None where the standard's word for not known stands there."""
    value = keywords.text(values, key)
    return None if value == "UNKNOWN" else value


def _position(values: dict[str, Any], trace: int) -> SkyPosition | None:
    return keywords.position(values, f"CRA{trace}", f"CDEC{trace}")
