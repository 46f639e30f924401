"""The residual behind an instrument, against scipy's Gaussian filter."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter1d

from blase.cloning.residual import blurred_residual, rms
from blase.templates.template import Template


def noise(n: int, seed: int) -> np.ndarray:
    """Residuals correlated over a few samples, as those of a real clone."""
    return gaussian_filter1d(np.random.default_rng(seed).standard_normal(n), 2.0) * 1e-3


def template(wavelength: np.ndarray) -> Template:
    return Template("t", wavelength, np.ones(wavelength.size), np.ones(wavelength.size))


@pytest.mark.parametrize("resolving_power", [20_000.0, 55_000.0, 120_000.0])
def test_against_an_independent_filter(resolving_power: float) -> None:
    sampling, n = 500_000.0, 3000
    wavelength = 8650.0 * np.exp(np.arange(n) / sampling)
    residual = noise(n, 1)
    samples = sampling / resolving_power / np.sqrt(8 * np.log(2))
    wanted = gaussian_filter1d(residual, samples, mode="nearest", truncate=8.0)
    found = blurred_residual(template(wavelength), residual, resolving_power)
    assert_allclose(found, wanted, atol=0.01 * rms(wanted))


def test_segments_do_not_mix() -> None:
    one = np.linspace(8600.0, 8620.0, 1500)
    wavelength = np.concatenate([one, one + 200])
    residual = np.concatenate([np.full(1500, 1e-3), np.full(1500, -2e-3)])
    assert_allclose(blurred_residual(template(wavelength), residual, 20_000.0), residual, rtol=1e-6)


def test_rms_is_not_the_standard_deviation() -> None:
    assert rms(np.array([3.0, 3.0, 3.0])) == pytest.approx(3.0)
    assert rms(np.array([1.0, -7.0])) == pytest.approx(5.0)
