import math

import numpy as np
import pytest
import torch
from scipy.special import jv, spherical_jn

from blase.functional.special import bessel_lambda, spherical_bessel_lambda

FAMILIES = {
    "cylindrical": (bessel_lambda, jv, lambda n: 1 / (2**n * math.factorial(n))),
    "spherical": (
        spherical_bessel_lambda,
        spherical_jn,
        lambda n: 2**n * math.factorial(n) / math.factorial(2 * n + 1),
    ),
}
Q = [0.0, 1e-12, 1e-3, 0.5, 8.9, 9.1, 15.9, 16.1, 100.0, 624.9, 625.1, 1e4]


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


@pytest.mark.parametrize("order", range(8))
def test_matches_scipy(family, order):
    function, oracle, _ = family
    s = np.concatenate([np.linspace(0.05, 30, 3001), np.linspace(30, 2000, 2001)])
    expected = oracle(order, s) / s**order
    envelope = np.hypot(oracle(order, s), oracle(order + 1, s)) / s**order
    value = function(torch.tensor(s**2), order).numpy()
    assert np.max(np.abs(value - expected) / envelope) < 1e-13


@pytest.mark.parametrize("order", range(6))
def test_value_at_zero(family, order):
    function, _, at_zero = family
    value = function(torch.zeros(1, dtype=torch.float64), order)
    assert value.item() == pytest.approx(at_zero(order), rel=1e-15)


def test_is_smooth_through_zero_to_negative_arguments():
    # j_1 continues to (x cosh x - sinh x) / x^3 at q = -x^2
    x = torch.tensor([0.5, 2.0, 6.0], dtype=torch.float64)
    expected = (x * torch.cosh(x) - torch.sinh(x)) / x**3
    torch.testing.assert_close(spherical_bessel_lambda(-(x**2), 1), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_of_every_kind(family, order):
    function = family[0]
    q = torch.tensor([*Q[:-2], -0.5], dtype=torch.float64, requires_grad=True)

    def scaled(q):
        return 10.0 * function(q, order)

    # the differences of gradcheck need a step that is small against 1 and large against rounding
    torch.autograd.gradcheck(scaled, q, eps=1e-5, atol=1e-8, rtol=1e-6, check_forward_ad=True)
    torch.autograd.gradgradcheck(scaled, q, eps=1e-5, atol=1e-8, rtol=1e-6, check_fwd_over_rev=True)


def test_derivative_steps_up_the_family(family):
    function = family[0]
    q = torch.tensor(Q, dtype=torch.float64)
    value, tangent = torch.func.jvp(lambda x: function(x, 1), (q,), (torch.ones_like(q),))
    torch.testing.assert_close(value, function(q, 1))
    torch.testing.assert_close(tangent, -0.5 * function(q, 2), rtol=1e-15, atol=0)


def test_transforms_of_torch_func_agree(family):
    function = family[0]
    q = torch.tensor(Q, dtype=torch.float64)
    second = 0.25 * function(q, 3)

    def total(x):
        return function(x, 1).sum()

    torch.testing.assert_close(torch.diagonal(torch.func.hessian(total)(q)), second)
    torch.testing.assert_close(torch.diagonal(torch.func.jacrev(torch.func.jacrev(total))(q)), second)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(torch.func.grad(total)))(q), second)
    torch.testing.assert_close(
        torch.func.vmap(lambda x: function(x, 1), in_dims=1)(q.reshape(3, 4)).T, function(q, 1).reshape(3, 4)
    )
