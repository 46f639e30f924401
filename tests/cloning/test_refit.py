"""Fits of parts of a clone come to what a fit of the whole comes to, and leave the rest alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from blase.cloning import patches
from blase.cloning.find_lines import TypicalWidths
from blase.cloning.refit import Effort, fit_lines, fit_patches
from blase.cloning.template_model import optical_depth_of, template_objective
from blase.containers import LineList
from blase.templates.line_rendering import render_optical_depth
from blase.templates.template import Template

TemplateFactory = Callable[..., Template]
WIDTHS = TypicalWidths(1.6, 0.25)
PATIENT = Effort(60, 1e-7)


def astray(lines: LineList, seed: int = 1) -> LineList:
    draw = np.random.default_rng(seed)
    return replace(
        lines,
        centre=lines.centre + draw.uniform(-0.005, 0.005, len(lines)),
        strength=lines.strength * draw.uniform(0.9, 1.1, len(lines)),
    )


def half(lines: LineList) -> tuple[LineList, LineList]:
    mask = np.arange(len(lines)) % 3 == 0
    return lines.take(mask), lines.take(~mask)


@pytest.mark.parametrize("kind", ["stellar", "telluric"])
@pytest.mark.parametrize("resolving_power", [None, 60_000.0])
def test_lines_that_are_held_take_the_same_light(
    crowd: LineList, template_of: TemplateFactory, kind: str, resolving_power: float | None
) -> None:
    template = replace(template_of(crowd), resolving_power=resolving_power)
    some, others = half(crowd)
    with torch.no_grad():
        whole = template_objective(template, crowd, WIDTHS, kind).model()
        parts = template_objective(template, some, WIDTHS, kind, others=others).model()
    assert_allclose(parts, whole, atol=2e-5)


def test_optical_depth_against_an_independent_sum(crowd: LineList) -> None:
    wavelength = np.arange(8590.0, 8620.0, 0.013)
    expected = render_optical_depth(wavelength, crowd)
    assert_allclose(np.exp(-optical_depth_of(crowd, wavelength)), np.exp(-expected), atol=1e-5)


@pytest.mark.parametrize("resolving_power", [None, 90_000.0])
def test_held_lines_are_held_and_the_others_found(
    crowd: LineList, template_of: TemplateFactory, resolving_power: float | None
) -> None:
    template = template_of(crowd, blurred_to=resolving_power, resolving_power=resolving_power)
    some, others = half(crowd)
    fitted = fit_lines(template, astray(some), TypicalWidths(1.6, 0.25), "stellar", PATIENT, others=others)
    assert fitted.converged and fitted.resolving_power == pytest.approx(resolving_power or None)
    assert_allclose(fitted.lines.centre, some.centre, atol=2e-3)
    assert np.sqrt(np.mean((fitted.model - template.normalised) ** 2)) < 2e-4


@pytest.mark.parametrize("blurred", [False, True])
def test_patch_by_patch_as_well_as_all_together(
    crowd: LineList, template_of: TemplateFactory, monkeypatch: pytest.MonkeyPatch, blurred: bool
) -> None:
    for name in ("LINES_PER_PATCH", "LINES_PER_BLURRED_PATCH"):
        monkeypatch.setattr(patches, name, 10)
    monkeypatch.setattr(patches, "BRIGHT", 0.0)
    power = 90_000.0 if blurred else None
    template = template_of(crowd, blurred_to=power, resolving_power=power)
    start, every = astray(crowd), np.ones(len(crowd), dtype=bool)
    together = fit_lines(template, start, WIDTHS, "stellar", PATIENT)
    told: list[tuple[int, int]] = []
    lines, misfit = start, []
    for _ in range(5):
        by_patch = fit_patches(
            template,
            lines,
            every,
            WIDTHS,
            "stellar",
            PATIENT,
            tell=lambda done, total: told.append((done, total)),
        )
        lines = by_patch.lines
        misfit.append(np.sqrt(np.mean((by_patch.model - template.normalised) ** 2)))
    assert told[-1][0] == told[-1][1] >= 4
    assert np.all(np.diff(misfit) < 1e-6)  # sweeps never do harm
    assert misfit[-1] < 2e-4
    assert_allclose(by_patch.model, together.model, atol=2e-3)
    assert_allclose(lines.centre, crowd.centre, atol=0.01)


def test_patches_whose_wings_overlap_do_not_mend_the_same_fault_twice(
    template_of: TemplateFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "LINES_PER_PATCH", 5)
    n = 30
    truth = LineList(8600.0 + 0.25 * np.arange(n), np.full(n, 0.15), np.full(n, 2.0), np.full(n, 600.0))
    template = template_of(truth)
    lines, misfit = replace(truth, strength=0.7 * truth.strength), []
    for _ in range(4):
        fitted = fit_patches(template, lines, np.ones(n, dtype=bool), WIDTHS, "stellar", Effort(20, 1e-6))
        lines = fitted.lines
        misfit.append(np.sqrt(np.mean((fitted.model - template.normalised) ** 2)))
    start = np.exp(-optical_depth_of(replace(truth, strength=0.7 * truth.strength), template.wavelength))
    misfit.insert(0, np.sqrt(np.mean((start - template.normalised) ** 2)))
    assert np.all(np.diff(misfit) < 1e-6)
    assert misfit[-1] < 0.1 * misfit[0]


def test_lines_that_are_not_active_stay_as_they_are(
    crowd: LineList, template_of: TemplateFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "LINES_PER_PATCH", 5)
    start = replace(astray(crowd), round=np.arange(len(crowd)) + 1)
    active = np.arange(len(crowd)) < 15
    fitted = fit_patches(template_of(crowd), start, active, WIDTHS, "stellar", Effort(5))
    assert_array_equal(np.sort(fitted.lines.round), start.round)
    order = np.argsort(fitted.lines.round)
    assert_array_equal(fitted.lines.centre[order][~active], start.centre[~active])
    assert np.abs(fitted.lines.centre[order][active] - start.centre[active]).max() > 1e-4


def test_the_median_resolving_power_of_patches(
    telluric_lines: LineList, template_of: TemplateFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "LINES_PER_BLURRED_PATCH", 5)
    template = template_of(telluric_lines, blurred_to=48_000.0, fit_resolving_power=True)
    widths, every = TypicalWidths(0.3531, 1.48), np.ones(len(telluric_lines), dtype=bool)
    fitted = fit_patches(template, telluric_lines, every, widths, "telluric", Effort(40))
    assert fitted.resolving_power == pytest.approx(48_000.0, rel=0.01)


def test_no_active_line_changes_nothing(crowd: LineList, template_of: TemplateFactory) -> None:
    template, nothing = template_of(crowd), np.zeros(len(crowd), dtype=bool)
    fitted = fit_patches(template, crowd, nothing, WIDTHS, "stellar", Effort(5))
    assert_array_equal(fitted.lines.centre, crowd.centre)
    assert_allclose(fitted.model, template.normalised, atol=2e-5)
    assert fitted.converged and fitted.iterations == 0
