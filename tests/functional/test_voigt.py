import itertools
import math

import numpy as np
import pytest
import scipy.special
import torch
from scipy.integrate import quad

from blase.functional.voigt import optical_depth_reference, product_transmission, voigt_profile

SHAPES = [(0.05, 1e-12), (0.05, 1e-6), (0.05, 0.01), (0.05, 0.05), (0.02, 2.0), (1e-3, 1.0), (3.0, 0.3)]
"""(sigma, gamma): nearly Gaussian, mixed, nearly Lorentzian."""


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def profile(x, sigma, gamma):
    x = torch.as_tensor(x, dtype=torch.float64)
    return voigt_profile(x, sigma=double(sigma), gamma=double(gamma)).numpy()


@pytest.mark.parametrize(("sigma", "gamma"), SHAPES)
def test_agrees_with_scipy_from_core_to_far_wing(sigma, gamma):
    scale = sigma + gamma
    x = np.concatenate([np.linspace(-30, 30, 1501) * scale, np.geomspace(40, 1e6, 40) * scale])
    expected = scipy.special.voigt_profile(x, sigma, gamma)
    assert np.abs(profile(x, sigma, gamma) - expected).max() < 2e-12 * expected.max()


@pytest.mark.parametrize("nudge", [-1e-6, 1e-6])
@pytest.mark.parametrize("gamma", [1e-12, 0.3, 6.0])
def test_agrees_with_scipy_on_both_sides_of_the_seam(gamma, nudge):
    sigma = 1.0
    x = math.sqrt(max(2 * 36 * (1 + nudge) - gamma**2, 0.0))
    expected = scipy.special.voigt_profile(x, sigma, gamma)
    assert profile([x], sigma, gamma)[0] == pytest.approx(expected, rel=1e-8, abs=1e-13)


