"""Where a clone begins: broad lines broad, crowded lines no stronger than the template is deep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from blase.cloning.find_lines import TypicalWidths, find_lines
from blase.cloning.first_lines import as_deep_as_the_template, first_lines, with_wings
from blase.containers import LineList
from blase.errors import InputError
from blase.templates.line_rendering import render_optical_depth
from blase.templates.template import Template

TemplateFactory = Callable[..., Template]
WIDTHS = TypicalWidths(1.6, 0.25)
TYPICAL = 2.3548 * WIDTHS.sigma


def found(template: Template) -> LineList:
    return find_lines(template.wavelength, template.normalised, WIDTHS, prominence=2e-3)


@pytest.mark.parametrize("gamma", [10.0, 20.0, 40.0])
def test_a_lorentzian_is_recognised(template_of: TemplateFactory, gamma: float) -> None:
    centre = np.array([8600.0, 8610.0, 8620.0])
    depth = 2.0  # optical depth at the centre
    strength = np.array([0.01, np.pi * gamma * depth * 8610.0 / 299_792.458, 0.01])
    lines = LineList(centre, strength, np.full(3, 0.1), np.array([0.1, gamma, 0.1]))
    template = template_of(lines)
    start = with_wings(
        template.wavelength, template.normalised, found(template), prominence=2e-3, typical=TYPICAL
    )
    k = int(np.argmin(np.abs(start.centre - 8610.0)))
    assert start.gamma[k] == pytest.approx(gamma, rel=0.1)
    assert start.strength[k] == pytest.approx(strength[1], rel=0.1)


def test_ordinary_lines_stay_as_they_were_found(
    isolated_lines: LineList, template_of: TemplateFactory
) -> None:
    template = template_of(isolated_lines)
    before = found(template)
    after = with_wings(template.wavelength, template.normalised, before, prominence=2e-3, typical=TYPICAL)
    assert_array_equal(after.gamma, before.gamma)
    assert_array_equal(after.strength, before.strength)


def test_lines_in_the_wings_of_another_are_as_deep_with_it_as_the_template(
    template_of: TemplateFactory,
) -> None:
    centre = np.append(8605.0, 8600.0 + 0.45 * np.arange(24))
    gamma = np.append(30.0, np.full(24, 0.25))
    strength = np.append(np.pi * 30.0 * 2.0 * 8605.0 / 299_792.458, np.full(24, 0.01))
    template = template_of(LineList(centre, strength, np.full(25, 1.6), gamma))
    start = with_wings(
        template.wavelength, template.normalised, found(template), prominence=2e-3, typical=TYPICAL
    )
    place = np.searchsorted(template.wavelength, start.centre)

    def excess(these: LineList) -> np.ndarray:
        model = np.exp(-render_optical_depth(template.wavelength, these))
        return np.abs(model - template.normalised)[place]

    mended = as_deep_as_the_template(template, start)
    assert np.median(excess(start)) > 0.05
    assert np.median(excess(mended)) < 0.3 * np.median(excess(start))


def test_first_lines_say_that_they_are_first(isolated_lines: LineList, template_of: TemplateFactory) -> None:
    lines = first_lines(template_of(isolated_lines), WIDTHS, 2e-3)
    assert_array_equal(lines.round, np.ones(len(isolated_lines)))
    assert_allclose(lines.centre, isolated_lines.centre, atol=0.02)


def test_behind_a_blur_nothing_is_taken_for_wings(
    telluric_lines: LineList, template_of: TemplateFactory
) -> None:
    template = template_of(telluric_lines, blurred_to=3000.0)  # far broader than what is declared
    lines = first_lines(replace(template, resolving_power=60_000.0), TypicalWidths(0.35, 1.5), 2e-3)
    assert_allclose(lines.gamma, 1.5)


def test_a_template_without_lines_is_described() -> None:
    flat = Template("flat", np.linspace(8600, 8610, 50), np.full(50, 0.5), np.ones(50))
    with pytest.raises(InputError, match="50 samples between 0.5 and 0.5"):
        first_lines(flat, WIDTHS, 2e-3)
