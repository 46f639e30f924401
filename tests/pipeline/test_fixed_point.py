"""Relaxed steps towards a fixed point."""

from __future__ import annotations

import numpy as np
import pytest

from blase.pipeline.fixed_point import Relaxation


def steps_to(rate: float, *, relaxed: bool, accuracy: float = 1e-3) -> int:
    """Steps that x = 2 (x / 2)^rate takes from 10 to 2."""
    x, relaxation = np.array([10.0]), Relaxation()
    for number in range(1, 1000):
        wanted = 2 * (x / 2) ** rate
        x = relaxation.step(x, wanted) if relaxed else wanted
        if abs(x[0] / 2 - 1) < accuracy:
            return number
    return 1000


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9])
def test_what_creeps_from_one_side_arrives_sooner(rate: float) -> None:
    assert steps_to(rate, relaxed=True) < 0.75 * steps_to(rate, relaxed=False)


@pytest.mark.parametrize("rate", [-0.9, -0.5, 0.0, 0.2])
def test_what_overshoots_or_arrives_at_once_still_does(rate: float) -> None:
    assert steps_to(rate, relaxed=True) <= steps_to(rate, relaxed=False) + 2


def test_numbers_are_relaxed_one_by_one_and_the_first_step_is_plain() -> None:
    relaxation = Relaxation()
    first = relaxation.step(np.array([1.0, 4.0]), np.array([2.0, 4.0]))
    np.testing.assert_allclose(first, [2.0, 4.0])
    second = relaxation.step(first, np.array([3.0, 4.0]))
    np.testing.assert_allclose(second, [2.0 * 1.5**1.5, 4.0])  # the secant would go farther