@pytest.mark.parametrize(("sigma", "gamma"), SHAPES)
def test_area_is_one(sigma, gamma):
    scale = sigma + gamma

    def integrand(u):
        return profile([scale * math.sinh(u)], sigma, gamma)[0] * scale * math.cosh(u)

    end = 20.0  # beyond it the Lorentzian wing holds 2 gamma / (pi scale sinh(20))
    edges = np.linspace(0, end, 11)
    area = 2 * sum(quad(integrand, a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise(edges))
    assert area == pytest.approx(1.0, abs=5e-9)


def half_width(sigma, gamma):
    peak = profile([0.0], sigma, gamma)[0]
    lower, upper = 0.0, 4 * (sigma + gamma)
    for _ in range(60):
        middle = 0.5 * (lower + upper)
        lower, upper = (middle, upper) if profile([middle], sigma, gamma)[0] > 0.5 * peak else (lower, middle)
    return lower


def test_sigma_is_a_standard_deviation_and_gamma_a_half_width():
    assert half_width(0.7, 1e-9) == pytest.approx(0.7 * math.sqrt(2 * math.log(2)), rel=1e-7)
    assert half_width(1e-3, 0.7) == pytest.approx(0.7, rel=1e-5)
    olivero = 0.5346 * 0.5 + math.sqrt(
        0.2166 * 0.25 + 2 * math.log(2) * 0.49
    )  # doi:10.1016/0022-4073(77)90161-3
    assert half_width(0.7, 0.5) == pytest.approx(olivero, rel=3e-4)


@pytest.mark.parametrize(("sigma", "gamma"), [(0.05, 1e-6), (0.05, 0.02), (0.01, 0.3)])
def test_first_and_second_derivatives_pass_gradcheck(sigma, gamma):
    x = double(0.0, 0.03, -0.07, 0.4)
    x = x.requires_grad_(True)
    widths = [double(p).requires_grad_(True) for p in (sigma, gamma)]

    def evaluate(x, sigma, log_gamma):
        return voigt_profile(x, sigma=sigma, gamma=torch.exp(log_gamma))

    arguments = (x, widths[0], torch.log(widths[1].detach()).requires_grad_(True))
    assert torch.autograd.gradcheck(evaluate, arguments, eps=1e-7, atol=1e-4, rtol=1e-5)
    assert torch.autograd.gradgradcheck(evaluate, arguments, eps=1e-7, atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("gamma", [1e-12, 0.05, 3.0])
def test_the_profile_obeys_its_differential_identities(gamma):
    # V is the Gaussian convolved with the Lorentzian: dV/dsigma = sigma d2V/dx2 and d2V/dx2 = -d2V/dgamma2.
    x, sigma = double(0.0, 0.3, -1.7, 9.0).requires_grad_(True), double(1.0).requires_grad_(True)
    width = double(gamma).requires_grad_(True)
    value = voigt_profile(x, sigma=sigma, gamma=width)
    curvature = []
    for k in range(4):
        (slope,) = torch.autograd.grad(value[k], x, create_graph=True)
        curvature.append(torch.autograd.grad(slope[k], x, retain_graph=True)[0][k])
        (by_sigma,) = torch.autograd.grad(value[k], sigma, retain_graph=True)
        (by_gamma,) = torch.autograd.grad(value[k], width, create_graph=True)
        (twice,) = torch.autograd.grad(by_gamma, width, retain_graph=True)
        assert float(by_sigma) == pytest.approx(float(curvature[k]), abs=1e-11)
        assert float(twice) == pytest.approx(-float(curvature[k]), abs=1e-11)


def some_lines():
    return {
        "centre": double(5000.0, 5000.31, 5000.4),
        "strength": double(0.02, 0.3, 0.004),
        "sigma": double(0.03, 0.04, 0.02),
        "gamma": double(0.01, 1e-9, 0.05),
    }


def test_reference_optical_depth_is_the_sum_over_lines():
    wavelength, lines = np.linspace(4999, 5001.5, 300), some_lines()
    expected = sum(
        a * scipy.special.voigt_profile(wavelength - c, s, g)
        for c, a, s, g in zip(*(p.numpy() for p in lines.values()), strict=True)
    )
    result = optical_depth_reference(torch.from_numpy(wavelength), **lines).numpy()
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-11 * expected.max())


def test_product_form_reaches_the_stated_depth_and_multiplies():
    lines = some_lines()
    shape = {name: lines[name] for name in ("centre", "sigma", "gamma")}
    depth = double(0.3, 0.999, 0.05)
    one = {name: value[1:2] for name, value in shape.items()}
    at_centre = product_transmission(one["centre"], depth=depth[1:2], **one)
    assert float(at_centre[0]) == pytest.approx(1 - 0.999, abs=1e-12)

    wavelength = np.linspace(4999, 5001.5, 300)
    expected = np.ones(300)
    for c, a, s, g in zip(
        *(p.numpy() for p in (shape["centre"], depth, lines["sigma"], lines["gamma"])), strict=True
    ):
        peak = scipy.special.voigt_profile(0.0, s, g)
        expected *= 1 - a * scipy.special.voigt_profile(wavelength - c, s, g) / peak
    result = product_transmission(torch.from_numpy(wavelength), depth=depth, **shape).numpy()
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-11)


def test_both_forms_agree_for_weak_lines():
    lines = some_lines()
    wavelength = torch.linspace(4999.5, 5001, 200, dtype=torch.float64)
    weak = {**lines, "strength": 1e-6 * lines["strength"]}
    peak = voigt_profile(torch.zeros(3, dtype=torch.float64), sigma=lines["sigma"], gamma=lines["gamma"])
    shape = {name: lines[name] for name in ("centre", "sigma", "gamma")}
    product = product_transmission(wavelength, depth=weak["strength"] * peak, **shape)
    torch.testing.assert_close(
        1 - product, 1 - torch.exp(-optical_depth_reference(wavelength, **weak)), rtol=1e-4, atol=1e-13
    )
