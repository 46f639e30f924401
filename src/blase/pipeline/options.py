"""What a user may hold fixed or set free, by the names used on the command line and in `summary.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

from blase.constants import SPEED_OF_LIGHT
from blase.containers.metadata import HIGHEST_RESOLVING_POWER, LOWEST_RESOLVING_POWER
from blase.errors import InputError

GLOBALS = (
    "radial_velocity",
    "vsini",
    "resolving_power",
    "wind_velocity",
    "limb_darkening",
    "macroturbulence",
)
LINE_CLASSES = {
    f"{origin}_{short}": (origin, kind)
    for origin in ("stellar", "telluric")
    for short, kind in (
        ("centre", "centre_shift"),
        ("strength", "log_strength"),
        ("sigma", "log_sigma"),
        ("gamma", "log_gamma"),
    )
}
CORE_FLOOR = "stellar_core_floor"
"""All that is free of the floors of strong stellar lines."""
LIMITS = {
    "radial_velocity": (-SPEED_OF_LIGHT, SPEED_OF_LIGHT, "km/s, slower than light"),
    "wind_velocity": (-SPEED_OF_LIGHT, SPEED_OF_LIGHT, "km/s, slower than light"),
    "vsini": (0.0, 1000.0, "km/s, from 0 to 1000"),
    "resolving_power": (
        LOWEST_RESOLVING_POWER,
        HIGHEST_RESOLVING_POWER,
        f"lambda/FWHM from {LOWEST_RESOLVING_POWER:g} to {HIGHEST_RESOLVING_POWER:g}",
    ),
    "limb_darkening": (0.0, 1.0, "a coefficient from 0 to 1"),
    "macroturbulence": (0.0, 100.0, "km/s, from 0 to 100"),
}
"""Smallest and largest value at which a parameter may be held, and what to say of it."""
GROUPS = {
    "stellar_lines": [*(name for name in LINE_CLASSES if name.startswith("stellar")), CORE_FLOOR],
    "telluric_lines": [name for name in LINE_CLASSES if name.startswith("telluric")],
}
AIRGLOW_VELOCITY = "airglow_velocity"
"""By how much the lines of the night sky are displaced in an order."""
OF_ORDERS = ("resolving_power_orders", "continuum", AIRGLOW_VELOCITY)
"""What every order has for itself; the first is its departure from the resolving power of all."""
STELLAR_SCALES = "stellar_scales"
"""Factors on strength, sigma and gamma that all stellar lines share."""
TELLURIC_SCALES = "telluric_scales"
"""Factors on strength (of every molecule apart, where the lines' molecules are known) and gamma of the
air."""
FREEABLE = ("limb_darkening", "macroturbulence", "line_spread_shape", "telluric_sigma", STELLAR_SCALES)
"""Parameters that are fixed unless freed."""


@dataclass(frozen=True)
class Freedom:
    """Which parameters deviate from the default: `fixed` at a value (None: where it starts), `freed` ones."""

    fixed: dict[str, float | None] = field(default_factory=dict)
    freed: tuple[str, ...] = ()

    def is_free(self, name: str) -> bool:
        """Whether `name` is to be fitted."""
        return name in self.freed or (name not in self.fixed and name not in FREEABLE)


def freedom(fix: dict[str, float | None] | None, free: list[str] | None) -> Freedom:
    """Check the names a user gave and expand groups.

    Raises
    ------
    InputError
        for an unknown name, a value for a class of lines, or a name both fixed and freed.
    """
    scales = (STELLAR_SCALES, TELLURIC_SCALES)
    known = [*GLOBALS, *LINE_CLASSES, CORE_FLOOR, *GROUPS, *OF_ORDERS, "line_spread_shape", *scales]
    fixed: dict[str, float | None] = {}
    for name, value in (fix or {}).items():
        require_known(name, known)
        for member in GROUPS.get(name, [name]):
            if value is not None and member not in GLOBALS:
                raise InputError(
                    f"{name} cannot be fixed at one value",
                    value=f"{name}={value:g}",
                    expected=f"a value for one of {', '.join(GLOBALS)}",
                    fix=f"use --fix {name} to hold it where it starts",
                )
            if value is not None:
                require_within(member, value)
            fixed[member] = value
    freed = [member for name in free or [] for member in GROUPS.get(name, [name])]
    for name in freed:
        require_known(name, known)
        if name in fixed:
            raise InputError(
                "a parameter is both fixed and freed",
                value=name,
                expected="one of the two",
                fix="drop --fix or --free of it",
            )
    return Freedom(fixed, tuple(freed))


def require_within(name: str, value: float) -> None:
    """Raise `InputError` unless the parameter `name` may have this `value`."""
    low, high, expected = LIMITS[name]
    velocity = name.endswith("_velocity")
    if not (low < value < high if velocity else low <= value <= high):
        raise InputError(
            f"{name} is out of range", value=value, expected=expected, fix=f"give {name} another value"
        )


def require_known(name: str, known: list[str]) -> None:
    """Raise `InputError` unless `name` is one of the `known` parameters."""
    if name not in known:
        close = get_close_matches(name, known, n=1)
        raise InputError(
            "unknown parameter",
            value=name,
            expected=f"one of {', '.join(known)}",
            fix=f"did you mean {close[0]}?" if close else "choose one of these",
        )
