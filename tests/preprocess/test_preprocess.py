"""What is done to a spectrum before a fit: numbers against simple sums, and nothing done twice."""

from __future__ import annotations

import numpy as np
import pytest

from blase.containers import from_arrays
from blase.errors import InputError
from blase.functional.air import air_to_vacuum
from blase.preprocess import (
    deblaze,
    estimate_uncertainty,
    from_air,
    mask_cosmic_rays,
    mask_ranges,
    stack,
    subtract_sky,
    to_frame,
    trim_edges,
)
from blase.preprocess.stack import overlap_matrix

N = 400
WAVE = 8000.0 + 0.05 * np.arange(N)


def spectrum(flux=None, sigma=1.0, seed=0, wave=WAVE, **more):
    rng = np.random.default_rng(seed)
    flux = 100.0 + rng.normal(scale=sigma, size=wave.size) if flux is None else flux
    more = {"frame": "observatory", "barycentric_velocity": -20.0, **more}
    return from_arrays(wave, flux, np.full(wave.size, sigma), wavelength_unit="A", **more)


def test_frames_are_inverse_and_never_applied_twice():
    first = spectrum()
    there = to_frame(first, "barycentric")
    np.testing.assert_allclose(there.orders[0].wavelength, WAVE * (1 - 20.0 / 299_792.458), rtol=1e-15)
    assert to_frame(there, "barycentric") is there and there.metadata.frame == "barycentric"
    back = to_frame(there, "observatory")
    np.testing.assert_allclose(back.orders[0].wavelength, WAVE, rtol=1e-15)
    assert len(back.metadata.history) == len(first.metadata.history) + 2
    cropped = to_frame(first.crop(8005.0, 8010.0), "barycentric").orders[0]
    edges = cropped.edges()
    assert np.all((edges[:-1] < cropped.wavelength) & (cropped.wavelength < edges[1:]))


@pytest.mark.parametrize(
    ("change", "frame", "match"),
    [
        ({"barycentric_velocity": None}, "barycentric", "velocity is not known"),
        ({"frame": "rest"}, "barycentric", "cannot be brought"),
        ({"frame": "unknown"}, "observatory", "cannot be brought"),
        ({}, "rest", "cannot be brought"),
        ({}, "galactic", "frame"),
    ],
)
def test_frames_that_cannot_be_changed(change, frame, match):
    with pytest.raises(InputError, match=match):
        to_frame(spectrum(**change), frame)
    assert (
        to_frame(spectrum(barycentric_velocity=None), "barycentric", berv=5.0).metadata.barycentric_velocity
        == 5.0
    )


def test_sky_with_a_scale_and_only_once():
    flux = np.full(N, 100.0)
    both = spectrum(flux, 2.0, sky=np.full(N, 10.0), sky_uncertainty=np.full(N, 1.5))
    clean = subtract_sky(both, scale=2.0).orders[0]
    assert np.all(clean.flux == 80.0) and clean.uncertainty[0] == pytest.approx(np.sqrt(4.0 + 9.0))
    with pytest.raises(InputError, match="no sky"):
        subtract_sky(subtract_sky(both))
    with pytest.raises(InputError, match="positive"):
        subtract_sky(both, scale=0.0)


def test_deblazing_keeps_the_ratio_of_flux_to_noise_and_is_done_once():
    blaze = np.linspace(0.001, 2.0, N)
    first = spectrum(100.0 * blaze, blaze=blaze)
    order = deblaze(first).orders[0]
    used = ~order.mask
    np.testing.assert_allclose(order.flux[used], 200.0)
    np.testing.assert_allclose((order.flux / order.uncertainty)[used], (first.orders[0].flux)[used])
    assert np.array_equal(order.mask, blaze / 2.0 <= 0.02)
    with pytest.raises(InputError, match="blaze is not known"):
        deblaze(deblaze(first))


