"""Cosmic rays lose their weight and are named; everything else keeps it."""

from dataclasses import replace

import numpy as np
import pytest

from blase.pipeline import fit_spectrum
from blase.pipeline.outliers import THRESHOLD, enlargement, outlier_notes, outlier_table, weights
from blase.pipeline.prepare import to_pixels

STRUCK = {200: 60.0, 133: 25.0, 134: -40.0}
"""Pixels hit, and by how many standard deviations."""


def test_weights_fall_beyond_the_threshold_only() -> None:
    deviation = np.array([0.0, -4.9, 5.0, 10.0, -50.0])
    factor = enlargement(deviation)
    np.testing.assert_allclose(factor, [1, 1, 1, 4, 100])
    np.testing.assert_allclose(weights(factor), [1, 1, 1, 1 / 16, 1e-4])
    pull = deviation * weights(factor)  # by which a pixel moves the fit: it falls beyond the threshold
    assert abs(pull[4]) < abs(pull[3]) < THRESHOLD


@pytest.fixture(scope="module")
def struck(simulation):
    order = simulation.spectrum.orders[0]
    flux = order.flux.copy()
    for pixel, sigmas in STRUCK.items():
        flux[pixel] += sigmas * order.uncertainty[pixel]
    return replace(simulation.spectrum, orders=(replace(order, flux=flux),))


def test_cosmic_rays_are_named_and_change_nothing(simulation, struck, star, air) -> None:
    clean, hit = (fit_spectrum(s, star=star, telluric=air, folds=0) for s in (simulation.spectrum, struck))
    found = {entry["pixel"]: entry for entry in hit.summary["outliers"]}
    assert set(STRUCK) <= set(found) and len(found) <= len(STRUCK) + 2
    assert found[200]["weight"] < 0.01
    assert found[200]["wavelength"] == pytest.approx(float(struck.orders[0].wavelength[200]))
    assert any("were given less weight" in note for note in hit.summary["notes"])
    before, after = clean.summary["radial_velocity"], hit.summary["radial_velocity"]
    assert abs(after["value"] - before["value"]) < 0.5 * before["error"]
    assert hit.summary["noise_inflation"][0] < 1.1 * clean.summary["noise_inflation"][0] + 0.05


def test_a_clean_spectrum_has_none(simulation) -> None:
    pixels = [to_pixels(order) for order in simulation.spectrum.orders]
    table = outlier_table(pixels, np.ones(sum(p.used.numel() for p in pixels)))
    assert table == [] and outlier_notes(table) == []
