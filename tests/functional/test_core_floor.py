"""The curve of growth of a line with a floor, against the integral it stands for and closed forms."""

from __future__ import annotations

from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import gamma

from blase.functional.core_floor import departure, effective_depth, effective_depth_slopes

LEVELS = [
    (0.12, 0.36, 4000.0, 0.45),
    (0.3, 0.3, 5.0, 1.0),
    (0.9, 0.2, 0.1, 0.7),
    (1e-9, 0.7, 1e4, 0.3),
    (0.05, 0.6, 0.3, 1.4),
]
"""Core floor, wing floor, core opacity and wing power."""


def double(values) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def depth(tau, levels) -> torch.Tensor:
    return effective_depth(double(tau), **named(levels))


def named(levels) -> dict[str, torch.Tensor]:
    names = ("core_floor", "wing_floor", "core_opacity", "wing_power")
    return {name: double(level) for name, level in zip(names, levels, strict=True)}


def exact_depth(tau: float, levels) -> mpmath.mpf:
    """The formula of the module, with fifty digits."""
    core, wing, opacity, power = map(mpmath.mpf, levels)
    reach = opacity + 1 / power
    eta = mpmath.mpf(tau) / (power * (1 - wing) + (wing - core) / reach)
    return -mpmath.log((1 - wing) * (1 + eta) ** -power + (wing * reach + core * eta) / (reach + eta))


@pytest.mark.parametrize("levels", LEVELS)
def test_digits_from_the_weakest_to_the_strongest_line(levels):
    with mpmath.workdps(50):
        for tau in 10.0 ** np.arange(-12, 13):
            exact = exact_depth(tau, levels)
            assert abs(float(depth(tau, levels)) / exact - 1) < 1e-13


@pytest.mark.parametrize("levels", LEVELS[:3])
@pytest.mark.parametrize("eta", [0.0, 0.3, 20.0, 3000.0])
def test_what_leaves_an_atmosphere(levels, eta):
    """S is the integral of B(t) (1 + eta) exp(-(1 + eta) t), B a power but for a drop at the surface."""
    core, wing, opacity, power = levels
    alpha = opacity + 1 / power - 1
    drop = (core - wing) * (1 + alpha) / alpha
    surface = core - drop

    def emerging(eta: float) -> float:
        def light(x: float) -> float:  # x = (1 + eta) t
            t = x / (1 + eta)
            source = surface + (1 - wing) * t**power / gamma(1 + power) + drop * np.exp(-alpha * t)
            return source * np.exp(-x)

        knots = [0, 1e-6, 1e-4, 1e-2, 1, 60]
        return sum(quad(light, low, high, limit=200)[0] for low, high in pairwise(knots))

    assert emerging(0.0) == pytest.approx(1.0, abs=1e-7)
    scale = power * (1 - wing) + (wing - core) / (1 + alpha)
    assert float(torch.exp(-depth(eta * scale, levels))) == pytest.approx(emerging(eta), rel=1e-7)


def test_equal_floors_are_the_formula_of_minnaert():
    tau = double(10.0 ** np.linspace(-6, 8, 40))
    for floor in (0.0, 0.02, 0.5):
        absorbed = 1 - torch.exp(-depth(tau, (floor, floor, 7.0, 1.0)))
        torch.testing.assert_close(absorbed, 1 / (1 / (1 - floor) + 1 / tau), rtol=1e-12, atol=1e-15)


def test_without_a_floor_it_is_not_the_exponential():
    assert float(depth(3.0, (0.0, 0.0, 7.0, 1.0))) == pytest.approx(np.log(4.0), rel=1e-15)
    assert float(depth(0.0, LEVELS[0])) == 0.0


def test_a_saturated_core_reaches_its_floor_and_wings_head_for_theirs():
    assert float(torch.exp(-depth(1e14, (0.13, 0.48, 1e4, 0.5)))) == pytest.approx(0.13, rel=1e-6)
    assert float(torch.exp(-depth(1e8, (0.13, 0.48, 1e14, 1.0)))) == pytest.approx(0.48, rel=1e-3)


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("tau", [0.0, 1e-3, 0.4, 0.7, 30.0, 1e5])
def test_gradients(levels, tau):
    core, wing, opacity, power = (double([level]) for level in levels)
    inputs = [double([tau]), torch.logit(core), torch.logit(wing), torch.log(opacity), torch.log(power)]

    def transformed(t, u, v, w, q):
        return effective_depth(
            t,
            core_floor=torch.sigmoid(u),
            wing_floor=torch.sigmoid(v),
            core_opacity=torch.exp(w),
            wing_power=torch.exp(q),
        )

    for point in inputs:
        point.requires_grad_(True)
    exact = torch.autograd.grad(transformed(*inputs), inputs)
    found = effective_depth_slopes(double([tau]), **named(levels))
    for slope, expected in zip(found, exact, strict=True):
        torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-14)
    if 0 < tau < 1e3:
        assert torch.autograd.gradcheck(transformed, inputs, eps=1e-6 * min(tau, 1.0), atol=1e-5, rtol=1e-4)


def test_departure_bounds_what_a_floor_does_to_a_weak_line():
    for levels in LEVELS:
        bound = float(departure(**named(levels)))
        for tau in (1e-6, 1e-4):
            assert abs(float(depth(tau, levels)) - tau) <= 1.001 * bound * tau**2
