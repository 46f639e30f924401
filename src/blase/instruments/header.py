"""Facts about an observation from FITS header keywords (or the metadata of an ECSV table)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.coordinates import Angle
from astropy.io import fits
from astropy.time import Time, TimeDelta

from blase.containers.observation import Site, SkyPosition

_NO_TIME = "time: unknown (no usable DATE-OBS)"
_SEXAGESIMAL = re.compile(r"^\s*[+-]?\d{1,3}[:\s]\d{1,2}[:\s]\d{1,2}(\.\d*)?\s*$")


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
    value = values.get(key, "")
    return None if isinstance(value, fits.card.Undefined) else str(value).strip() or None


def number(values: Mapping[str, Any], key: str) -> float | None:
    """A keyword as a finite number, None where absent, blank or not a number."""
    try:
        value = float(values[key])
    except (KeyError, TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def parse_time(moment: str | float | None, *, format: str | None = None) -> Time | None:
    """UTC from a date ('2014-10-24T10:47:30.9', also with '-' for the T), or a JD or MJD; None where it is
    no date of an observation.
    """
    if isinstance(moment, str):
        moment = re.sub(r"^(\d{4}-\d\d-\d\d)[- ](\d\d:)", r"\1T\2", moment.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a year that astropy doubts is no date of an observation
            return Time(moment, format=format, scale="utc")
    except (ValueError, TypeError, Warning):
        return None


def exposure_midpoint(values: Mapping[str, Any], *, fraction: float = 0.5) -> tuple[Time | None, str]:
    """Middle of the exposure (UTC) and a sentence on where it is from.

    The median over orders of HPF's flux-weighted Julian dates JD_FWn where present; else DATE-OBS plus
    `fraction` of the exposure time (EXPLNDR, the time up to the last read, EXPTIME or ITIME); else the middle
    of DATE-OBS and DATE-END; else DATE-OBS alone.
    """
    weighted = [
        value for key in values if key.startswith("JD_FW") and (value := number(values, key)) is not None
    ]
    if weighted:
        middle = parse_time(float(np.median(weighted)), format="jd")
        return middle, f"time: median of {len(weighted)} flux-weighted midpoints JD_FWn"
    start, name = _start(values)
    if start is None:
        return None, _NO_TIME
    for key in ("EXPLNDR", "EXPTIME", "ITIME"):
        if (seconds := number(values, key)) is not None:
            middle = start + TimeDelta(fraction * seconds, format="sec")
            return middle, f"time: {name} + {key} {'/ 2' if fraction == 0.5 else f'x {fraction:g}'}"
    return _middle_of_span(start, name, values)


def _start(values: Mapping[str, Any]) -> tuple[Time | None, str]:
    """Start of the exposure and the keywords it is from: a date with a time, else a date and a time apart."""
    for day, clocks in (
        ("DATE-OBS", ("UTC", "UT", "TIME-OBS")),
        ("DATE_OBS", ("TIME_OBS",)),
        ("DATE", ("TIME",)),
    ):
        date = text(values, day)
        if date is None:
            continue
        for clock in clocks if len(date) == len("2016-10-16") else ():
            if (moment := parse_time(f"{date}T{text(values, clock)}")) is not None:
                return moment, f"{day} and {clock}"
        if day != "DATE" and (moment := parse_time(date)) is not None:
            return moment, day
    return None, ""


def _middle_of_span(start: Time, name: str, values: Mapping[str, Any]) -> tuple[Time, str]:
    end = parse_time(text(values, "DATE-END"))
    if end is not None and 0 < (end - start).sec < 86_400:
        return start + 0.5 * (end - start), "time: middle of DATE-OBS and DATE-END"
    return start, f"time: {name}, taken as the middle since the exposure time is not stated"


def angle(value: Any, *, hours: bool) -> float | None:
    """Degrees from '17:57:48.49' (hours or degrees) or from a number of degrees; None for anything else."""
    if isinstance(value, str) and _SEXAGESIMAL.match(value):
        try:
            return float(Angle(value.strip(), unit="hourangle" if hours else "deg").deg)
        except ValueError:
            return None
    try:
        degrees = float(value)
    except (TypeError, ValueError):
        return None
    return degrees if np.isfinite(degrees) else None


def position(values: Mapping[str, Any], right_ascension: str, declination: str) -> SkyPosition | None:
    """The position in two keywords, sexagesimal (hours, degrees) or both in degrees, J2000; None where
    absent.
    """
    alpha = angle(values.get(right_ascension), hours=True)
    delta = angle(values.get(declination), hours=False)
    if alpha is None or delta is None or not (0 <= alpha < 360 and abs(delta) <= 90):
        return None
    return SkyPosition(alpha, delta)


def queue_position(values: Mapping[str, Any]) -> SkyPosition | None:
    """The target as HET's queue has it: QRA, QDEC at J2000 and QPMRA, QPMDEC [mas/yr], None where absent.

    QPMRA is taken to hold mu_alpha*, with cos(delta), as catalogues do. For GJ 699 QPMRA = -798.6 is nearer
    to mu_alpha* of its target file, -802.8, than to the coordinate rate, -805.5; at declination +41 (LHS
    3154) the choice moves the barycentric velocity by up to 0.5 m/s.
    """
    place = position(values, "QRA", "QDEC")
    if place is None or number(values, "QEQUINOX") != 2000.0 or number(values, "QEPOCH") != 2000.0:
        return None
    motion = number(values, "QPMRA") or 0.0, number(values, "QPMDEC") or 0.0
    return SkyPosition(place.right_ascension, place.declination, *motion)


def eso_position(values: Mapping[str, Any]) -> SkyPosition | None:
    """The target of ESO's telescopes: TEL TARG ALPHA (hhmmss.s), DELTA (ddmmss.s), PMA, PMD [arcsec/yr], else
    RA and DEC [degree].

    PMA is mu_alpha*, with cos(delta): for alpha Cen B it is -3.60, where the coordinate rate is -7.4.
    """
    alpha = _packed(number(values, "ESO TEL TARG ALPHA"))
    delta = _packed(number(values, "ESO TEL TARG DELTA"))
    if alpha is None or delta is None or number(values, "ESO TEL TARG EQUINOX") != 2000.0:
        return position(values, "RA", "DEC")
    motion = [1e3 * (number(values, f"ESO TEL TARG {key}") or 0.0) for key in ("PMA", "PMD")]
    return SkyPosition(15.0 * alpha, delta, *motion)


def _packed(value: float | None) -> float | None:
    """Hours or degrees of a number that reads (-)hhmmss.sss."""
    if value is None:
        return None
    whole, seconds = divmod(abs(value), 100.0)
    units, minutes = divmod(whole, 100.0)
    return float(np.copysign(units + minutes / 60.0 + seconds / 3600.0, value))


def eso_site(values: Mapping[str, Any], name: str) -> Site | None:
    """The site in TEL GEOLON, GEOLAT, GEOELEV of ESO headers (or those of the TNG); None where absent."""
    for prefix in ("ESO TEL", "TNG TEL"):
        numbers = [number(values, f"{prefix} {key}") for key in ("GEOLON", "GEOLAT", "GEOELEV")]
        if None not in numbers:
            return Site(name, *(float(value or 0.0) for value in numbers))
    return None


def stated_barycentric_velocity(values: Mapping[str, Any]) -> float | None:
    """The keyword BRVCORR [m/s] of HPF products, in km/s; None where absent."""
    value = number(values, "BRVCORR")
    return None if value is None else value / 1e3
