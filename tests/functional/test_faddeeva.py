import math

import numpy as np
import pytest
import torch
from scipy.special import wofz

from blase.functional.faddeeva import SEAM, faddeeva

REAL = np.concatenate([np.linspace(-12, 12, 241), [-1e4, -300.0, 1e-9, 300.0, 1e4]])
IMAGINARY = np.concatenate([[0.0, 1e-12, 1e-6, 1e-3], np.linspace(0.05, 12, 80), [1e2, 1e4]])


def test_agrees_with_scipy_over_the_upper_half_plane():
    z = REAL[None, :] + 1j * IMAGINARY[:, None]
    np.testing.assert_allclose(faddeeva(torch.from_numpy(z)).numpy(), wofz(z), rtol=0, atol=1e-12)


@pytest.mark.parametrize("nudge", [-1e-9, 0.0, 1e-9])
def test_agrees_with_scipy_on_both_sides_of_the_seam(nudge):
    angle = np.linspace(0, math.pi, 181)
    z = math.sqrt(SEAM) * (1 + nudge) * np.exp(1j * angle)
    z = z.real + 1j * np.abs(z.imag)
    np.testing.assert_allclose(faddeeva(torch.from_numpy(z)).numpy(), wofz(z), rtol=1e-11, atol=0)


def test_far_from_the_origin_the_relative_error_is_small_too():
    radius = np.geomspace(6.5, 1e8, 60)
    z = radius[:, None] * np.exp(1j * np.linspace(1e-3, math.pi - 1e-3, 41))
    result, expected = faddeeva(torch.from_numpy(z)).numpy(), wofz(z)
    assert np.abs(result / expected - 1).max() < 1e-11


@pytest.mark.parametrize("z", [0.3 + 0.2j, 2.0 + 1e-6j, 5.99 + 0.1j, 6.01 + 0.1j, 40.0 + 3.0j])
def test_derivative_is_minus_two_z_w_plus_two_i_over_root_pi(z):
    point = torch.tensor(z, dtype=torch.complex128)
    _, slope = torch.func.jvp(faddeeva, (point,), (torch.ones_like(point),))
    expected = -2 * z * wofz(z) + 2j / math.sqrt(math.pi)
    assert abs(complex(slope) - expected) < 2e-11


def test_gradients_of_both_branches_are_finite_wherever_the_other_one_fails():
    point = torch.tensor([0.0 + 0.0j, 1e150 + 1.0j], dtype=torch.complex128, requires_grad=True)
    (gradient,) = torch.autograd.grad(faddeeva(point).real.sum(), point)
    assert bool(torch.isfinite(torch.view_as_real(gradient)).all())


def test_first_and_second_derivatives_pass_gradcheck():
    point = torch.tensor([0.1 + 0.5j, -2.0 + 0.01j, 5.9 + 0.9j, 7.0 + 0.2j], dtype=torch.complex128)
    point.requires_grad_(True)
    assert torch.autograd.gradcheck(faddeeva, (point,))
    assert torch.autograd.gradgradcheck(faddeeva, (point,))
