"""Where a telescope stands and where it looked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """An observatory, WGS84.

    Parameters
    ----------
    longitude, latitude : east longitude and latitude [degree].
    height : above the ellipsoid [m]; that above the sea will do (2 mm/s in velocity for 25 m).
    """

    name: str
    longitude: float
    latitude: float
    height: float

    def __str__(self) -> str:
        return f"{self.name} ({self.longitude:.4f}, {self.latitude:.4f} deg, {self.height:.0f} m)"


@dataclass(frozen=True)
class SkyPosition:
    """Position of a star at J2000 and its proper motion.

    Parameters
    ----------
    right_ascension, declination : ICRS at epoch 2000.0 [degree].
    motion_right_ascension : mu_alpha* = d(alpha)/dt cos(delta) [mas/yr], the cosine included.
    motion_declination : [mas/yr].
    """

    right_ascension: float
    declination: float
    motion_right_ascension: float = 0.0
    motion_declination: float = 0.0

    def __str__(self) -> str:
        return f"{self.right_ascension:.5f} {self.declination:+.5f} deg (J2000)"
