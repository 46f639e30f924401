"""Where the last descent of a fit ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from blase.fit.descent import Solution
from blase.fit.priors import STELLAR, TELLURIC
from blase.pipeline import last_descent as module
from blase.pipeline.state import Start

START = Start(torch.zeros(1), np.ones(1), STELLAR, TELLURIC, np.ones(1))


@dataclass
class _Posterior:
    log_determinant: float = 0.0


@dataclass
class _Analysis:
    posterior: _Posterior


class _Objective:
    """Remembers where its model was left."""

    def __init__(self) -> None:
        self.space, self.model, self.stored = self, None, None

    def store(self, model: None, z: torch.Tensor) -> None:
        self.stored = float(z)


class _Walk:
    """Three steps of one at a time; the evidence where it stands is a function of z."""

    pixels = (None,)

    def __init__(self, steps: int) -> None:
        self.steps, self.told = steps, []
        self.objective = _Objective()

    def descend(self, state: Start, stage: str, *, max_iterations: int, done: int, **_: Any) -> Any:
        self.told.append((done, max_iterations))
        z = state.z + max_iterations
        end = float(z) >= self.steps
        return self.objective, Solution(z, -float(z), end, "small step", [{}] * max_iterations)


def ended(monkeypatch: pytest.MonkeyPatch, evidence: Any, *, steps: int = 30, most: int = 60) -> Any:
    walk = _Walk(steps)
    monkeypatch.setattr(module, "analyse_roughly", lambda objective, solution: _Analysis(_Posterior()))
    monkeypatch.setattr(module, "log_evidence", lambda objective, z, logarithm: evidence(float(z)))
    _, solution = module.last_descent(walk, replace(START), "fit", most)
    return walk, solution


def test_it_goes_to_the_end_where_the_evidence_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, solution = ended(monkeypatch, lambda z: 10 * z)
    assert float(solution.z) == 30 and solution.converged and solution.reason == "small step"
    assert walk.told == [(k, 3) for k in range(0, 30, 3)]


def test_it_goes_to_the_end_where_the_evidence_hardly_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert float(ended(monkeypatch, lambda z: -0.05 * z)[1].z) == 30


def test_it_returns_to_the_largest_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, solution = ended(monkeypatch, lambda z: -((z - 9) ** 2))
    assert float(solution.z) == 9 == walk.objective.stored
    assert solution.converged and "evidence was largest" in solution.reason
    assert len(walk.told) == 5  # two looks beyond


def test_a_last_step_that_cost_evidence_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert float(ended(monkeypatch, lambda z: z if z < 30 else -100.0)[1].z) == 27


def test_too_few_steps_are_not_called_converged(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, solution = ended(monkeypatch, lambda z: z, most=7)
    assert not solution.converged and float(solution.z) == 7
    assert walk.told == [(0, 3), (3, 3), (6, 1)]
