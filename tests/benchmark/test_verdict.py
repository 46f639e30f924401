"""The verdict on simulated fits whose errors are known to be right, too small or too large."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from validation.lines import NUMBERS, neighbours, true_equivalent_width
from validation.pool import make_missing, record_path
from validation.record import GLOBALS, Record, load, save
from validation.verdict import Criterion, judge, table

from blase.containers import LineList
from blase.simulation import EXACT, simulate_observation


def draw(number: int, *, stated: float = 1.0, bias: float = 0.0, n: int = 60) -> Record:
    """A fit with errors of 1 that says `stated`, off by `bias` in the mean; a tenth of that in lines."""
    rng = np.random.default_rng(number)
    found = {name: np.array([0.0, rng.standard_normal() + bias, stated, 1.0]) for name in GLOBALS}
    for name in NUMBERS:
        found[f"off_{name}"] = 0.1 * rng.standard_normal(n)
        found[f"error_{name}"] = np.full(n, 0.1 * stated)
    found["width"] = np.where(np.arange(n) % 2 == 0, 0.05, 0.005)
    found["off_equivalent_width"] = found["error_equivalent_width"] * 1e-3 * rng.standard_normal(n)
    found["error_equivalent_width"] = np.abs(found["off_equivalent_width"]) * 2
    found["neighbours"] = np.where(np.arange(n) % 3 == 0, 0.5, 0.0)
    found["template_off_strength"] = 0.3 * rng.standard_normal(n)
    return found | {"limit": np.array(np.nan)}


def judged(**how: float) -> dict[str, Criterion]:
    return {c.name: c for c in judge([draw(k, **how) for k in range(3000)], bright=True)}  # type: ignore[arg-type]


def test_right_errors_pass_and_their_coverage_is_that_of_a_normal_distribution():
    found = judged()
    for name in ("radial velocity", "vsini", "resolving power", "centre of strong lines"):
        criterion = found[f"68 % interval covers {name}"]
        assert criterion.passed
        assert criterion.number == pytest.approx(0.6827, abs=4 * criterion.error)
    single = found["68 % interval covers radial velocity"]
    assert single.error == pytest.approx(np.sqrt(0.6827 * 0.3173 / 3000), rel=0.05)
    assert found["scatter of RV over the bound"].number == pytest.approx(1.0, abs=0.05)
    assert found["error of strengths over the template's, all lines"].number == pytest.approx(1 / 3, rel=0.05)


def test_errors_that_are_too_small_too_large_or_biased_fail():
    assert not judged(stated=0.7)["68 % interval covers radial velocity"].passed
    large = judged(stated=1.2)
    assert not large["68 % interval covers strength of blended lines"].passed
    assert large["reported error of RV over the bound"].number == pytest.approx(1.2)
    assert not large["reported error of RV over the bound"].passed
    biased = judged(bias=0.3)
    assert biased["mean bias of RV over its error"].number == pytest.approx(0.3, abs=0.08)
    assert not biased["mean bias of RV over its error"].passed


def test_lines_of_one_draw_count_as_one_when_they_share_an_error():
    records = [draw(k) for k in range(400)]
    for k, r in enumerate(records):
        r["off_strength"] = np.full(60, 0.1 * np.random.default_rng(9_000 + k).standard_normal())
    shared = {c.name: c for c in judge(records, bright=True)}["68 % interval covers strength of weak lines"]
    assert shared.error == pytest.approx(np.sqrt(0.6827 * 0.3173 / 400), rel=0.1)


def test_what_is_not_known_does_not_pass():
    records = [draw(0)]
    assert not {c.name: c for c in judge(records, bright=False)}["mean bias of RV over its error"].passed
    assert any("FAIL" in line for line in table({"one": judge(records, bright=False)}))


def test_neighbours_are_those_within_the_observed_width():
    """1.6 vsini and c/R are 16 and 5.5 km/s here, 0.48 Angstrom together."""
    lines = LineList(
        centre=np.array([8602.0, 8602.4, 8603.2]),
        strength=np.array([0.02, 0.04, 0.01]),
        sigma=np.full(3, 1.5),
        gamma=np.full(3, 0.3),
    )
    truth = simulate_observation(
        lines,
        wavelength_range=(8600.0, 8605.0),
        n_pixels=100,
        vsini=10.0,
        resolving_power=55_000.0,
        line_scatter=EXACT,
    ).truth
    width = true_equivalent_width(lines)
    assert neighbours(truth) == pytest.approx([width[1] / width[0], width[0] / width[1], 0.0], abs=1e-12)


def test_only_missing_draws_are_made_and_other_settings_are_refused(tmp_path):
    kept = {"limit": np.array(1.5)}
    save(record_path(tmp_path, 0), kept)
    make_missing(range(1), tmp_path, draw, {"stated": 1.0}, jobs=1)  # nothing is missing
    assert load(record_path(tmp_path, 0)) == kept
    make_missing(range(2), tmp_path, draw, {"stated": 1.0}, jobs=1)
    assert load(record_path(tmp_path, 1))["vsini"] == pytest.approx(draw(1)["vsini"], rel=1e-6)
    with pytest.raises(SystemExit, match="other settings"):
        make_missing(range(2), tmp_path, draw, {"stated": 2.0}, jobs=1)
