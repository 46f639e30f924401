import math

import numpy as np
import pytest
import torch

from blase.fit.velocity_search import SearchOrder, parabola_minimum, shifted_chi_square
from blase.functional.grid import angular_frequency, log_grid
from blase.functional.line_spread import line_spread_transfer
from blase.functional.pixels import integrate_pixels, pixel_weights

C = 299_792.458
STEP = 0.5
RESOLVING_POWER = 55_000.0
TRIALS = np.arange(-200, 201)
SIGMA = 0.01


def absorption(wavelength, centres, depth, width, velocity):
    """Product of Gaussian lines [depth, standard deviation in km/s] that recede at `velocity`."""
    factor = math.sqrt((1 + velocity / C) / (1 - velocity / C))
    v = C * np.log(wavelength[:, None] / (centres * factor))
    return np.exp(-(depth * np.exp(-0.5 * (v / width) ** 2)).sum(axis=1))


def search_order(velocity, *, lower=8630.0, upper=8650.0, telluric=True, seed=0, slope=0.3, noise=SIGMA):
    """Data of a star at `velocity` under a sloping continuum, and the unshifted templates of the search."""
    draw = np.random.default_rng(seed)
    star = np.sort(draw.uniform(lower - 5, upper + 5, 40)), draw.uniform(0.1, 1.5, 40)
    air = np.sort(draw.uniform(lower, upper, 8)), draw.uniform(0.5, 4.0, 8) * telluric
    grid = log_grid(lower - 5, upper + 5, step=STEP)
    wavelength = grid.numpy()
    edges = np.arange(lower, upper, 0.06)
    weights = pixel_weights(grid, edges)
    transmission = torch.from_numpy(absorption(wavelength, *air, 2.0, 0.0))
    seen = torch.from_numpy(absorption(wavelength, *star, 4.0, velocity)) * transmission
    sigma = C / RESOLVING_POWER / (2 * math.sqrt(2 * math.log(2)))
    v = STEP * np.arange(-60, 61)
    kernel = np.exp(-0.5 * (v / sigma) ** 2)
    blurred = 1 - np.convolve(1 - seen.numpy(), kernel / kernel.sum(), mode="same")
    flux = integrate_pixels(torch.from_numpy(blurred), weights).numpy()
    middle = 0.5 * (edges[1:] + edges[:-1])
    continuum = 5.0 * (1 + slope * (middle - middle.mean()) / np.ptp(middle))
    flux = continuum * flux + 5.0 * noise * draw.standard_normal(flux.size)
    weight = torch.full((flux.size,), 1 / (5.0 * SIGMA) ** 2, dtype=torch.float64)
    return SearchOrder(
        star=torch.from_numpy(absorption(wavelength, *star, 4.0, 0.0)),
        telluric=transmission,
        pixels=weights,
        wavelength=torch.from_numpy(middle),
        flux=torch.from_numpy(flux),
        weight=weight,
    )


def transfer(order):
    return line_spread_transfer(angular_frequency(order.star.numel(), STEP), resolving_power=RESOLVING_POWER)


def search(orders, *, degree=1, trials=TRIALS):
    chi = shifted_chi_square(orders, trials, [transfer(order) for order in orders], degree)
    return chi, parabola_minimum(trials.astype(float), chi) * STEP


@pytest.mark.parametrize("telluric", [False, True])
@pytest.mark.parametrize("velocity", [-61.37, 0.0, 23.2])
def test_a_known_shift_is_found(velocity, telluric):
    _, found = search([search_order(velocity, telluric=telluric)])
    assert found == pytest.approx(velocity, abs=0.3)


def test_chi_square_at_the_true_shift_is_that_of_the_noise():
    order = search_order(30.0)
    chi, _ = search([order])
    n = order.flux.numel()
    assert chi.min() == pytest.approx(n, abs=6 * math.sqrt(2 * n))
    assert np.median(chi) > 5 * n


def test_chi_square_is_that_of_a_weighted_polynomial_fit():
    order = search_order(10.0)
    order.weight[100:140] = 0.0
    order.flux[100:140] = 1e6  # unused pixels may hold anything finite
    chi = shifted_chi_square([order], np.array([7]), [transfer(order)], 2)
    moved = np.roll(order.star.numpy(), 7) * order.telluric.numpy()
    spectrum = torch.fft.irfft(torch.fft.rfft(torch.from_numpy(moved)) * transfer(order), n=moved.size)
    seen = integrate_pixels(spectrum, order.pixels).numpy()
    weight, x = order.weight.numpy(), order.wavelength.numpy()
    root = np.sqrt(weight)
    design = root[:, None] * seen[:, None] * np.vander((x - x.mean()) / 10, 3)
    residual = root * order.flux.numpy()
    residual = residual - design @ np.linalg.lstsq(design, residual, rcond=None)[0]
    assert chi[0] == pytest.approx(float(residual @ residual), rel=1e-6)


def test_orders_add_up_and_agree():
    orders = [search_order(-17.4, seed=1), search_order(-17.4, lower=8700.0, upper=8712.0, seed=2)]
    alone = [search([order])[0] for order in orders]
    together, found = search(orders)
    np.testing.assert_allclose(together, alone[0] + alone[1], rtol=1e-9)
    assert found == pytest.approx(-17.4, abs=0.3)


def test_an_order_without_used_pixels_changes_nothing():
    order, empty = search_order(12.0), search_order(12.0)
    empty.weight.zero_()
    chi, _ = search([order, empty])
    np.testing.assert_allclose(chi, search([order])[0], rtol=1e-12)


def test_parabola_minimum_is_exact_for_a_parabola_and_safe_at_the_ends():
    x = np.arange(-5.0, 6.0)
    assert parabola_minimum(x, 3 * (x - 1.3) ** 2 + 7) == pytest.approx(1.3, abs=1e-12)
    assert parabola_minimum(0.5 * x, (0.5 * x + 0.8) ** 2) == pytest.approx(-0.8, abs=1e-12)
    assert parabola_minimum(x, np.zeros(11)) == x[1]
    assert abs(parabola_minimum(x, x)) <= 5.0
