"""Displaced pixels against weights computed anew at the displaced edges, and against quadrature."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from blase.functional.displaced_pixels import displaced_pixels
from blase.functional.grid import log_grid
from blase.functional.pixels import integrate_pixels, pixel_weights

C = 299_792.458
STEP = 0.25
CENTRES = np.arange(8631.0, 8645.0, 0.7)


def blurred(wavelength, sigma):
    """Gaussian lines of depth 0.8 and standard deviation `sigma` [km/s]."""
    velocity = C * np.log(np.asarray(wavelength)[:, None] / CENTRES)
    return 1 - (0.8 * np.exp(-0.5 * (velocity / sigma) ** 2)).sum(axis=1)


@pytest.fixture(scope="module")
def scene():
    edges = np.arange(8634.0, 8641.0, 0.05)
    bounds = np.stack([edges[:-1], edges[1:]], axis=1)[np.r_[:40, 60:139]]  # with a gap
    return log_grid(8628.0, 8647.0, step=STEP), bounds


@pytest.mark.parametrize("sigma", [2.3, 1.0])
def test_agrees_with_weights_made_at_the_displaced_edges(scene, sigma):
    grid, bounds = scene
    flux, pixels = torch.from_numpy(blurred(grid, sigma)), displaced_pixels(grid, bounds)
    for velocity in (0.0, 0.03, -0.1, STEP / 2, -STEP / 2, STEP, 1.7, -4.123):
        displaced = bounds * np.exp(velocity / C)
        expected = integrate_pixels(flux, pixel_weights(grid, displaced))
        where = torch.full((len(bounds),), velocity / STEP, dtype=torch.float64)
        np.testing.assert_allclose(integrate_pixels(flux, pixels.at(where)), expected, rtol=0, atol=3e-8)


def test_agrees_with_quadrature_where_every_pixel_moves_by_another_amount(scene):
    grid, bounds = scene
    flux, velocity = torch.from_numpy(blurred(grid, 1.5)), np.linspace(-3.0, 5.0, len(bounds))
    found = integrate_pixels(
        flux, displaced_pixels(grid, bounds).at(torch.from_numpy(velocity / STEP))
    ).numpy()
    for p in range(0, len(bounds), 9):
        low, high = bounds[p] * np.exp(velocity[p] / C)
        area = quad(lambda x: float(blurred([x], 1.5)[0]), low, high, epsabs=1e-12)[0]
        assert found[p] == pytest.approx(area / (high - low), abs=1e-7)


def test_gradient_is_that_of_the_displaced_spectrum(scene):
    grid, bounds = scene
    flux, pixels = torch.from_numpy(blurred(grid, 1.5)), displaced_pixels(grid, bounds[::8])
    draw = np.random.default_rng(3).uniform(-8, 8, len(bounds[::8]))
    where = torch.from_numpy(draw).requires_grad_(True)

    def read(displacement):
        return integrate_pixels(flux, pixels.at(displacement))

    assert torch.autograd.gradcheck(read, (where,), eps=1e-5, atol=1e-7)
    assert torch.autograd.gradcheck(read, (where,), eps=1e-5, atol=1e-7, check_forward_ad=True)


def test_flux_is_smooth_where_the_whole_number_of_samples_changes(scene):
    grid, bounds = scene
    flux, pixels = torch.from_numpy(blurred(grid, 1.5)), displaced_pixels(grid, bounds)
    sides = [torch.full((len(bounds),), 2.5 + side * 1e-9, dtype=torch.float64) for side in (-1, 1)]
    below, above = (integrate_pixels(flux, pixels.at(side)) for side in sides)
    np.testing.assert_allclose(above, below, rtol=0, atol=1e-8)
    slopes = []
    for side in sides:
        where = side.clone().requires_grad_(True)
        slopes.append(torch.autograd.grad(integrate_pixels(flux, pixels.at(where)).sum(), where)[0])
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=0, atol=1e-6)


def test_pixels_beyond_the_grid_read_its_ends(scene):
    grid, bounds = scene
    far = displaced_pixels(grid, bounds).at(torch.full((len(bounds),), 1e6, dtype=torch.float64))
    assert int(far.index.max()) == len(grid) - 1
    np.testing.assert_allclose(integrate_pixels(torch.ones_like(grid), far), 1.0, atol=1e-12)
