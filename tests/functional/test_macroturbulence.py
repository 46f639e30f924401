import numpy as np
import pytest
import torch
from scipy.integrate import quad

from blase.errors import InputError
from blase.functional.convolution import apply_transfer
from blase.functional.grid import angular_frequency
from blase.functional.macroturbulence import (
    macroturbulence_profile,
    macroturbulence_stencil,
    macroturbulence_transfer,
)


def streams(zeta):
    """Standard deviations along the line of sight and shares of the streams over a disc, by brute force."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    mu, share = 0.5 * (nodes + 1), 0.5 * weights
    spread = zeta / np.sqrt(2) * np.concatenate([mu, np.sqrt(1 - mu**2)])
    return spread, np.concatenate([mu * share, mu * share])


@pytest.mark.parametrize("zeta", [0.3, 3.8, 12.0])
def test_profile_is_the_sum_of_the_streams_over_the_disc(zeta):
    spread, share = streams(zeta)
    v = zeta * np.array([-2.5, -1.0, 0.3, 0.9, 2.0])
    expected = (np.exp(-0.5 * (v[:, None] / spread) ** 2) / (np.sqrt(2 * np.pi) * spread)) @ share
    np.testing.assert_allclose(macroturbulence_profile(v, macroturbulence=zeta), expected, rtol=1e-3)
    area = (
        2 * quad(lambda x: float(macroturbulence_profile(np.array(x), macroturbulence=zeta)), 0, 8 * zeta)[0]
    )
    assert area == pytest.approx(1.0, abs=1e-9)


def test_transfer_is_that_of_the_streams_over_the_disc():
    zeta, k = 4.0, np.array([0.0, 1e-5, 0.1, 0.353, 0.354, 1.0, 6.0])
    spread, share = streams(zeta)
    expected = np.exp(-0.5 * np.outer(k, spread) ** 2) @ share
    result = macroturbulence_transfer(torch.tensor(k), macroturbulence_squared=zeta**2)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-8)


def test_no_macroturbulence_leaves_everything():
    k = angular_frequency(64, 0.5)
    assert torch.equal(macroturbulence_transfer(k, macroturbulence_squared=0.0), torch.ones_like(k))
    np.testing.assert_array_equal(macroturbulence_stencil(0.5, macroturbulence=0.0), [1.0])


@pytest.mark.parametrize("zeta", [0.05, 0.9, 3.8, 9.0])
def test_stencil_does_to_a_line_what_the_transfer_does(zeta):
    step, n = 0.3, 1024
    v = (np.arange(n) - n // 2) * step
    depth = np.exp(-0.5 * (v / 1.4) ** 2)
    weights = macroturbulence_stencil(step, macroturbulence=zeta)
    transfer = macroturbulence_transfer(angular_frequency(n, step), macroturbulence_squared=zeta**2)
    expected = apply_transfer(torch.tensor(depth), transfer).numpy()
    assert weights.sum() == pytest.approx(1.0, abs=1e-12) and weights.size % 2 == 1
    np.testing.assert_allclose(np.convolve(depth, weights, mode="same"), expected, atol=2e-7)


@pytest.mark.parametrize("square", [0.0, 1e-12, 0.02, 1.9, 14.0, 400.0])
def test_gradient(square):
    k = torch.tensor([0.0, 0.1, 1.0, 3.0], dtype=torch.float64)
    value = torch.tensor(square, dtype=torch.float64, requires_grad=True)

    def transfer(square):
        return macroturbulence_transfer(k, macroturbulence_squared=square)

    # gradcheck looks at both sides of the value: q = k^2 square / 4 continues below zero by the same series.
    assert torch.autograd.gradcheck(transfer, (value,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(transfer, (value,))


@pytest.mark.parametrize(
    ("step", "zeta"), [(0.0, 1.0), (-0.3, 1.0), (0.3, -1.0), (0.3, np.nan), (np.inf, 1.0)]
)
def test_bad_arguments(step, zeta):
    with pytest.raises(InputError, match="out of range"):
        macroturbulence_stencil(step, macroturbulence=zeta)


def test_a_profile_needs_a_velocity():
    with pytest.raises(InputError, match="needs a velocity"):
        macroturbulence_profile(np.zeros(3), macroturbulence=0.0)
