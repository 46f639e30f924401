import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import voigt_profile

from blase.fit.equivalent_width import equivalent_width

SHAPES = [
    (1e-4, 0.05, 0.01),
    (0.05, 0.05, 1e-6),
    (0.3, 0.05, 0.02),
    (5.0, 0.03, 0.03),
    (40.0, 0.05, 0.1),
    (0.2, 0.01, 0.5),
    (100.0, 0.04, 1e-9),
]


def width(a, s, g):
    return float(equivalent_width(np.array([a]), sigma=np.array([s]), gamma=np.array([g]))[0])


@pytest.mark.parametrize(("a", "s", "g"), SHAPES)
def test_agrees_with_adaptive_quadrature(a, s, g):
    def absorbed(x):
        return -math.expm1(-a * voigt_profile(x, s, g))

    edges = np.concatenate([[0.0], np.geomspace(0.1 * (s + g), 1e5 * (s + g + math.sqrt(a * g)), 60)])
    inside = sum(quad(absorbed, lo, hi, epsrel=1e-10)[0] for lo, hi in itertools.pairwise(edges))
    expected = 2 * (inside + a * g / math.pi / edges[-1])
    assert width(a, s, g) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("levels", [(0.11, 0.35, 4500.0, 0.42), (0.3, 0.3, 5.0, 1.0)])
@pytest.mark.parametrize(("a", "s", "g"), [(8000.0, 0.035, 0.0017), (50.0, 0.05, 0.02), (1e-4, 0.05, 0.01)])
def test_with_a_floor_against_adaptive_quadrature(a, s, g, levels):
    core, wing, opacity, power = levels
    reach = opacity + 1 / power
    scale = power * (1 - wing) + (wing - core) / reach

    def absorbed(x):
        eta = a * voigt_profile(x, s, g) / scale
        below = (core - wing) * eta / (reach + eta)
        return -(1 - wing) * math.expm1(-power * math.log1p(eta)) - below

    edges = np.concatenate([[0.0], np.geomspace(0.1 * (s + g), 1e6 * (s + g), 80)])
    inside = sum(quad(absorbed, lo, hi, epsrel=1e-10)[0] for lo, hi in itertools.pairwise(edges))
    expected = 2 * (inside + a * g / math.pi / edges[-1])
    names = ("core_floor", "wing_floor", "core_opacity", "wing_power")
    floors = {name: np.array([level]) for name, level in zip(names, levels, strict=True)}
    found = equivalent_width(np.array([a]), sigma=np.array([s]), gamma=np.array([g]), floors=floors)
    assert found[0] == pytest.approx(expected, rel=3e-6)


def test_a_weak_line_is_as_wide_as_its_strength():
    for gamma in (1e-6, 0.01, 0.3):
        assert width(1e-9, 0.05, gamma) == pytest.approx(1e-9, rel=1e-6)


def test_a_damped_line_grows_as_the_root_of_its_strength():
    a, gamma = 400.0, 0.1  # gamma << sqrt(A gamma), and no Gaussian core to speak of
    assert width(a, 1e-3, gamma) == pytest.approx(2 * math.sqrt(a * gamma), rel=1e-3)


def test_a_saturated_gaussian_line_grows_as_the_root_of_a_logarithm():
    ratio = width(1e6, 0.05, 1e-15) / width(1e3, 0.05, 1e-15)
    peaks = [a / (0.05 * math.sqrt(2 * math.pi)) for a in (1e6, 1e3)]
    assert ratio == pytest.approx(math.sqrt(math.log(peaks[0]) / math.log(peaks[1])), rel=0.03)


def test_lines_are_independent_of_one_another_and_of_the_unit():
    a, s, g = np.array(SHAPES).T
    together = equivalent_width(a, sigma=s, gamma=g)
    np.testing.assert_allclose(together, [width(*row) for row in SHAPES], rtol=1e-13)
    np.testing.assert_allclose(equivalent_width(10 * a, sigma=10 * s, gamma=10 * g), 10 * together, rtol=2e-6)
    assert equivalent_width(np.zeros(0), sigma=np.zeros(0), gamma=np.zeros(0)).shape == (0,)
