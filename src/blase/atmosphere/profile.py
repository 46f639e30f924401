"""An atmosphere by altitude: pressure, temperature and what the air is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blase.errors import InputError

FloatArray = NDArray[np.float64]

_FIX = "check the columns and units of the profile, or leave --profile away to take the standard atmosphere"


@dataclass(frozen=True, eq=False)
class Profile:
    """Levels (n,) from the ground up.

    Attributes
    ----------
    name : what it is, for messages.
    altitude : above sea level, increasing [km].
    pressure : positive, decreasing [hPa].
    temperature : [K].
    mixing_ratio : molecule to fraction by volume (n,): of water in all of the air, of every other gas in the
        dry air.

    Raises `InputError` on levels that are not so.
    """

    name: str
    altitude: FloatArray
    pressure: FloatArray
    temperature: FloatArray
    mixing_ratio: dict[str, FloatArray]

    def __post_init__(self) -> None:
        columns = {"pressure": self.pressure, "temperature": self.temperature, **self.mixing_ratio}
        for name, values in columns.items():
            if values.shape != self.altitude.shape or self.altitude.size < 2 or not np.isfinite(values).all():
                raise self._wrong(
                    f"the {name} of the profile is not a finite number on every level", values.shape
                )
        if not np.all(np.diff(self.altitude) > 0):
            raise self._wrong("the altitudes of the profile do not increase", self.altitude[:4])
        if not (np.all(self.pressure > 0) and np.all(np.diff(self.pressure) < 0)):
            raise self._wrong("the pressures of the profile do not decrease", self.pressure[:4])
        if not np.all((self.temperature > 100) & (self.temperature < 1500)):
            raise self._wrong("the temperatures of the profile are not those of air", self.temperature.min())
        if any((values < 0).any() or (values > 1).any() for values in self.mixing_ratio.values()):
            raise self._wrong("a mixing ratio of the profile is no fraction", "below 0 or above 1")

    def _wrong(self, problem: str, value: object) -> InputError:
        return InputError(
            problem,
            path=self.name,
            value=value,
            expected="levels from the ground up: km, hPa, K, and fractions by volume",
            fix=_FIX,
        )