def test_edges_and_ranges():
    first = spectrum()
    assert trim_edges(first, 10).n_good == N - 20 and trim_edges(first, 0).n_good == N
    masked = mask_ranges(first, [(8001.0, 8002.0)]).orders[0]
    assert np.array_equal(masked.mask, (WAVE >= 8001.0) & (WAVE <= 8002.0))
    for bad in (-1, N // 2):
        with pytest.raises(InputError, match="masked at both ends"):
            trim_edges(first, bad)
    with pytest.raises(InputError, match="empty"):
        mask_ranges(first, [(2.0, 1.0)])


def test_cosmic_rays_are_found_and_lines_are_not():
    line = 1.0 - 0.9 * np.exp(-0.5 * ((np.arange(N) - 100) / 1.2) ** 2)
    flux = 100.0 * line + np.random.default_rng(4).normal(size=N)
    flux[250] += 40.0
    flux[300:302] += 30.0
    mask = mask_cosmic_rays(spectrum(flux)).orders[0].mask
    assert mask[[249, 250, 251, 300, 301]].all() and mask.sum() <= 8
    assert not mask_cosmic_rays(spectrum(seed=11)).orders[0].mask.any()


def test_light_between_dense_lines_is_no_cosmic_ray():
    """A forest as sharp as an unresolved line of 2.9 pixels, at a signal-to-noise ratio of 700."""
    rng = np.random.default_rng(4)
    pixel = np.arange(2000)
    flux = np.full(pixel.size, 1e4)
    for centre in rng.uniform(0, pixel.size, 500):
        flux *= 1 - rng.uniform(0.2, 0.8) * np.exp(-4 * np.log(2) * ((pixel - centre) / 2.9) ** 2)
    flux += rng.normal(scale=14.0, size=pixel.size)
    hits = rng.choice(pixel[10:-10], 20, replace=False)
    flux[hits] += 2e4
    wave = 8000.0 + 0.05 * pixel
    forest = from_arrays(wave, flux, np.full(pixel.size, 14.0), wavelength_unit="A")
    mask = mask_cosmic_rays(forest).orders[0].mask
    assert mask[hits].all()
    assert mask.sum() <= 3 * hits.size + 9


def test_air_is_converted_once():
    first = spectrum()
    once = from_air(first)
    np.testing.assert_array_equal(once.orders[0].wavelength, air_to_vacuum(WAVE))
    assert from_air(once) is once
    as_air = from_arrays(WAVE, np.ones(N), np.ones(N), wavelength_unit="A", medium="air")
    assert from_air(as_air) is as_air


def test_noise_is_measured_where_it_changes():
    rng = np.random.default_rng(7)
    sigma = np.where(np.arange(2000) < 1000, 1.0, 4.0)
    wave = 8000.0 + 0.05 * np.arange(2000)
    measured = estimate_uncertainty(spectrum(50.0 + sigma * rng.normal(size=2000), wave=wave), window=250)
    order = measured.orders[0]
    assert np.median(order.uncertainty[:800]) == pytest.approx(1.0, rel=0.1)
    assert np.median(order.uncertainty[1200:]) == pytest.approx(4.0, rel=0.1)
    assert any("estimated" in note for note in measured.metadata.notes)
    with pytest.raises(InputError, match="no noise"):
        estimate_uncertainty(spectrum(np.ones(N)))


def test_overlaps_against_a_double_loop():
    rng = np.random.default_rng(2)
    target, source = np.sort(rng.uniform(0, 10, 14)), np.sort(rng.uniform(-1, 11, 20))
    expected = np.zeros((13, 19))
    for i in range(13):
        for j in range(19):
            low, high = max(target[i], source[j]), min(target[i + 1], source[j + 1])
            expected[i, j] = max(0.0, high - low) / (target[i + 1] - target[i])
    np.testing.assert_allclose(overlap_matrix(target, source).toarray(), expected, atol=1e-14)


def test_stack_of_equal_pixels_is_the_weighted_mean():
    a, b = spectrum(sigma=1.0, seed=1), spectrum(sigma=2.0, seed=2)
    one, two = a.orders[0], b.orders[0]
    scale = np.median(one.flux) / np.median(two.flux)
    order = stack([a, b], frame="observatory").orders[0]
    weights = np.array([1.0, 1.0 / (2.0 * scale) ** 2])
    np.testing.assert_allclose(
        order.flux, (weights[0] * one.flux + weights[1] * scale * two.flux) / weights.sum(), rtol=1e-12
    )
    np.testing.assert_allclose(order.uncertainty, weights.sum() ** -0.5, rtol=1e-12)


def test_errors_of_a_stack_hold_for_means_over_many_pixels():
    """Means over 20 pixels of shifted exposures scatter as independent pixels with these errors would."""
    wave = 8000.0 + 0.05 * np.arange(4020)
    pulls = []
    for seed in range(10):
        pair = [spectrum(seed=9 * seed + k, barycentric_velocity=0.9 * k, wave=wave) for k in (0, 1)]
        order = stack(pair).orders[0]
        mean = order.flux[10:4010].reshape(-1, 20).mean(axis=1) - 100.0
        error = np.sqrt((order.uncertainty[10:4010].reshape(-1, 20) ** 2).sum(axis=1)) / 20
        pulls.append(mean / error)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.06)  # 2000 means: 1.6 %


def test_masked_pixels_and_ends_do_not_enter_a_stack():
    first = spectrum(np.full(N, 100.0))
    bad = np.zeros(N, bool)
    bad[200] = True
    flux = np.full(N, 100.0)
    flux[200] = 1e9
    second = from_arrays(
        WAVE, flux, np.ones(N), bad, wavelength_unit="A", frame="observatory", barycentric_velocity=-19.5
    )
    order = stack([first, second]).orders[0]
    np.testing.assert_allclose(order.flux, 100.0, rtol=1e-12)
    assert order.n_good == N and order.uncertainty[200] > 1.2 * order.uncertainty[100]


def test_stack_refuses_what_does_not_match():
    with pytest.raises(InputError, match="nothing to stack"):
        stack([spectrum()])
    two = from_arrays(
        [WAVE, WAVE + 30], np.ones((2, N)), np.ones((2, N)), wavelength_unit="A", frame="barycentric"
    )
    with pytest.raises(InputError, match="different orders"):
        stack([spectrum(), two])


def test_every_step_is_in_the_history():
    first = spectrum(blaze=np.ones(N), sky=np.zeros(N))
    steps = [
        lambda s: trim_edges(s, 3),
        lambda s: mask_ranges(s, [(8001, 8002)]),
        mask_cosmic_rays,
        deblaze,
        subtract_sky,
        estimate_uncertainty,
        lambda s: to_frame(s, "barycentric"),
    ]
    for step in steps:
        after = step(first)
        assert len(after.metadata.history) == len(first.metadata.history) + 1 and after is not first
        first = after
