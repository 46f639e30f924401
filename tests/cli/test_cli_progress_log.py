"""The log of progress for machines, and what `-v` says."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from blase.cli.decisions import decision_lines
from blase.cli.progress import iteration_text, show_progress
from blase.cli.progress_log import log_progress
from blase.errors import InputError

EVENTS = [
    {"stage": "read", "message": "a.fits"},
    {"stage": "solve", "iteration": 1, "total": 4, "objective": 123.456, "residual_rms": 0.02},
    {"stage": "solve", "iteration": 2, "total": 4, "objective": float("nan"), "residual_rms": None},
]


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_event_is_a_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("old\n")
    with log_progress(path, command="fit") as log:
        for number, event in enumerate(EVENTS, start=2):
            log(event)
            assert len(read(path)) == number  # it has reached the disk
    lines = read(path)
    assert [line["event"] for line in lines] == ["begin", "progress", "progress", "progress", "end"]
    assert lines[0]["command"] == "fit"
    assert lines[2]["stage"] == "solve" and lines[2]["residual_rms"] == 0.02 and lines[2]["total"] == 4
    assert lines[3]["objective"] is None  # strict JSON has no NaN
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    assert times == sorted(times) and times[0].utcoffset().total_seconds() == 0
    assert lines[0]["seconds"] <= lines[-1]["seconds"]


@pytest.mark.parametrize(
    ("error", "event"), [(ValueError("too bad"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_the_last_line_says_how_it_ended(tmp_path: Path, error: BaseException, event: str) -> None:
    path = tmp_path / "log.jsonl"
    with pytest.raises(type(error)), log_progress(path, command="fit"):
        raise error
    last = read(path)[-1]
    assert last["event"] == event and last["error"].startswith(type(error).__name__)


def test_no_log_and_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with log_progress(None, command="fit") as log:
        log(EVENTS[0])
    with pytest.raises(InputError, match="cannot be written"), log_progress(tmp_path, command="fit"):
        pytest.fail("the body must not run")


def test_verbose_progress_says_every_iteration(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(verbose=True) as listen:
        for event in EVENTS[:2]:
            listen(event)
        listen({"stage": "solve", "iteration": 3, "objective": 1.0, "message": "damping raised"})
    said = capsys.readouterr().err.splitlines()
    first = "  iteration 1, objective 123.456, residual 2 %"
    assert said == ["read: a.fits", "solve", first, "  iteration 3, damping raised"]
    assert iteration_text({"iteration": 3}) == "iteration 3"


def test_decisions_are_said_with_their_reason() -> None:
    summary = {
        "history": ["medium: vacuum assumed"],
        "notes": ["two pixels are outliers"],
        "line_priors": {
            "stellar_centre": {"shape": "student-t", "width": 1.2, "unit": "km/s", "state": "at upper bound"},
            "telluric_sigma": {"shape": None, "width": 0.0, "unit": "ln", "state": "frozen"},
            "stellar_strength": {"shape": "laplace", "width": 0.31, "unit": "ln", "state": "learned"},
        },
        "line_search": [{"added": 4, "removed": 1, "dropped": 2, "gain": 38.28, "accepted": True}],
        "noise_inflation": [1.1, 1.4],
        "noise_inflation_state": "learned",
        "stop_reason": "the objective no longer changes",
    }
    said = decision_lines(summary)
    assert (
        said[0] == "read: medium: vacuum assumed" and said[-1] == "stopped: the objective no longer changes"
    )
    for part in (
        "prior of stellar_centre: student-t, width 1.2 km/s, at its upper bound",
        "prior of stellar_strength: laplace, width 0.31, learned",
        "prior of telluric_sigma: frozen: these lines stay at their clone",
        "4 added, 1 of them removed, 2 dropped, ln(evidence) +38.3, taken",
        "errors multiplied by 1.1 to 1.4 (learned)",
    ):
        assert any(part in line for line in said), part
    assert decision_lines({}) == ["stopped: None"]
