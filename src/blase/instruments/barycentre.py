"""Velocity of the observatory towards the star, for the barycentric correction, without network.

The barycentric velocity BERV [km/s] is that of (1 + v_bary/c) = (1 + v_obs/c)(1 + BERV/c): what astropy's
`SkyCoord.radial_velocity_correction(kind="barycentric")` returns, after Wright & Eastman 2014, PASP 126, 838
(doi:10.1086/678541), with astropy's built-in ephemeris (the Earth's velocity to about 1 cm/s). The star's
distance and radial motion are left out (below 1 m/s even for Barnard's star over two decades).
"""

from __future__ import annotations

import warnings

import numpy as np
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from blase.containers.observation import Site, SkyPosition


def position_at(position: SkyPosition, time: Time) -> SkyCoord:
    """The position of a star at `time`, moved linearly in the tangent plane."""
    years = (time.tt.jd - 2_451_545.0) / 365.25
    step = years / 3.6e6  # mas to degree
    shift = position.motion_right_ascension * step / np.cos(np.radians(position.declination))
    return SkyCoord(
        (position.right_ascension + shift) * u.deg,
        (position.declination + position.motion_declination * step) * u.deg,
    )


def barycentric_velocity(position: SkyPosition, time: Time, site: Site) -> float:
    """BERV [km/s] of a star seen at `time` from `site`.

    The Earth's orientation comes from the tables installed with astropy; beyond their end the last values
    hold, which costs less than 1 mm/s.
    """
    location = EarthLocation.from_geodetic(site.longitude * u.deg, site.latitude * u.deg, site.height * u.m)
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        coordinates = position_at(position, time)
        correction = coordinates.radial_velocity_correction("barycentric", obstime=time, location=location)
    return float(correction.to_value(u.km / u.s))
