"""Errors of resampled spectra: right for means over many samples, carried along, and learned with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum, from_arrays
from blase.preprocess import as_resampled, stack
from blase.preprocess.noise_length import measured_noise_length

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
    ratio = PIXEL / (STEP / WAVE[5000:5003] * SPEED_OF_LIGHT)
    np.testing.assert_allclose(order.noise_length[5000:5003], 1.5 * ratio, rtol=1e-6)
    np.testing.assert_allclose(order.uncertainty[5000:5003], np.sqrt(ratio), rtol=1e-6)
    widths = np.diff(order.bounds(), axis=1).ravel() / WAVE * SPEED_OF_LIGHT
    np.testing.assert_allclose(widths, PIXEL, rtol=1e-9)
    shown = done.info()["orders"][0]
    assert shown["noise_length"] == pytest.approx(2.51, abs=0.01)
    assert shown["detector_pixel_km_s"] == PIXEL
    assert "share noise" in done.metadata.notes[-1] and "raised" in done.metadata.history[-1]
    cropped = done.crop(6050.0, 6060.0).orders[0]
    assert cropped.noise_length.size == len(cropped) and cropped.detector_pixel == PIXEL


def test_samples_as_wide_as_pixels_keep_their_errors() -> None:
    order = as_resampled(resampled(0), detector_pixel=0.3).orders[0]
    np.testing.assert_array_equal(order.noise_length, 1.0)
    np.testing.assert_array_equal(order.uncertainty, 1.0)


def test_scatter_of_single_samples_gives_the_errors_back() -> None:
    """As a fit learns it: mean squared residual of single samples, times the noise length, is the error."""
    done = [as_resampled(resampled(seed), detector_pixel=PIXEL).orders[0] for seed in range(4)]
    learned = np.mean([(o.flux - 100.0) ** 2 * o.noise_length / o.uncertainty**2 for o in done])
    assert learned == pytest.approx(1.0, abs=0.03)  # 48,000 pixels


def test_an_unknown_detector_without_resolving_power_is_flagged() -> None:
    done = as_resampled(resampled(0), detector_pixel=None)
    assert "smaller than they should be" in done.metadata.notes[-1]
    assert done.orders[0].noise_length is None


def starlike(noise: np.ndarray) -> EchelleSpectrum:
    """A thousand lines of the line-spread function's width (R = 60,000), and noise on top."""
    rng = np.random.default_rng(1)
    sigma = 6100.0 / 60_000 / 2.3548
    flux = np.full(WAVE.size, 100.0)
    for centre, depth in zip(rng.uniform(WAVE[0], WAVE[-1], 1000), rng.uniform(0, 30, 1000), strict=True):
        flux -= depth * np.exp(-0.5 * ((WAVE - centre) / sigma) ** 2)
    spectrum = from_arrays(WAVE, flux + noise, np.ones(WAVE.size), wavelength_unit="A", frame="barycentric")
    return spectrum.with_metadata(resolving_power=60_000.0)


def sharply_filtered(noise: np.ndarray) -> np.ndarray:
    """Nothing above 0.35 of 0.5 cycles a sample is left: 1 / 0.7 samples share noise."""
    transform = np.fft.rfft(noise)
    transform[np.fft.rfftfreq(noise.size) > 0.35] *= 0.1
    return np.fft.irfft(transform, noise.size)


def linearly_interpolated(noise: np.ndarray) -> np.ndarray:
    width = 1.67 * STEP
    return np.interp(WAVE, WAVE[0] + width * np.arange(WAVE.size), noise)


@pytest.mark.parametrize(
    ("pipeline", "length"),
    [(lambda noise: noise, 1.0), (sharply_filtered, 1.42), (linearly_interpolated, 2.5)],
    ids=["white", "sharp", "linear"],
)
def test_the_noise_length_is_measured_where_no_line_can_be(pipeline, length) -> None:
    noise = np.random.default_rng(5).normal(size=WAVE.size)
    measured = measured_noise_length(starlike(pipeline(noise)).orders[0], resolving_power=60_000.0)
    assert measured is not None and measured.value == pytest.approx(length, rel=0.08)


def test_a_measured_length_raises_the_errors_and_is_said() -> None:
    noise = np.random.default_rng(6).normal(size=WAVE.size)
    done = as_resampled(starlike(linearly_interpolated(noise)), detector_pixel=None)
    length = done.orders[0].noise_length
    assert length is not None and length[0] == pytest.approx(2.5, rel=0.08)
    np.testing.assert_allclose(done.orders[0].uncertainty, np.sqrt(length), rtol=1e-12)
    assert "linear interpolation" in done.metadata.notes[-1] and "measured" in done.metadata.notes[-1]
    white = as_resampled(starlike(noise), detector_pixel=None)
    assert "independent" in white.metadata.notes[-1] and white.orders[0].noise_length is None


def test_no_length_is_measured_where_the_star_hides_the_noise() -> None:
    faint = 1e-6 * np.random.default_rng(7).normal(size=WAVE.size)
    order = starlike(faint).orders[0]
    assert measured_noise_length(order, resolving_power=400_000.0) is None


def test_a_stack_carries_its_own_correlation_and_that_of_its_exposures() -> None:
    done = as_resampled(resampled(0), detector_pixel=PIXEL)
    shifted = replace(done, orders=tuple(replace(o, wavelength=o.wavelength + STEP / 2) for o in done.orders))
    length = stack([done, shifted]).orders[0].noise_length
    assert length is not None
    assert np.median(length) > 1.1 * np.median(done.orders[0].noise_length)
