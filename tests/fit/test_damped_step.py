"""Damped steps of a dense problem, against an exact linear solution and a minimum found by scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import least_squares

from blase.fit.damped_step import FIRST_DAMPING, damped_step

FAR = np.full(2, 1e6)


@dataclass(frozen=True)
class Here:
    x: np.ndarray
    cost: float
    normal: np.ndarray
    gradient: np.ndarray


def line(x: np.ndarray) -> Here:
    """Straight line through three points."""
    design, data = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([0.0, 1.0, 5.0])
    residual = data - design @ x
    return Here(x, float(residual @ residual), design.T @ design, design.T @ residual)


def valley(x: np.ndarray) -> Here:
    """Rosenbrock's, whose full Gauss-Newton steps go astray."""
    residual = np.array([1 - x[0], 10 * (x[1] - x[0] ** 2)])
    design = np.array([[1.0, 0.0], [20 * x[0], -10.0]])
    return Here(x, float(residual @ residual), design.T @ design, design.T @ residual)


def test_a_linear_problem_is_solved_at_once() -> None:
    step, there, _ = damped_step(line(np.zeros(2)), line, longest=FAR, damping=0.0)
    np.testing.assert_allclose(there.x, np.polyfit([0, 1, 2], [0, 1, 5], 1)[::-1], atol=1e-12)
    np.testing.assert_allclose(step, there.x)


def test_what_is_held_stays_and_no_step_is_too_long() -> None:
    held = np.array([True, False])
    step, there, _ = damped_step(line(np.zeros(2)), line, longest=FAR, damping=0.0, free=held)
    np.testing.assert_allclose(there.x, [2.0, 0.0], atol=1e-12)  # the mean
    step, _, _ = damped_step(line(np.zeros(2)), line, longest=np.full(2, 0.1), damping=0.0)
    assert np.abs(step).max() == 0.1


def test_a_crooked_valley_is_followed_to_its_end() -> None:
    here, damping = valley(np.array([-1.2, 1.0])), FIRST_DAMPING
    for _ in range(60):
        before = here.cost
        _, here, damping = damped_step(here, valley, longest=FAR, damping=damping)
        assert here.cost <= before + 0.01
    theirs = least_squares(lambda x: [1 - x[0], 10 * (x[1] - x[0] ** 2)], [-1.2, 1.0])
    np.testing.assert_allclose(here.x, theirs.x, atol=1e-5)


def test_where_no_step_lowers_the_cost_none_is_taken() -> None:
    def worse(x: np.ndarray) -> Here:
        return Here(x, 1e9, np.eye(2), np.zeros(2))

    start = line(np.zeros(2))
    step, there, damping = damped_step(start, worse, longest=FAR, damping=FIRST_DAMPING)
    assert there is start and not step.any()
    assert damping == pytest.approx(FIRST_DAMPING * 1e8)
