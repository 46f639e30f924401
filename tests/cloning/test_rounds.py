"""Rounds: what is missing comes, what is superfluous goes, and the books say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from blase.cloning import Clone, clone_template
from blase.cloning import rounds as module
from blase.cloning.find_lines import TypicalWidths
from blase.cloning.rounds import Search
from blase.containers import LineList
from blase.templates.embedded import embedded_template
from blase.templates.template import Template

TemplateFactory = Callable[..., Template]
Match = Callable[[LineList, LineList], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def star() -> Clone:
    return clone_template(embedded_template("star", wavelength_range=(8640.0, 8670.0)))


def balance(clone: Clone) -> None:
    """Lines of every round and removed ones add up to what there is."""
    rounds, present = clone.summary["rounds"], 0
    for each in rounds:
        present += each["added"] - each["vanished"] - each["duplicates"]
        assert each["n_lines"] == present
        removed = [line.reason for line in clone.removed if line.round == each["number"]]
        counts = [removed.count("vanished"), removed.count("duplicate")]
        assert counts == [each["vanished"], each["duplicates"]]
        survivors = np.count_nonzero(clone.lines.round == each["number"])
        gone = sum(line.found == each["number"] for line in clone.removed)
        assert survivors + gone == each["added"]
    assert present == len(clone.lines) == clone.summary["n_lines"]


def test_the_books_balance(star: Clone) -> None:
    balance(star)
    rounds = star.summary["rounds"]
    assert [each["number"] for each in rounds] == list(range(1, len(rounds) + 1))
    assert rounds[0]["added"] > 30 and sum(each["added"] for each in rounds[1:]) > 5
    assert rounds[-1]["added"] == rounds[-1]["vanished"] == rounds[-1]["duplicates"] == 0
    assert star.summary["residual_rms_native"] == rounds[-1]["residual_rms_native"]
    assert star.summary["n_removed"]["duplicates"] == sum(each["duplicates"] for each in rounds)


def test_rounds_lower_the_residual(star: Clone) -> None:
    residual = [each["residual_rms_native"] for each in star.summary["rounds"]]
    assert np.all(np.diff(residual) < 2e-5)
    assert residual[-1] < 0.4 * residual[0]
    assert star.converged
    assert "nothing is missing" in star.summary["stop_reason"]


def test_a_hidden_line_is_found_later(template_of: TemplateFactory, nearest_to: Match) -> None:
    """A shoulder is no minimum: it appears when what hides it is subtracted."""
    hidden = LineList(
        np.array([8601.0, 8605.0, 8605.11, 8609.0]),
        np.array([0.03, 0.12, 0.02, 0.03]),
        np.full(4, 1.6),
        np.full(4, 0.23),
    )
    clone = clone_template(template_of(hidden))
    assert clone.summary["rounds"][0]["added"] == 3
    index, distance = nearest_to(hidden, clone.lines)
    assert distance.max() < 0.3
    assert clone.lines.round[index[2]] > 1 and clone.lines.round[index[0]] == 1
    assert clone.summary["residual_rms_native"] < 2e-4
    balance(clone)


def test_superfluous_lines_go(
    isolated_lines: LineList, template_of: TemplateFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line twice, and one too weak to be seen, as if they had been found."""
    template = template_of(isolated_lines)

    def found(*_: object) -> LineList:
        once, ones = isolated_lines, np.ones(len(isolated_lines), dtype=np.int64)
        twice = replace(once.take([7]), strength=0.5 * once.strength[7:8])
        halved = once.strength.copy()
        halved[7] *= 0.5
        nothing = LineList(once.centre[3:4] + 0.75, np.array([1e-5]), np.array([1.5]), np.array([0.2]))
        lists = [replace(once, strength=halved), twice, nothing]
        return LineList.concatenated([replace(x, round=ones[: len(x)]) for x in lists])

    monkeypatch.setattr(module, "first_lines", found)
    outcome = Search(template, "stellar", TypicalWidths(1.6, 0.25), 2e-3).run()
    assert sorted(line.reason for line in outcome.removed) == ["duplicate", "vanished"]
    assert len(outcome.lines) == len(isolated_lines)
    np.testing.assert_allclose(outcome.lines.strength, isolated_lines.strength, rtol=0.02)
    (duplicate,) = (line for line in outcome.removed if line.reason == "duplicate")
    assert duplicate.duplicate_of == pytest.approx(isolated_lines.centre[7], abs=1e-3)


def test_the_rounds_are_limited_and_say_so(template_of: TemplateFactory, crowd: LineList) -> None:
    template = template_of(crowd)
    outcome = Search(template, "stellar", TypicalWidths(1.6, 0.25), 2e-3, most_rounds=2).run()
    assert not outcome.converged
    assert outcome.reason.startswith("2 rounds were not enough (")
    assert "more lines would be added" in outcome.reason
    assert [each.added > 0 for each in outcome.rounds[:3]] == [True, True, False]


def test_noise_ends_with_a_reason() -> None:
    """Nothing fits, so that adding goes on helping little."""
    draw = np.random.default_rng(0)
    wavelength = np.arange(8600.0, 8606.0, 0.02)
    flux = 1 + 0.05 * draw.standard_normal(wavelength.size)
    clone = clone_template(Template("noise", wavelength, flux, np.ones(wavelength.size)))
    assert clone.summary["stop_reason"].split(";")[0].strip()
    assert len(clone.summary["rounds"]) <= module.MOST_ROUNDS + module.MOST_SWEEPS
    balance(clone)


@pytest.mark.parametrize("declared", [{"resolving_power": 60_000.0}, {"fit_resolving_power": True}])
def test_blurred_templates_have_rounds_too(
    telluric_lines: LineList, template_of: TemplateFactory, declared: dict
) -> None:
    clone = clone_template(template_of(telluric_lines, blurred_to=60_000.0, **declared), kind="telluric")
    balance(clone)
    assert clone.summary["residual_rms_native"] < 1e-3
    assert clone.summary["template_resolving_power"] == pytest.approx(60_000.0, rel=0.03)
