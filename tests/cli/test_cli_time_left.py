"""The time that a whole job still takes: on jobs of known length, and as it is said."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from blase.cli.progress import iteration_text, left_text
from blase.cli.time_left import Plan, TimeLeft, with_time_left

Job = list[tuple[float, dict[str, Any]]]


def job(fit: float, *, passes: int, search: float, fold: float, curve: float) -> Job:
    """Events of a fit with their times [s]: an approach, passes of three, a descent, the rest."""
    now, events = 10.0, [(0.0, {"stage": "prepare"}), (10.0, {"stage": "starting velocity"})]
    steps = [("fit, approach", 4, 0.12 * fit)]
    steps += [(f"fit, pass {k + 1}", 3, 0.48 * fit / passes) for k in range(passes)]
    steps += [("fit", 30, 0.4 * fit)]
    steps += [("lines, round 1", 5, search * fit)]
    steps += [(f"held-out fold {k} of 3, pass 1", 5, fold * fit) for k in (1, 2, 3)]
    steps += [("regularisation curve", 6, curve * fit)]
    for stage, count, seconds in steps:
        for iteration in range(1, count + 1):
            now += seconds / count
            events.append((now, {"stage": stage, "iteration": iteration, "total": count}))
    return [*events, (now, {"stage": "write", "message": "fit"})]


def estimates(plan: Plan, events: Job) -> list[float | None]:
    """What is said at each event."""
    times = iter([at for at, _ in events])
    left = TimeLeft(plan, clock=lambda: next(times))
    return [left(event) for _, event in events]


@pytest.mark.parametrize("fit", [4.0, 600.0])
@pytest.mark.parametrize("passes", [6, 10, 16])
@pytest.mark.parametrize(("search", "fold", "curve"), [(0.5, 0.5, 1.6), (0.3, 0.7, 1.2)])
def test_the_estimate_is_within_a_factor_of_two_until_the_last_part(
    fit: float, passes: int, search: float, fold: float, curve: float
) -> None:
    events = job(fit, passes=passes, search=search, fold=fold, curve=curve)
    found = estimates(Plan(folds=3), events)
    end = events[-1][0]
    assert found[0] is None  # nothing is known before the fit
    later = [(end - at, left) for (at, _), left in zip(events, found, strict=True) if at > 10 + 0.5 * fit]
    for true, left in later:
        assert left is not None, true
        assert abs(left - true) < 0.6 * fit or 0.45 < left / true < 2.1, (true, left)
    assert found[-1] == 0.0


def test_folds_are_like_those_that_are_done() -> None:
    events = job(100.0, passes=10, search=0.5, fold=2.0, curve=1.6)
    found = dict(zip([event["stage"] for _, event in events], estimates(Plan(folds=3), events), strict=True))
    assert found["held-out fold 2 of 3, pass 1"] == pytest.approx(200.0 + 160.0 + 0.1 * 200.0, rel=0.3)


def test_a_fit_alone_ends_with_itself() -> None:
    plan = Plan(folds=0, curve=False, search=False)
    assert list(plan.parts()) == ["fit"]
    times = iter([0.0, 25.0, 100.0])
    left = TimeLeft(plan, clock=lambda: next(times))
    assert left({"stage": "fit, approach", "iteration": 0}) is None
    assert left({"stage": "fit, approach", "iteration": 4, "total": 4}) == pytest.approx(25.0 / 0.12 - 25.0)
    assert left({"stage": "write"}) == 0.0


def test_what_is_assumed_of_a_fit_is_what_a_fit_does_by_default() -> None:
    from blase.pipeline import fit_spectrum

    given = {name: value.default for name, value in inspect.signature(fit_spectrum).parameters.items()}
    assert Plan() == Plan(folds=given["folds"], curve=given["curve"], search=given["new_lines"])


def test_events_pass_on_with_the_time_left() -> None:
    heard: list[dict[str, Any]] = []
    listen = with_time_left(Plan(folds=0, curve=False, search=False), heard.append, clock=lambda: 7.0)
    listen({"stage": "prepare"})
    assert heard == [{"stage": "prepare", "seconds_left": None}]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (2.0, "some 5 s left"),
        (41.0, "some 40 s left"),
        (610.0, "some 10 min left"),
        (9000.0, "some 2.5 h left"),
    ],
)
def test_it_is_said_in_round_numbers(seconds: float | None, said: str) -> None:
    assert left_text({"seconds_left": seconds}) == said
    assert iteration_text({"iteration": 3, "seconds_left": seconds}) == ", ".join(
        filter(None, ["iteration 3", said])
    )
