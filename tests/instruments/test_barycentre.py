"""Barycentric velocity against values that other software wrote into file headers, and simple geometry."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import Angle
from astropy.io import fits
from astropy.time import Time
from astropy.utils import iers

from blase.containers.observation import SkyPosition
from blase.instruments.barycentre import barycentric_velocity, position_at
from blase.instruments.sites import HET


def position(right_ascension, declination, *motion):
    return SkyPosition(Angle(right_ascension, "hourangle").deg, Angle(declination, "deg").deg, *motion)


def test_agrees_with_the_header_of_wasp_69():
    """BRVCORR = -27523.677 m/s was written by HPF's own pipeline (barycorrpy); DATE-OBS + 266.25 s / 2."""
    star = position("21:00:06.19", "-05:05:40.04", 33.676, -93.436)
    time = Time("2019-10-19T01:55:34.940558")
    assert abs(barycentric_velocity(star, time, HET) * 1e3 + 27_523.677) < 1.0


def test_agrees_with_the_header_of_hr_4829():
    """BRVCORR = -21911.109 m/s in a Goldilocks file of an A0V star; DATE-OBS + 117.15 s / 2."""
    time = Time("2021-05-17T05:45:31.692963")
    assert (
        abs(barycentric_velocity(position("12:41:57.00", "+06:48:24.00"), time, HET) * 1e3 + 21_911.109) < 1.0
    )


def test_headers_still_hold_those_values(shared_data):
    folder = shared_data / "observed" / "HPF"
    goldilocks = folder / "goldilocks" / "Goldilocks_20210517T054403_v1.0_0060.spectra.fits"
    assert fits.getval(folder / "WASP_69_hpf_stack.fits", "BRVCORR", 1) == pytest.approx(
        -27_523.677, abs=1e-3
    )
    assert fits.getval(goldilocks, "BRVCORR") == pytest.approx(-21_911.109, abs=1e-3)


def test_opposite_directions_have_opposite_velocities():
    """To first order; the rest is the square of v/c, 3 m/s at 30 km/s, and the Sun's potential."""
    time = Time("2020-06-01T00:00:00")
    there, back = (
        barycentric_velocity(SkyPosition(ra, sign * 10.0), time, HET)
        for ra, sign in ((340.0, 1), (160.0, -1))
    )
    assert abs(there) > 20.0 and abs(there + back) < 0.01


def test_proper_motion_moves_the_star_by_mu_times_time():
    """mu_alpha* = 10 arcsec/yr over 20 years at declination 60 is 200 arcsec on the sky, 400 in alpha."""
    time = Time(2_451_545.0 + 20 * 365.25, format="jd", scale="tt")
    moved = position_at(SkyPosition(100.0, 60.0, 10_000.0, -10_000.0), time)
    np.testing.assert_allclose((moved.ra.deg - 100.0) * 3600, 400.0, rtol=1e-9)
    np.testing.assert_allclose((moved.dec.deg - 60.0) * 3600, -200.0, rtol=1e-9)


def test_works_offline_beyond_the_earth_orientation_tables_and_leaves_settings_alone():
    before = iers.conf.auto_download, iers.conf.auto_max_age, iers.conf.iers_degraded_accuracy
    for date in ("2026-10-01T00:00:00", "2045-01-01T00:00:00"):
        assert abs(barycentric_velocity(SkyPosition(10.0, 20.0), Time(date, scale="tt"), HET)) < 31.0
    assert (iers.conf.auto_download, iers.conf.auto_max_age, iers.conf.iers_degraded_accuracy) == before
