"""Facts about an observation from FITS header keywords (or the metadata of an ECSV table)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.coordinates import Angle
from astropy.io import fits
from astropy.time import Time, TimeDelta

from blase.instruments.barycentre import SkyPosition
from blase.instruments.defaults import default_resolving_power


def header_values(*headers: fits.Header | Mapping[str, Any]) -> dict[str, Any]:
    """Keyword (upper case) to value; later headers win, values that FITS cannot parse are left out."""
    values: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for header in headers:
            for key in header:
                try:
                    values[str(key).upper()] = header[key]
                except (fits.VerifyError, ValueError):
                    continue
    return values


def text(values: Mapping[str, Any], key: str) -> str | None:
    """A keyword as text, None where absent or blank."""
    return str(values.get(key, "")).strip() or None


def number(values: Mapping[str, Any], key: str) -> float | None:
    """A keyword as a finite number, None where absent, blank or not a number."""
    try:
        value = float(values[key])
    except (KeyError, TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def exposure_midpoint(values: Mapping[str, Any]) -> tuple[Time | None, str]:
    """Middle of the exposure (UTC) and a sentence on where it is from.

    The median over orders of HPF's flux-weighted Julian dates JD_FWn where present; else DATE-OBS plus half
    of the exposure time (EXPLNDR, the time up to the last read, or EXPTIME); else DATE-OBS alone.
    """
    weighted = [
        value for key in values if key.startswith("JD_FW") and (value := number(values, key)) is not None
    ]
    if weighted:
        middle = Time(float(np.median(weighted)), format="jd", scale="utc")
        return middle, f"time: median of {len(weighted)} flux-weighted midpoints JD_FWn"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a year that astropy doubts is no date of an observation
            start = Time(text(values, "DATE-OBS"), scale="utc")
    except (ValueError, TypeError, Warning):
        return None, "time: unknown (no usable DATE-OBS)"
    for key in ("EXPLNDR", "EXPTIME"):
        seconds = number(values, key)
        if seconds is not None:
            return start + TimeDelta(seconds / 2.0, format="sec"), f"time: DATE-OBS + {key} / 2"
    return start, "time: DATE-OBS, taken as the middle since the exposure time is not stated"


def queue_position(values: Mapping[str, Any]) -> SkyPosition | None:
    """The target as HET's queue has it: QRA, QDEC at J2000 and QPMRA, QPMDEC [mas/yr], None where absent.

    QPMRA is taken to hold mu_alpha*, with cos(delta), as catalogues do. For GJ 699 QPMRA = -798.6 is nearer
    to mu_alpha* of its target file, -802.8, than to the coordinate rate, -805.5; at declination +41 (LHS
    3154) the choice moves the barycentric velocity by up to 0.5 m/s.
    """
    try:
        right_ascension = Angle(text(values, "QRA"), unit="hourangle").deg
        declination = Angle(text(values, "QDEC"), unit="deg").deg
    except (ValueError, TypeError):
        return None
    if number(values, "QEQUINOX") != 2000.0 or number(values, "QEPOCH") != 2000.0:
        return None
    return SkyPosition(
        float(right_ascension),
        float(declination),
        number(values, "QPMRA") or 0.0,
        number(values, "QPMDEC") or 0.0,
    )


def stated_barycentric_velocity(values: Mapping[str, Any]) -> float | None:
    """The keyword BRVCORR [m/s] of HPF products, in km/s; None where absent."""
    value = number(values, "BRVCORR")
    return None if value is None else value / 1e3


def common_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Target, instrument, time and the instrument's default resolving power, as fields of `Metadata`."""
    instrument = text(values, "INSTRUME")
    quoted = default_resolving_power(instrument)
    return {
        "target": text(values, "OBJECT"),
        "instrument": instrument,
        "time": exposure_midpoint(values)[0],
        "resolving_power": quoted and quoted.value,
        "resolving_power_error": quoted and quoted.error,
        "resolving_power_source": quoted and quoted.source,
    }
