"""Minima become lines, at the right place and with about the right strength."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from blase.cloning.find_lines import TypicalWidths, find_lines, lines_at, missing_lines, typical_widths
from blase.constants import SPEED_OF_LIGHT
from blase.containers import LineList
from blase.templates.line_rendering import render_optical_depth
from blase.templates.template import Template

TemplateFactory = Callable[..., Template]
Match = Callable[[LineList, LineList], tuple[np.ndarray, np.ndarray]]
WIDTHS = TypicalWidths(1.6, 0.25)


def test_every_isolated_line_is_found_once(
    isolated_lines: LineList, template_of: TemplateFactory, nearest_to: Match
) -> None:
    template = template_of(isolated_lines)
    found = find_lines(template.wavelength, template.normalised, WIDTHS, prominence=2e-3)
    assert len(found) == len(isolated_lines)
    index, distance = nearest_to(isolated_lines, found)
    assert sorted(index) == list(range(len(isolated_lines)))
    assert distance.max() < 0.5 * SPEED_OF_LIGHT / 500_000 + 1e-6
    assert_allclose(found.strength[index], isolated_lines.strength, rtol=0.4)


def test_prominence_leaves_weak_lines_out(isolated_lines: LineList, template_of: TemplateFactory) -> None:
    template = template_of(isolated_lines)
    depth = 1 - template.normalised[np.searchsorted(template.wavelength, isolated_lines.centre)]
    for prominence in (0.1, 0.3, 0.6):
        found = find_lines(template.wavelength, template.normalised, WIDTHS, prominence=prominence)
        assert len(found) == np.count_nonzero(depth > prominence)


def test_strength_of_a_gaussian_line_behind_a_blur() -> None:
    """A weak line keeps its area when it is blurred: depth x sqrt(2 pi) x sigma of the blur."""
    found = lines_at(np.array([9000.0]), np.array([0.01]), TypicalWidths(0.3, 0.1), blurred_sigma=2.0)
    area = 0.01 * np.sqrt(2 * np.pi) * 2.0 / SPEED_OF_LIGHT * 9000.0
    assert_allclose(found.strength, area, rtol=0.25)
    assert_allclose(found.sigma, 0.3)
    assert_allclose(found.gamma, 0.1)


def test_a_black_core_has_a_finite_strength() -> None:
    found = lines_at(np.array([8000.0, 8001.0]), np.array([1.0, 1.02]), WIDTHS)
    assert np.isfinite(found.strength).all() and (found.strength > 0).all()


def test_typical_widths_are_those_of_weak_lines(template_of: TemplateFactory) -> None:
    sigma = 1.7
    centre = 8640.0 + np.arange(15.0)
    template = template_of(
        LineList(centre, np.full(15, 0.01), np.full(15, sigma), np.full(15, sigma / 7)),
    )
    widths = typical_widths(template.wavelength, template.normalised, prominence=2e-3)
    assert widths.sigma == pytest.approx(sigma, rel=0.15)
    assert widths.gamma == pytest.approx(widths.sigma / 7)


def test_typical_widths_without_weak_lines_follow_the_sampling() -> None:
    wavelength = np.linspace(8600.0, 8700.0, 1000)
    widths = typical_widths(wavelength, np.ones(1000), prominence=2e-3)
    spacing = SPEED_OF_LIGHT * 0.1001 / 8650
    assert widths.sigma == pytest.approx(1.8 * spacing, rel=1e-3)


def test_missing_line_is_found_and_present_ones_are_not(
    isolated_lines: LineList, template_of: TemplateFactory
) -> None:
    template = template_of(isolated_lines)
    present = isolated_lines.take(np.arange(len(isolated_lines)) != 7)
    model = np.exp(-render_optical_depth(template.wavelength, present))
    added = missing_lines(template.wavelength, template.normalised, model, present, WIDTHS, prominence=2e-3)
    assert len(added) == 1
    assert added.centre[0] == pytest.approx(isolated_lines.centre[7], abs=8640 / 500_000)


def test_a_line_too_shallow_in_the_model_is_no_missing_line(
    isolated_lines: LineList, template_of: TemplateFactory
) -> None:
    template = template_of(isolated_lines)
    weaker = LineList(
        isolated_lines.centre, 0.6 * isolated_lines.strength, isolated_lines.sigma, isolated_lines.gamma
    )
    model = np.exp(-render_optical_depth(template.wavelength, weaker))
    added = missing_lines(template.wavelength, template.normalised, model, weaker, WIDTHS, prominence=2e-3)
    distance = np.abs(added.centre[:, None] - weaker.centre).min(axis=1) if len(added) else np.empty(0)
    assert (distance * SPEED_OF_LIGHT / 8650 > 0.5 * WIDTHS.sigma).all()


def test_nothing_missing_gives_an_empty_list(isolated_lines: LineList, template_of: TemplateFactory) -> None:
    template = template_of(isolated_lines)
    added = missing_lines(
        template.wavelength,
        template.normalised,
        template.normalised,
        isolated_lines,
        WIDTHS,
        prominence=2e-3,
    )
    assert len(added) == 0
