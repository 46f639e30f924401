"""Velocity of the observatory towards the star, for the barycentric correction, without network.

The barycentric velocity BERV [km/s] is that of (1 + v_bary/c) = (1 + v_obs/c)(1 + BERV/c): what astropy's
`SkyCoord.radial_velocity_correction(kind="barycentric")` returns, after Wright & Eastman 2014, PASP 126, 838
(doi:10.1086/678541), with astropy's built-in ephemeris (the Earth's velocity to about 1 cm/s). The star's
distance and radial motion are left out (below 1 m/s even for Barnard's star over two decades).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

HET_GEODETIC = (-(104 + 0 / 60 + 53.0 / 3600), 30 + 40 / 60 + 53.2 / 3600, 2026.0)
"""Hobby-Eberly Telescope, WGS84: east longitude and latitude [degree], height [m].

W 104 00 53.0, N 30 40 53.2, 2026 m, as published on the telescope's own overview page (hydra.as.utexas.edu).
The height is above the geoid, some 25 m from that above the ellipsoid: 2 mm/s in velocity.
"""


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

    def at(self, time: Time) -> SkyCoord:
        """The position at `time`, moved linearly in the tangent plane."""
        years = (time.tt.jd - 2_451_545.0) / 365.25
        step = years / 3.6e6  # mas to degree
        shift = self.motion_right_ascension * step / np.cos(np.radians(self.declination))
        return SkyCoord(
            (self.right_ascension + shift) * u.deg,
            (self.declination + self.motion_declination * step) * u.deg,
        )


def barycentric_velocity(
    position: SkyPosition, time: Time, geodetic: tuple[float, float, float] = HET_GEODETIC
) -> float:
    """BERV [km/s] of a star seen at `time` from `geodetic` (east longitude, latitude [degree], height [m]).

    The Earth's orientation comes from the tables installed with astropy; beyond their end the last values
    hold, which costs less than 1 mm/s.
    """
    longitude, latitude, height = geodetic
    site = EarthLocation.from_geodetic(longitude * u.deg, latitude * u.deg, height * u.m)
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        coordinates = position.at(time)
        correction = coordinates.radial_velocity_correction("barycentric", obstime=time, location=site)
    return float(correction.to_value(u.km / u.s))
