"""Pixels held out in blocks, and the residual that is quoted."""

from __future__ import annotations

import numpy as np
import pytest

from blase.constants import SPEED_OF_LIGHT
from blase.containers import from_arrays
from blase.pipeline.heldout import fold_of_pixels, weighted_rms
from blase.pipeline.prepare import Pixels, to_pixels


def pixels(n: int = 400, step: float = 0.05) -> Pixels:
    wavelength = 8600.0 + step * np.arange(n) + 2e-6 * np.arange(n) ** 2
    return to_pixels(
        from_arrays(wavelength, np.ones(n), np.full(n, 0.01), wavelength_unit="Angstrom").orders[0]
    )


@pytest.mark.parametrize("folds", [2, 5])
@pytest.mark.parametrize("resolving_power", [20_000.0, 55_000.0, 1e6])
def test_blocks_are_contiguous_and_a_resolution_element_wide(folds: int, resolving_power: float) -> None:
    order = pixels()
    fold = fold_of_pixels(order, folds, resolving_power)
    assert fold.shape == (400,) and set(fold) == set(range(folds))
    starts = np.concatenate([[0], np.flatnonzero(np.diff(fold)) + 1, [400]])
    assert (fold[starts[:-1]] == np.arange(starts.size - 1) % folds).all()
    velocity = SPEED_OF_LIGHT * np.diff(np.log(order.edges[starts]))
    widest_pixel = SPEED_OF_LIGHT * np.diff(np.log(order.edges)).max()
    element = SPEED_OF_LIGHT / resolving_power
    assert (velocity[:-1] > element * (1 - 1e-5)).all()
    assert (velocity < element + widest_pixel * 1.01).all()
    counts = np.bincount(fold)
    assert counts.max() < 1.2 * counts.min() + 30


def test_residual_weighs_by_signal_to_noise() -> None:
    model = np.array([1.0, 2.0, 4.0, 1.0])
    flux = np.array([1.1, 1.9, 4.2, 9.0])
    sigma = np.array([0.1, 0.1, 0.4, 0.1])
    used = np.array([True, True, True, False])
    # w = 100, 400, 100; r = 0.1, -0.05, 0.05
    wanted = np.sqrt((100 * 0.01 + 400 * 0.0025 + 100 * 0.0025) / 600)
    assert weighted_rms(flux, model, sigma, used) == pytest.approx(wanted)
    assert weighted_rms(flux, model, sigma, np.zeros(4, dtype=bool)) is None
