import numpy as np
import pytest
import torch
from scipy.integrate import quad

from blase.errors import InputError
from blase.functional.grid import angular_frequency
from blase.functional.rotation import (
    rotation_kernel,
    rotation_profile,
    rotation_stencil,
    rotation_transfer,
    rotational_broadening,
)

LIMB = [0.0, 0.6, 1.0]


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def disc_elements(vsini, limb_darkening):
    """Velocity and normalised brightness of surface elements of a rotating disc, by brute force."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    mu, share = 0.5 * (nodes + 1), 0.5 * weights
    phi = 2 * np.pi * np.arange(400) / 400
    velocity = vsini * np.sqrt(1 - mu[:, None] ** 2) * np.cos(phi)
    brightness = (share * mu * (1 - limb_darkening + limb_darkening * mu))[:, None] * np.ones(400)
    return velocity.ravel(), (brightness / brightness.sum()).ravel()


@pytest.mark.parametrize("u", LIMB)
def test_transfer_is_the_mean_phase_over_the_disc(u):
    vsini, k = 12.0, np.array([0.0, 1e-4, 0.1, 0.5, 2.0, 6.0])
    velocity, brightness = disc_elements(vsini, u)
    expected = np.cos(np.outer(k, velocity)) @ brightness
    result = rotation_transfer(torch.tensor(k), vsini_squared=vsini**2, limb_darkening=u)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("u", LIMB)
def test_profile_is_the_brightness_of_each_strip_of_the_disc(u):
    vsini, v = 7.0, np.array([-6.5, -3.0, 0.0, 1.0, 6.9])
    theta = np.pi * (np.arange(200) + 0.5) / 200

    def strip(v):
        half = np.sqrt(1 - (v / vsini) ** 2)
        mu = half * np.sin(theta)  # along the strip y = half cos(theta), dy = half sin(theta) dtheta
        return np.sum((1 - u + u * mu) * half * np.sin(theta)) * np.pi / 200 / vsini

    disc = np.pi * (1 - u / 3)
    result = rotation_profile(torch.tensor(v), vsini=vsini, limb_darkening=u)
    np.testing.assert_allclose(result.numpy(), [strip(x) / disc for x in v], rtol=2e-4)
    assert rotation_profile(double(-7.0, 7.0, 9.0), vsini=vsini, limb_darkening=u).abs().max() == 0.0


@pytest.mark.parametrize("u", LIMB)
def test_transfer_is_the_fourier_transform_of_the_profile(u):
    vsini, k = 5.0, double(0.0, 0.3, 1.7, 4.0)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    theta, share = double(*(np.pi / 2 * nodes)), double(*(np.pi / 2 * weights))
    v = vsini * torch.sin(theta)
    profile = rotation_profile(v, vsini=vsini, limb_darkening=u)
    numeric = (torch.cos(k[:, None] * v) * profile * vsini * torch.cos(theta) * share).sum(-1)
    result = rotation_transfer(k, vsini_squared=vsini**2, limb_darkening=u)
    torch.testing.assert_close(result, numeric, rtol=0, atol=1e-12)


@pytest.mark.parametrize("vsini", [0.3, 0.75, 4.1])
def test_kernel_is_the_profile_integrated_over_cells(vsini):
    step, u = 0.5, 0.6
    kernel = rotation_kernel(step, vsini=vsini, limb_darkening=u)
    m = len(kernel) // 2

    def profile(v):
        return float(rotation_profile(double(v), vsini=vsini, limb_darkening=u))

    for j, weight in zip(range(-m, m + 1), kernel, strict=True):
        lower, upper = max((j - 0.5) * step, -vsini), min((j + 0.5) * step, vsini)
        assert weight == pytest.approx(quad(profile, lower, upper, epsabs=1e-11)[0], abs=1e-8)
    assert kernel.sum() == pytest.approx(1.0, abs=1e-14)
    assert kernel[0] > 0
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-15)


def test_kernel_of_a_slow_rotator_is_one_sample():
    for vsini in (0.0, 1e-8, 0.1, 0.25):
        np.testing.assert_array_equal(rotation_kernel(0.5, vsini=vsini, limb_darkening=0.6), [1.0])


def test_broadening_agrees_with_the_kernel_on_a_fine_grid():
    n, step, vsini, u = 4000, 0.02, 6.0, 0.6
    v = step * (np.arange(n) - n // 2)
    flux = 1 - 0.7 * np.exp(-0.5 * (v / 1.5) ** 2)
    kernel = rotation_kernel(step, vsini=vsini, limb_darkening=u)
    expected = 1 + np.convolve(flux - 1, kernel, mode="same")
    result = rotational_broadening(torch.tensor(flux), step=step, vsini_squared=vsini**2, limb_darkening=u)
    np.testing.assert_allclose(result.numpy(), expected, atol=3e-6)


def test_broadening_agrees_with_quadrature_on_a_coarse_grid():
    n, step, vsini, u, sigma = 400, 0.25, 3.0, 0.6, 1.0
    v = step * (np.arange(n) - n // 2)
    flux = 1 - 0.7 * np.exp(-0.5 * (v / sigma) ** 2)
    velocity, brightness = disc_elements(vsini, u)
    expected = [1 - 0.7 * np.exp(-0.5 * ((x - velocity) / sigma) ** 2) @ brightness for x in v[180:220]]
    result = rotational_broadening(torch.tensor(flux), step=step, vsini_squared=vsini**2, limb_darkening=u)
    np.testing.assert_allclose(result[180:220].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("vsini", [0.0, 1e-7, 0.1, 0.25, 1.3, 10.0, 80.0])
def test_stencil_agrees_with_the_fourier_form_on_a_coarse_grid(vsini):
    n, step, u, sigma = 1500, 0.25, 0.6, 1.3
    v = step * (np.arange(n) - n // 2)
    depth = 0.7 * np.exp(-0.5 * (v / sigma) ** 2)
    weights = rotation_stencil(step, vsini=vsini, limb_darkening=u)
    expected = rotational_broadening(torch.tensor(depth), step=step, vsini_squared=vsini**2, limb_darkening=u)
    np.testing.assert_allclose(np.convolve(depth, weights, mode="same"), expected.numpy(), atol=2e-8)
    assert weights.sum() == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("u", LIMB)
def test_stencil_has_the_moments_of_the_profile(u):
    vsini, step = 3.3, 0.5
    weights = rotation_stencil(step, vsini=vsini, limb_darkening=u)
    v = step * (np.arange(len(weights)) - len(weights) // 2)
    velocity, brightness = disc_elements(vsini, u)
    for power in range(10):
        assert v**power @ weights == pytest.approx(velocity**power @ brightness, abs=1e-12 * 8.0**power)


def test_no_rotation_changes_nothing():
    flux = torch.rand(2, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    result = rotational_broadening(flux, step=0.3, vsini_squared=0.0, limb_darkening=0.6)
    torch.testing.assert_close(result, flux, rtol=0, atol=1e-14)


@pytest.mark.parametrize("vsini_squared", [0.0, 1e-6, 4.0, 900.0])
def test_gradients(vsini_squared):
    k = angular_frequency(32, 0.5)
    square, u = double(vsini_squared).requires_grad_(), double(0.6).requires_grad_()

    def transfer(square, u):
        return rotation_transfer(k, vsini_squared=square, limb_darkening=u)

    options = {"eps": 1e-5, "atol": 1e-7, "rtol": 1e-5}
    torch.autograd.gradcheck(transfer, (square, u), check_forward_ad=True, **options)
    torch.autograd.gradgradcheck(transfer, (square, u), check_fwd_over_rev=True, **options)


def test_slope_at_rest_is_half_the_second_derivative_of_the_flux():
    # the variance of G is vsini^2 (1 - 7u/15) / (1 - u/3) / 4: broadening is linear in vsini^2 near zero
    n, step, u, sigma = 200, 0.25, 0.6, 1.5
    v = step * (torch.arange(n, dtype=torch.float64) - n // 2)
    flux = torch.exp(-0.5 * (v / sigma) ** 2)
    curvature = flux * ((v / sigma) ** 2 - 1) / sigma**2
    _, slope = torch.func.jvp(
        lambda square: rotational_broadening(flux, step=step, vsini_squared=square, limb_darkening=u),
        (torch.zeros((), dtype=torch.float64),),
        (torch.ones((), dtype=torch.float64),),
    )
    variance = (1 - 7 * u / 15) / (1 - u / 3) / 4
    torch.testing.assert_close(slope, 0.5 * variance * curvature, rtol=0, atol=1e-10)


def test_profile_gradients_inside_and_outside():
    v = double(-9.0, -3.0, 0.0, 4.9, 5.1).requires_grad_()
    vsini, u = double(5.0).requires_grad_(), double(0.6).requires_grad_()
    torch.autograd.gradcheck(
        lambda v, w, u: rotation_profile(v, vsini=w, limb_darkening=u), (v, vsini, u), check_forward_ad=True
    )


def test_rejects_bad_arguments():
    with pytest.raises(InputError, match="delta function"):
        rotation_profile(double(0.0), vsini=0.0, limb_darkening=0.6)
    for step, vsini, u in ((0.0, 1.0, 0.6), (0.5, -1.0, 0.6), (0.5, 1.0, 1.2), (0.5, np.nan, 0.6)):
        with pytest.raises(InputError):
            rotation_kernel(step, vsini=vsini, limb_darkening=u)
        with pytest.raises(InputError):
            rotation_stencil(step, vsini=vsini, limb_darkening=u)
