"""Floors in clones: given where the evidence asks, and to single lines without helpers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from blase.cloning import Clone, clone_template
from blase.cloning.core_floor import candidates, give_floors
from blase.cloning.find_lines import TypicalWidths
from blase.cloning.first_lines import first_lines
from blase.cloning.template_model import template_objective, voigt_lines
from blase.cloning.wing_blends import blends, in_cores, in_wings, true_blends
from blase.constants import SPEED_OF_LIGHT
from blase.containers import LineList
from blase.functional.optical_depth import sampling
from blase.templates import read_template
from blase.templates.line_rendering import render_optical_depth
from blase.templates.template import Template

FloatArray = NDArray[np.float64]
WIDTHS = TypicalWidths(1.2, 0.17)
WAVELENGTH = 8485.0 + 0.02 * np.arange(1500)
BLENDS = LineList(
    8486.3 + 1.9 * np.arange(15),
    np.geomspace(0.005, 0.1, 15)[[3, 9, 0, 6, 11, 2, 7, 4, 13, 10, 1, 14, 8, 12, 5]],
    np.full(15, 1.2),
    np.full(15, 0.17),
)
LEVELS = {"core_floor": 0.12, "wing_floor": 0.36, "core_opacity": 3000.0, "wing_power": 0.45}


def strong_line(strength: float, gamma: float, **levels: float) -> LineList:
    columns = {name: np.array([level]) for name, level in levels.items()}
    return LineList([8500.4], [strength], [1.2], [gamma], **columns)


def floored_light(tau: FloatArray) -> FloatArray:
    """The curve of growth of `LEVELS`, written down once more."""
    core, wing, opacity, power = LEVELS.values()
    reach = opacity + 1 / power
    eta = tau / (power * (1 - wing) + (wing - core) / reach)
    return np.asarray((1 - wing) / (1 + eta) ** power + (wing * reach + core * eta) / (reach + eta))


def template(light: FloatArray) -> Template:
    flux = light * np.exp(-render_optical_depth(WAVELENGTH, BLENDS))
    return Template("a strong line", WAVELENGTH, flux, np.ones(flux.size))


@pytest.fixture(scope="module")
def floored() -> Template:
    return template(floored_light(render_optical_depth(WAVELENGTH, strong_line(600.0, 0.08))))


@pytest.fixture(scope="module")
def exponential() -> Template:
    return template(np.exp(-render_optical_depth(WAVELENGTH, strong_line(1.5, 14.0))))


def decided(spectrum: Template) -> LineList:
    return give_floors(spectrum, first_lines(spectrum, WIDTHS, 2e-3), WIDTHS, 2e-3)


def test_a_line_with_a_floor_gets_it_back(floored: Template) -> None:
    lines = decided(floored)
    assert lines.floored.size == 1
    own = lines.take(lines.floored)
    assert own.centre[0] == pytest.approx(8500.4, abs=2e-3)
    assert (own.strength * own.gamma)[0] == pytest.approx(600.0 * 0.08, rel=0.05)
    for name, rel in (
        ("core_floor", 0.05),
        ("wing_floor", 0.05),
        ("wing_power", 0.05),
        ("core_opacity", 0.5),
    ):
        assert lines.floors()[name][0] == pytest.approx(LEVELS[name], rel=rel), name


def test_a_line_that_needs_none_gets_none(exponential: Template) -> None:
    assert [round(c.centre, 1) for c in candidates(exponential, WIDTHS)] == [8500.4]
    assert decided(exponential).floored.size == 0


def test_weak_lines_are_no_candidates() -> None:
    assert not candidates(template(np.ones(WAVELENGTH.size)), WIDTHS)
    flat = Template("nothing", WAVELENGTH, np.ones(WAVELENGTH.size), np.ones(WAVELENGTH.size))
    assert not candidates(flat, WIDTHS)


def test_a_clone_of_one_strong_line_is_one_line(floored: Template) -> None:
    clone = clone_template(floored)
    assert clone.lines.floored.size == 1
    assert clone.summary["residual_rms_native"] < 3e-4
    assert clone.summary["n_lines"] == 1 + len(BLENDS)


def test_wings_and_cores() -> None:
    lines = LineList.concatenated([strong_line(600.0, 0.08, **LEVELS), BLENDS])
    gamma = 0.08 * 8500.4 / SPEED_OF_LIGHT
    edge = np.sqrt(600.0 * gamma / (np.pi * 0.03))
    at = 8500.4 + np.array([-1.01, -0.99, 0.99, 1.01]) * edge
    assert in_wings(lines, at).tolist() == [False, True, True, False]
    assert in_cores(lines, 8500.4 + np.array([0.0, 0.3, 0.6])).tolist() == [True, True, False]
    nothing = lines.take(slice(0, 0))
    held = blends(lines, nothing)
    assert held.sum() == (np.abs(BLENDS.centre - 8500.4) < edge).sum() and not held[lines.floored].any()
    assert (blends(BLENDS, lines) == held[~np.isin(np.arange(len(lines)), lines.floored)]).all()
    assert not blends(BLENDS, nothing).any() and not in_cores(BLENDS, at).any()


def test_only_what_is_narrow_is_a_line_in_a_wing() -> None:
    """Of a broad, a narrow one and one at the edge of the core only the narrow; far from the line any."""
    lines = strong_line(600.0, 0.08, **LEVELS)
    centre, width = np.array([8489.0, 8498.4, 8500.6, 8502.4]), np.array([0.3, 0.3, 0.04, 0.04])
    dips = 0.01 * np.exp(-0.5 * ((WAVELENGTH[:, None] - centre) / width) ** 2)
    spectrum = template(np.ones(WAVELENGTH.size) - dips.sum(axis=1))
    model = np.exp(-render_optical_depth(WAVELENGTH, BLENDS))
    added = LineList(centre, np.full(4, 0.01), np.full(4, 1.2), np.full(4, 0.17))
    kept = true_blends(spectrum, model, added, lines, WIDTHS)
    assert kept.centre.tolist() == [8489.0, 8502.4]


def test_blends_are_held_to_the_widths_of_lines(floored: Template) -> None:
    lines = LineList.concatenated([strong_line(600.0, 0.08, **LEVELS), BLENDS])
    held = blends(lines, lines.take([]))
    priors = template_objective(floored, lines, WIDTHS, "stellar").space.priors
    width = priors["star.lines.log_gamma"].width.numpy()
    ordinary = ~held
    ordinary[lines.floored] = False
    assert len(set(width[held])) == len(set(width[ordinary])) == 1
    assert width[held][0] < 0.5 * width[ordinary][0]
    assert "star.lines.floors.logit_core_floor" in priors


@pytest.fixture(scope="module")
def calcium(shared_data: Path) -> tuple[Template, Clone]:
    path = shared_data / "models" / "turbospectrum" / "T4750_g4.5_z0.0_8052-12853A.npz"
    spectrum = read_template(path, wavelength_range=(8470.0, 8695.0))
    return spectrum, clone_template(spectrum)


TRIPLET = {8500.36: 1.0, 8544.44: 9.0, 8664.52: 5.0}
"""Wavelengths of the calcium triplet and its relative strengths in LS coupling."""


@pytest.mark.parametrize("centre", TRIPLET)
def test_the_calcium_triplet_is_one_line_each(calcium: tuple[Template, Clone], centre: float) -> None:
    """The residual is below 0.15 % rms over +-20 A; what else is there is as narrow as a line."""
    spectrum, clone = calcium
    lines, near = clone.lines, np.abs(spectrum.wavelength - centre) < 20
    with torch.no_grad():
        tau = voigt_lines(lines)(
            sampling(torch.from_numpy(spectrum.wavelength)), 0.0, torch.arange(len(lines))
        )
    residual = np.exp(-tau.numpy()) - spectrum.normalised
    assert np.sqrt(np.mean(residual[near] ** 2)) < 1.5e-3
    distance = np.abs(lines.centre - centre)
    assert np.argmin(distance) in lines.floored
    others = np.delete(np.arange(len(lines)), np.argmin(distance))
    assert distance[others].min() > 0.2  # 8664.27 is iron
    wings = others[distance[others] < 10]
    assert (lines.sigma + lines.gamma)[wings].max() < 4.0  # km/s; the triplet is 40 to 300 broad


def test_strengths_of_the_triplet_are_those_of_a_multiplet(calcium: tuple[Template, Clone]) -> None:
    lines = calcium[1].lines
    own = [int(np.argmin(np.abs(lines.centre - centre))) for centre in TRIPLET]
    damped = lines.strength[own] * lines.gamma[own]
    np.testing.assert_allclose(damped / damped[0], list(TRIPLET.values()), rtol=0.1)


def test_telluric_and_blurred_templates_get_no_floors(floored: Template) -> None:
    part = floored.crop(8495.0, 8506.0)
    assert clone_template(part).lines.floored.size == 1
    assert clone_template(part, kind="telluric").lines.floored.size == 0
    blurred = replace(part, resolving_power=80_000.0)
    assert clone_template(blurred).lines.floored.size == 0


def test_a_black_core_has_no_floor() -> None:
    """A line that absorbs as exp(-tau), so deep that nothing is left, cannot have one."""
    light = np.exp(-render_optical_depth(WAVELENGTH, strong_line(30.0, 5.0)))
    assert light.min() < 1e-3
    assert not candidates(template(light), WIDTHS)
