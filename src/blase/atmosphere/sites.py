"""Altitude of an observatory by its name: a few dozen are built in, all others are asked of astropy."""

from __future__ import annotations

import re

from blase.errors import InputError

_ALTITUDES = {
    "apache point": 2798,
    "apo": 2798,
    "calar alto": 2168,
    "cerro pachon": 2722,
    "cerro paranal": 2635,
    "gemini north": 4213,
    "gemini south": 2722,
    "haute provence": 650,
    "het": 2026,
    "keck": 4145,
    "kitt peak": 2096,
    "la palma": 2396,
    "la silla": 2400,
    "las campanas": 2380,
    "lbt": 3191,
    "mauna kea": 4205,
    "mcdonald": 2070,
    "mount graham": 3191,
    "mount hopkins": 2344,
    "mount wilson": 1742,
    "palomar": 1706,
    "paranal": 2635,
    "pic du midi": 2877,
    "roque de los muchachos": 2396,
    "siding spring": 1165,
    "south pole": 2835,
    "subaru": 4139,
    "tautenburg": 341,
    "vlt": 2635,
    "whipple": 2344,
}
"""Of telescopes and mountains, as their observatories state them [m above sea level]."""


def site_altitude(name: str) -> float:
    """Altitude [m] of an observatory, in any spelling; of those not built in, from astropy's register.

    Raises
    ------
    InputError : where the name is unknown, or astropy's register cannot be fetched.
    """
    plain = re.sub(r"[^a-z0-9]+", " ", name.lower()).removesuffix(" observatory").strip()
    if plain in _ALTITUDES:
        return float(_ALTITUDES[plain])
    from astropy.coordinates import EarthLocation
    from astropy.coordinates.errors import UnknownSiteException

    try:
        return float(EarthLocation.of_site(name).height.to_value("m"))
    except (UnknownSiteException, OSError) as error:
        raise InputError(
            "the site is not known",
            value=name,
            expected=f"one of {', '.join(sorted(_ALTITUDES))}, or a name that astropy knows (with a network)",
            fix="give its altitude instead: --altitude METRES",
        ) from error
