"""Errors of resampled spectra: right for means over many samples, carried along, and learned with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum, from_arrays
from blase.preprocess import as_resampled, stack

STEP = 0.01
WAVE = 6000.0 + STEP * np.arange(20_000)
PIXEL = 0.82


def resampled(seed: int) -> EchelleSpectrum:
    """Unit noise of detector pixels of 0.82 km/s, interpolated to 0.01 Angstrom as pipelines do."""
    width = PIXEL / SPEED_OF_LIGHT * 6100.0
    centres = np.arange(WAVE[0] - 1, WAVE[-1] + 1, width)
    noise = np.random.default_rng(seed).normal(size=centres.size)
    flux = 100.0 + np.interp(WAVE, centres, noise)
    return from_arrays(WAVE, flux, np.ones(WAVE.size), wavelength_unit="A", frame="barycentric")


@pytest.mark.parametrize("raised", [True, False])
def test_errors_hold_for_means_over_many_samples(raised: bool) -> None:
    pulls = []
    for seed in range(8):
        spectrum = resampled(seed)
        order = (as_resampled(spectrum, detector_pixel=PIXEL) if raised else spectrum).orders[0]
        mean = order.flux.reshape(-1, 100).mean(axis=1) - 100.0
        error = np.sqrt((order.uncertainty.reshape(-1, 100) ** 2).sum(axis=1)) / 100
        pulls.append(mean / error)
    assert np.std(pulls) == pytest.approx(1.0 if raised else 1.29, abs=0.07)  # 1600 means: 1.8 %


def test_what_is_known_is_carried_and_shown() -> None:
    done = as_resampled(resampled(0), detector_pixel=PIXEL)
    order = done.orders[0]
    length = PIXEL / (STEP / WAVE[5000:5003] * SPEED_OF_LIGHT)
    np.testing.assert_allclose(order.noise_length[5000:5003], length, rtol=1e-6)
    np.testing.assert_allclose(order.uncertainty[5000:5003], np.sqrt(length), rtol=1e-6)
    widths = np.diff(order.bounds(), axis=1).ravel() / WAVE * SPEED_OF_LIGHT
    np.testing.assert_allclose(widths, PIXEL, rtol=1e-9)
    shown = done.info()["orders"][0]
    assert shown["noise_length"] == pytest.approx(1.67, abs=0.01)
    assert shown["detector_pixel_km_s"] == PIXEL
    assert "share noise" in done.metadata.notes[-1] and "raised" in done.metadata.history[-1]
    cropped = done.crop(6050.0, 6060.0).orders[0]
    assert cropped.noise_length.size == len(cropped) and cropped.detector_pixel == PIXEL


def test_samples_as_wide_as_pixels_keep_their_errors() -> None:
    order = as_resampled(resampled(0), detector_pixel=0.3).orders[0]
    np.testing.assert_array_equal(order.noise_length, 1.0)
    np.testing.assert_array_equal(order.uncertainty, 1.0)


def test_an_unknown_detector_is_flagged() -> None:
    done = as_resampled(resampled(0), detector_pixel=None)
    assert "smaller than they should be" in done.metadata.notes[-1]
    assert done.orders[0].noise_length is None


def test_a_stack_carries_its_own_correlation_and_that_of_its_exposures() -> None:
    done = as_resampled(resampled(0), detector_pixel=PIXEL)
    shifted = replace(done, orders=tuple(replace(o, wavelength=o.wavelength + STEP / 2) for o in done.orders))
    length = stack([done, shifted]).orders[0].noise_length
    assert length is not None
    assert np.median(length) > 1.1 * np.median(done.orders[0].noise_length)
