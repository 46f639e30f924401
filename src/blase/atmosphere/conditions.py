"""What an observer knows of the air: where the telescope stands, the weather and the direction."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from blase.errors import InputError

_RANGES = {
    "altitude": (-500.0, 20_000.0, "m above sea level"),
    "temperature": (180.0, 330.0, "K"),
    "pressure": (50.0, 1100.0, "hPa"),
    "humidity": (0.0, 100.0, "per cent"),
    "water": (0.0, 100.0, "mm of precipitable water"),
    "airmass": (1.0, 10.0, "secant of the zenith angle"),
}
_FLAGS = {"water": "--pwv"}


@dataclass(frozen=True)
class Conditions:
    """Conditions of one exposure; None stands for what the profile says at this altitude.

    Parameters
    ----------
    altitude : of the telescope above sea level [m].
    temperature : of the air at the telescope [K].
    pressure : at the telescope [hPa].
    humidity : relative, over liquid water, at the telescope [per cent]; it scales all the water above.
    water : precipitable water above the telescope, at the zenith [mm]; instead of `humidity`.
    airmass : secant of the zenith angle, without refraction.

    Raises `InputError` on values that no place on Earth has, and where both humidity and water are given.
    """

    altitude: float
    temperature: float | None = None
    pressure: float | None = None
    humidity: float | None = None
    water: float | None = None
    airmass: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, (low, high, unit) = getattr(self, field.name), _RANGES[field.name]
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                flag = _FLAGS.get(field.name, f"--{field.name}")
                raise InputError(
                    f"the {field.name} is not possible",
                    value=value,
                    expected=f"{low:g} to {high:g}, {unit}",
                    fix=f"check {flag} and its unit",
                )
        if self.humidity is not None and self.water is not None:
            raise InputError(
                "both the relative humidity and the column of water are given",
                value=f"{self.humidity:g} per cent and {self.water:g} mm",
                expected="one of the two",
                fix="give --humidity or --pwv, not both",
            )
