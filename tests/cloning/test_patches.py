"""Patches hold every line once and every sample that their lines darken."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import voigt_profile

from blase.cloning import patches as module
from blase.cloning.patches import Patch, apart, blurred_patches, native_patches, near_changes
from blase.constants import SPEED_OF_LIGHT
from blase.containers import LineList
from blase.fit.line_columns import COARSE_WINDOWS
from blase.templates.line_rendering import render_optical_depth
from blase.templates.template import Template


@pytest.fixture
def lines() -> LineList:
    """120 lines with a gap after the 70th, two of them beyond the template's ends, one with wide wings."""
    draw = np.random.default_rng(4)
    centre = np.sort(draw.uniform(8600.0, 8640.0, 120))
    centre[70:] += 30.0
    centre[0], centre[-1] = 8599.0, 8671.0
    gamma = draw.uniform(0.1, 0.3, 120)
    gamma[40] = 20.0
    return LineList(centre, draw.uniform(0.002, 0.05, 120), draw.uniform(1, 2, 120), gamma)


@pytest.fixture
def template(lines: LineList) -> Template:
    one = np.arange(8600.0, 8640.0, 0.02)
    border = 0.5 * (lines.centre[69] + lines.centre[70])
    wavelength = np.concatenate([one[one < border - 10], one[one > border - 25] + 30.0])
    wavelength = np.unique(wavelength)
    flux = np.exp(-render_optical_depth(wavelength, lines))
    return Template("t", wavelength, flux, np.ones(wavelength.size))


def darkened(template: Template, lines: LineList) -> np.ndarray:
    """Samples that any of the lines darkens by clearly more than the tolerance."""
    out = np.zeros(len(template), dtype=bool)
    for c, a, s, g in zip(lines.centre, lines.strength, lines.sigma, lines.gamma, strict=True):
        scale = c / SPEED_OF_LIGHT
        out |= a * voigt_profile(template.wavelength - c, s * scale, g * scale) > 1.3 * COARSE_WINDOWS
    return out


@pytest.mark.parametrize("size", [10, 35, 300])
@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_native_patches(
    template: Template, lines: LineList, monkeypatch: pytest.MonkeyPatch, size: int, share: float
) -> None:
    monkeypatch.setattr(module, "LINES_PER_PATCH", size)
    active = np.random.default_rng(size).uniform(size=len(lines)) < share
    found = native_patches(template, lines, active)
    assert np.array_equal(np.concatenate([p.lines for p in found]), np.flatnonzero(active))
    for patch in found:
        assert len(patch.lines) < 2 * size
        assert np.all(np.diff(patch.samples) > 0)
        seen = darkened(template, lines.take(patch.lines))
        assert set(np.flatnonzero(seen)) <= set(patch.samples.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_patches_apart_share_no_sample(seed: int) -> None:
    draw = np.random.default_rng(seed)
    begin, length = draw.integers(0, 1000, 40), draw.integers(1, [5, 50, 200][seed % 3], 40)
    some = [Patch(np.arange(1), np.arange(b, b + n)) for b, n in zip(begin, length, strict=True)]
    groups = apart(some)
    assert sorted(k for group in groups for k in group) == list(range(40))
    over = np.zeros(1200, dtype=int)
    for patch in some:
        over[patch.samples] += 1
    assert len(groups) == over.max()  # fewer there cannot be
    for group in groups:
        samples = np.concatenate([some[k].samples for k in group])
        assert np.unique(samples).size == samples.size


def test_nothing_active_is_no_patch(template: Template, lines: LineList) -> None:
    nothing = np.zeros(len(lines), dtype=bool)
    assert native_patches(template, lines, nothing) == []
    assert near_changes(lines, np.empty(0)).sum() == 0


@pytest.mark.parametrize("size", [10, 35, 300])
def test_blurred_patches(
    template: Template, lines: LineList, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "LINES_PER_BLURRED_PATCH", size)
    segments = template.segments()
    assert len(segments) == 2
    active = np.zeros(len(lines), dtype=bool)
    active[[5, 80]] = True
    every = blurred_patches(template, lines, np.ones(len(lines), dtype=bool))
    assert np.array_equal(np.concatenate([p.lines for p in every]), np.arange(len(lines)))
    for patch in every:
        assert np.array_equal(np.diff(patch.samples), np.ones(patch.samples.size - 1))  # in one piece
        assert sum(s.start <= patch.samples[0] and patch.samples[-1] < s.stop for s in segments) == 1
    few = blurred_patches(template, lines, active)
    wanted = [p for p in every if 5 in p.lines or 80 in p.lines]
    assert [p.lines.tolist() for p in few] == [p.lines.tolist() for p in wanted]


def test_a_blurred_template_is_not_cut_in_the_dark(
    template: Template, lines: LineList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINES_PER_BLURRED_PATCH", 10)
    dark = Template("t", template.wavelength, 0.5 * template.normalised, template.continuum)
    assert len(blurred_patches(dark, lines, np.ones(len(lines), dtype=bool))) == 2


def test_neighbours_of_changes(lines: LineList) -> None:
    changed = np.array([lines.centre[30] + 1e-6, 8700.0, 8500.0])
    found = near_changes(lines, changed, neighbours=4)
    wanted = np.zeros(len(lines), dtype=bool)
    wanted[27:36] = wanted[:5] = wanted[-4:] = True
    assert np.array_equal(found, wanted)
