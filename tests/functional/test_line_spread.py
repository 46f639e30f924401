import math

import numpy as np
import pytest
import torch
from scipy.special import eval_hermite

from blase.constants import SPEED_OF_LIGHT
from blase.functional.grid import angular_frequency
from blase.functional.line_spread import (
    line_spread_broadening,
    line_spread_profile,
    line_spread_transfer,
    velocity_sigma,
)

SHAPES = [(0.0, 0.0), (0.1, 0.0), (-0.05, 0.08), (0.0, -0.1)]
R = 55_000.0
STEP = 0.25


def velocities(n):
    return STEP * (torch.arange(n, dtype=torch.float64) - n // 2)


def test_sigma_has_the_fwhm_of_the_resolving_power():
    half = 0.5 * SPEED_OF_LIGHT / R
    peak, wing = line_spread_profile(torch.tensor([0.0, half], dtype=torch.float64), resolving_power=R)
    assert float(wing / peak) == pytest.approx(0.5, rel=1e-13)
    assert velocity_sigma(R) == pytest.approx(2.31473, rel=1e-5)


@pytest.mark.parametrize(("h3", "h4"), SHAPES)
def test_profile_matches_the_hermite_polynomials_of_scipy(h3, h4):
    v, sigma = velocities(400), velocity_sigma(R)
    y = v.numpy() / sigma
    norms = [math.sqrt(math.factorial(n) * 2**n) for n in (3, 4)]
    # van der Marel & Franx take the argument y, with H_n(y) / sqrt(n! 2^n)
    series = 1 + h3 * eval_hermite(3, y) / norms[0] + h4 * eval_hermite(4, y) / norms[1]
    expected = np.exp(-0.5 * y**2) * series
    expected /= expected.sum() * STEP
    profile = line_spread_profile(v, resolving_power=R, h3=h3, h4=h4)
    np.testing.assert_allclose(profile.numpy(), expected, atol=1e-14)


@pytest.mark.parametrize(("h3", "h4"), SHAPES)
def test_area_and_mean(h3, h4):
    v, sigma = velocities(400), velocity_sigma(R)
    profile = line_spread_profile(v, resolving_power=R, h3=h3, h4=h4)
    assert float(profile.sum() * STEP) == pytest.approx(1.0, abs=1e-13)
    mean = float((v * profile).sum() * STEP)
    assert mean == pytest.approx(math.sqrt(3) * h3 * sigma / (1 + h4 * math.sqrt(6) / 4), abs=1e-12)
    if h3 == h4 == 0.0:
        assert float((v**2 * profile).sum() * STEP) == pytest.approx(sigma**2, rel=1e-12)


def test_positive_h3_has_its_tail_on_the_red_side():
    v = torch.tensor([-6.0, 6.0], dtype=torch.float64)
    blue, red = line_spread_profile(v, resolving_power=R, h3=0.1)
    assert red > blue


@pytest.mark.parametrize(("h3", "h4"), SHAPES)
def test_broadening_equals_direct_convolution(h3, h4):
    n = 600
    v = velocities(n)
    flux = torch.stack([1 - 0.6 * torch.exp(-0.5 * ((v - c) / 1.0) ** 2) for c in (-20.0, 5.3)])
    kernel = line_spread_profile(velocities(201), resolving_power=R, h3=h3, h4=h4).numpy() * STEP
    expected = [1 + np.convolve(row.numpy() - 1, kernel, mode="same") for row in flux]
    result = line_spread_broadening(flux, step=STEP, resolving_power=R, h3=h3, h4=h4)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


def test_gaussian_widths_add_in_quadrature():
    v, sigma = velocities(600), velocity_sigma(R)
    flux = torch.exp(-0.5 * (v / 1.5) ** 2) / 1.5
    total = math.hypot(1.5, sigma)
    expected = torch.exp(-0.5 * (v / total) ** 2) / total
    result = line_spread_broadening(flux, step=STEP, resolving_power=R)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-13)


def test_gaussian_transfer_is_real():
    k = angular_frequency(64, STEP)
    assert not line_spread_transfer(k, resolving_power=R).is_complex()
    assert line_spread_transfer(k, resolving_power=R, h3=0.01).is_complex()


def test_gradients_also_at_zero_asymmetry():
    k, v = angular_frequency(24, 1.0), velocities(24)
    flux = torch.exp(-0.5 * v**2)
    start = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (1.0, 0.0, 0.0)]

    def transfer(scale, h3, h4):
        return line_spread_transfer(k, resolving_power=R * scale, h3=h3, h4=h4)

    def broadened(scale, h3, h4):
        return line_spread_broadening(flux, step=1.0, resolving_power=R * scale, h3=h3, h4=h4)

    def profile(scale, h3, h4):
        return line_spread_profile(v, resolving_power=R * scale, h3=h3, h4=h4)

    for function in (transfer, broadened, profile):
        torch.autograd.gradcheck(function, start, check_forward_ad=True)
        torch.autograd.gradgradcheck(function, start)
