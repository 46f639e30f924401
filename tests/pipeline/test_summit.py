"""The evidence along the way of a fit, and when to turn back."""

from __future__ import annotations

import numpy as np
import pytest

from blase.fit.priors import STELLAR, TELLURIC
from blase.pipeline.state import Start
from blase.pipeline.summit import Summit


def walked(evidences: list[float], n_orders: int = 2) -> tuple[Summit, list[Start]]:
    states = [Start(None, np.ones(n_orders), STELLAR, TELLURIC, np.ones(9)) for _ in evidences]
    summit = Summit(n_orders)
    for evidence, state in zip(evidences, states, strict=True):
        summit.consider(evidence, state)
    return summit, states


@pytest.mark.parametrize(
    ("evidences", "behind", "level", "best"),
    [
        ([-900.0, -100.0], False, False, 1),
        ([-900.0, -100.0, -98.0], False, True, 2),
        ([-100.0, -104.0, -105.0, -103.0, -104.0], False, True, 0),  # less than what counts
        ([-100.0, -120.0], False, True, 0),
        ([-100.0, -120.0, -130.0], True, True, 0),
        ([-100.0, -120.0, -101.0, -120.0], False, True, 0),  # it comes back
        ([-100.0, -120.0, 0.0], False, False, 2),
        ([-100.0, float("nan"), -99.0], False, True, 2),
    ],
)
def test_it_turns_back_once_the_evidence_has_clearly_fallen(
    evidences: list[float], behind: bool, level: bool, best: int
) -> None:
    summit, states = walked(evidences)
    assert (summit.is_behind, summit.is_level) == (behind, level)
    assert summit.state is states[best]
