import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blase.constants import SPEED_OF_LIGHT
from blase.functional.doppler import compose_velocities, doppler_factor, velocity_from_factor


def test_receding_source_is_redshifted():
    # beta = 0.6 gives a factor of exactly 2
    assert doppler_factor(0.6 * SPEED_OF_LIGHT) == pytest.approx(2.0, rel=1e-15)
    assert doppler_factor(-0.6 * SPEED_OF_LIGHT) == pytest.approx(0.5, rel=1e-15)


@given(st.floats(-0.9 * SPEED_OF_LIGHT, 0.9 * SPEED_OF_LIGHT))
def test_factor_round_trip(velocity):
    assert velocity_from_factor(doppler_factor(velocity)) == pytest.approx(velocity, rel=1e-12, abs=1e-9)


def test_factor_agrees_with_rapidity():
    velocity = -9.3
    expected = math.exp(math.atanh(velocity / SPEED_OF_LIGHT))
    assert doppler_factor(velocity) == pytest.approx(expected, rel=1e-15)


def test_composition_is_a_product_of_redshifts():
    observed, barycentric = -9.631, 27.403
    composed = compose_velocities(observed, barycentric)
    product = (1 + observed / SPEED_OF_LIGHT) * (1 + barycentric / SPEED_OF_LIGHT)
    assert 1 + composed / SPEED_OF_LIGHT == pytest.approx(product, rel=1e-15)
    excess = composed - (observed + barycentric)
    assert excess == pytest.approx(observed * barycentric / SPEED_OF_LIGHT, rel=1e-9)


def test_gradients():
    velocity = torch.tensor([-200.0, 0.0, 31.0], dtype=torch.float64, requires_grad=True)
    factor = torch.tensor([0.9, 1.0, 1.2], dtype=torch.float64, requires_grad=True)
    beta = velocity.detach() / SPEED_OF_LIGHT
    (slope,) = torch.autograd.grad(doppler_factor(velocity).sum(), velocity)
    expected = doppler_factor(velocity.detach()) / (1 - beta**2) / SPEED_OF_LIGHT
    torch.testing.assert_close(slope, expected, rtol=1e-13, atol=0)
    torch.autograd.gradcheck(
        lambda d: velocity_from_factor(d) / SPEED_OF_LIGHT, factor, check_forward_ad=True, rtol=1e-7
    )
