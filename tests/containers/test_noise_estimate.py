"""Noise from the flux alone."""

from __future__ import annotations

import numpy as np

from blase.containers.noise import der_snr_noise


def test_recovers_white_noise_on_a_slope():
    flux = np.linspace(1.0, 3.0, 20_000) + np.random.default_rng(1).normal(0.0, 0.01, 20_000)
    np.testing.assert_allclose(der_snr_noise(flux), 0.01, rtol=0.03)


def test_a_few_outliers_and_nans_change_little():
    rng = np.random.default_rng(2)
    flux = 1.0 + rng.normal(0.0, 0.01, 20_000)
    flux[rng.integers(0, 20_000, 200)] = 50.0
    flux[:100] = np.nan
    np.testing.assert_allclose(der_snr_noise(flux), 0.01, rtol=0.08)


def test_too_few_pixels_give_nan():
    assert np.isnan(der_snr_noise(np.array([1.0, np.nan, 1.0, 1.0, 1.0])))
