"""Lines that became superfluous are removed and named; what matters anywhere stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from blase.cloning.removal import DUPLICATE, VANISHED, without_duplicates, without_vanished
from blase.containers import LineList
from blase.templates.line_rendering import render_optical_depth
from blase.templates.template import Template

PROMINENCE = 2e-3
WAVELENGTH = np.arange(8600.0, 8610.0, 0.02)


def table(*rows: tuple[float, float, float, float], rounds: list[int] | None = None) -> LineList:
    centre, strength, sigma, gamma = np.array(rows).T
    return LineList(centre, strength, sigma, gamma, round=rounds)


def scene(lines: LineList, wavelength: np.ndarray = WAVELENGTH) -> tuple[Template, np.ndarray]:
    model = np.exp(-render_optical_depth(wavelength, lines))
    return Template("t", wavelength, model, np.ones(wavelength.size)), model


def without(function, lines: LineList, wavelength: np.ndarray = WAVELENGTH):
    return function(*scene(lines, wavelength), lines, prominence=PROMINENCE, round_number=3)


def test_two_identical_lines_are_one() -> None:
    lines = table((8603.0, 0.02, 1.5, 0.2), (8605.0, 0.03, 1.5, 0.2), (8605.0, 0.03, 1.5, 0.2))
    kept, removed = without(without_duplicates, lines)
    assert_allclose(kept.centre, [8603.0, 8605.0], rtol=1e-15)
    assert_allclose(kept.strength, [0.02, 0.06])
    assert_allclose(kept.sigma, 1.5)
    assert [(r.reason, r.strength, r.round) for r in removed] == [("duplicate", 0.03, 3)]
    assert removed[0].duplicate_of == pytest.approx(8605.0)


@pytest.mark.parametrize(
    "other",
    [
        (8605.002, 0.004, 1.52, 0.21),  # 0.07 km/s away
        (8605.0, 0.002, 1.7, 0.2),  # a little broader, much weaker
        (8605.01, 0.0005, 1.5, 0.2),  # within the line, weak
    ],
)
def test_merging_leaves_the_spectrum_as_it_was(other: tuple[float, float, float, float]) -> None:
    lines = table((8605.0, 0.03, 1.5, 0.2), other, rounds=[1, 4])
    kept, (removed,) = without(without_duplicates, lines)
    assert len(kept) == 1 and kept.strength[0] == pytest.approx(0.03 + other[1])
    assert kept.round.tolist() == [1] and removed.found == 4
    before, after = (np.exp(-render_optical_depth(WAVELENGTH, these)) for these in (lines, kept))
    assert np.abs(before - after).max() < 1.05 * DUPLICATE * PROMINENCE


@pytest.mark.parametrize(
    "other", [(8605.06, 0.02, 1.5, 0.2), (8605.0, 0.03, 3.5, 0.2), (8605.0, 0.03, 1.5, 3.0)]
)
def test_what_is_not_one_line_stays_two(other: tuple[float, float, float, float]) -> None:
    kept, removed = without(without_duplicates, table((8605.0, 0.03, 1.5, 0.2), other))
    assert len(kept) == 2 and not removed


def test_no_line_is_merged_twice_in_a_round() -> None:
    three = table(*[(8605.0, 0.01 * k, 1.5, 0.2) for k in (1, 2, 3)])
    kept, removed = without(without_duplicates, three)
    assert len(kept) == 2 and len(removed) == 1
    kept, removed = without(without_duplicates, kept)
    assert len(kept) == 1 and kept.strength[0] == pytest.approx(0.06)


def test_a_line_that_darkens_nothing_has_vanished() -> None:
    lines = table((8602.0, 1e-7, 1.5, 0.2), (8605.0, 0.03, 1.5, 0.2), rounds=[2, 1])
    kept, (removed,) = without(without_vanished, lines)
    assert kept.centre.tolist() == [8605.0]
    assert (removed.reason, removed.centre, removed.found, removed.round) == ("vanished", 8602.0, 2, 3)
    assert np.isnan(removed.duplicate_of)


def test_lines_outside_the_data_and_in_its_gaps_have_vanished() -> None:
    wavelength = np.concatenate([np.arange(8600.0, 8603.0, 0.02), np.arange(8607.0, 8610.0, 0.02)])
    inside = (8601.0, 0.03, 1.5, 0.2)
    lines = table(inside, (8605.0, 0.05, 1.5, 0.001), (8650.0, 0.02, 1.5, 0.2), (8500.0, 0.02, 1.5, 0.2))
    kept, removed = without(without_vanished, lines, wavelength)
    assert 8601.0 in kept.centre
    assert {r.centre for r in removed} == {8500.0, 8650.0}  # the strongest, in the gap, always stays
    kept, _ = without(without_vanished, table(inside, (8605.0, 0.02, 1.5, 0.001)), wavelength)
    assert kept.centre.tolist() == [8601.0]


def test_a_far_line_whose_wing_reaches_the_data_stays() -> None:
    lines = table((8601.0, 40.0, 1.5, 0.2), (8615.0, 20.0, 1.5, 5.0))
    kept, removed = without(without_vanished, lines)
    assert len(kept) == 2 and not removed


def test_in_a_black_core_a_weak_line_matters_nowhere() -> None:
    lines = table((8605.0, 50.0, 8.0, 2.0), (8605.02, 0.003, 1.2, 0.01))
    model = scene(lines)[1]
    assert model.min() < 1e-12
    kept, removed = without(without_vanished, lines)
    assert len(kept) == 1 and removed[0].centre == 8605.02


def test_a_broad_shallow_line_stays_although_no_sample_shows_it() -> None:
    """Its effect on single samples is as small, its sum over hundreds of them is not."""
    shallow = 0.9 * VANISHED * PROMINENCE
    wavelength = np.arange(8400.0, 8800.0, 0.01)
    gamma = 600.0
    strength = shallow * np.pi * gamma * 8600.0 / 299_792.458
    lines = table((8500.0, 2 * strength, 1.5, 0.2), (8600.0, strength, 1.0, gamma))
    kept, _ = without(without_vanished, lines, wavelength)
    assert len(kept) == 2


def test_the_last_line_stays() -> None:
    kept, removed = without(without_vanished, table((8605.0, 1e-9, 1.5, 0.2)))
    assert len(kept) == 1 and not removed
    empty = LineList(*np.zeros((4, 0)))
    for function in (without_vanished, without_duplicates):
        kept, removed = without(function, empty)
        assert len(kept) == 0 and not removed
