"""Cloning recovers known lines, at native resolution and through a blur, and says what it cannot clone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from blase.cloning import clone_template
from blase.containers import LineList
from blase.errors import InputError
from blase.templates import read_template
from blase.templates.embedded import embedded_lines, embedded_template
from blase.templates.template import LineTemplate, Template

TemplateFactory = Callable[..., Template]
Match = Callable[[LineList, LineList], tuple[np.ndarray, np.ndarray]]

SUMMARY_KEYS = {
    "residual_rms_native",
    "residual_rms_instrument",
    "instrument_resolving_power",
    "n_lines",
    "wall_seconds",
}


def test_isolated_lines_are_recovered(
    isolated_lines: LineList, template_of: TemplateFactory, nearest_to: Match
) -> None:
    events: list[dict[str, Any]] = []
    clone = clone_template(template_of(isolated_lines), progress=events.append)
    index, distance = nearest_to(isolated_lines, clone.lines)
    found = clone.lines.take(index)
    assert len(clone.lines) <= len(isolated_lines) + 2
    assert distance.max() < 0.02
    assert_allclose(found.strength, isolated_lines.strength, rtol=0.02)
    assert_allclose(found.sigma, isolated_lines.sigma, rtol=0.03)
    assert_allclose(found.gamma, isolated_lines.gamma, atol=0.08)
    assert clone.summary["residual_rms_native"] < 1e-3
    assert clone.kind == "stellar"
    assert {"stage", "iteration", "total", "residual_rms", "message"} <= events[0].keys()


def test_embedded_star() -> None:
    span = (8640.0, 8660.0)
    clone = clone_template(embedded_template("star", wavelength_range=span))
    assert clone.summary.keys() >= SUMMARY_KEYS
    assert clone.summary["residual_rms_native"] < 0.003
    assert clone.summary["residual_rms_instrument"] <= clone.summary["residual_rms_native"]
    assert clone.summary["n_lines"] == len(clone.lines)
    assert clone.summary["converged"]
    true = embedded_lines("star", wavelength_range=span)
    visible = np.count_nonzero(true.strength > 0.005)
    assert 0.5 * visible < len(clone.lines) < 1.5 * len(true)
    assert clone.wavelength_range[0] == pytest.approx(span[0], abs=0.02)
    assert clone.wavelength_range[1] == pytest.approx(span[1], abs=0.02)


def test_template_blurred_to_a_declared_resolving_power(
    telluric_lines: LineList, template_of: TemplateFactory, nearest_to: Match
) -> None:
    template = template_of(telluric_lines, blurred_to=60_000.0, resolving_power=60_000.0)
    clone = clone_template(template, kind="telluric")
    index, distance = nearest_to(telluric_lines, clone.lines)
    assert distance.max() < 0.03
    assert_allclose(clone.lines.strength[index], telluric_lines.strength, rtol=0.05)
    assert_allclose(clone.lines.sigma, 0.3531, rtol=1e-3)
    assert clone.summary["template_resolving_power"] == pytest.approx(60_000.0)
    assert any("not constrained" in note for note in clone.summary["notes"])


@pytest.mark.parametrize("resolving_power", [48_000.0, 75_000.0])
def test_unknown_blur_is_found(
    telluric_lines: LineList, template_of: TemplateFactory, resolving_power: float
) -> None:
    template = template_of(telluric_lines, blurred_to=resolving_power, fit_resolving_power=True)
    clone = clone_template(template, kind="telluric")
    assert clone.summary["template_resolving_power"] == pytest.approx(resolving_power, rel=0.03)


def test_blurred_star_keeps_typical_widths(
    isolated_lines: LineList, template_of: TemplateFactory, nearest_to: Match
) -> None:
    template = template_of(isolated_lines, blurred_to=90_000.0, resolving_power=90_000.0)
    clone = clone_template(template)
    index, _ = nearest_to(isolated_lines, clone.lines)
    weak = isolated_lines.strength < 0.05
    assert_allclose(clone.lines.strength[index][weak], isolated_lines.strength[weak], rtol=0.1)
    assert clone.summary["residual_rms_native"] < 3e-3


def test_line_list_is_adopted_as_it_is(isolated_lines: LineList) -> None:
    clone = clone_template(LineTemplate("a list", isolated_lines, notes=("given",)))
    for name in ("centre", "strength", "sigma", "gamma"):
        assert_array_equal(getattr(clone.lines, name), getattr(isolated_lines, name))
    assert clone.summary["residual_rms_native"] is None
    assert clone.summary["notes"] == ["given"]
    part = clone_template(LineTemplate("a list", isolated_lines), wavelength_range=(8640.0, 8650.0))
    assert part.lines.centre.max() < 8650 and part.wavelength_range == (8640.0, 8650.0)


@pytest.mark.parametrize("prominence", [0.0, -0.1, 1.0, float("nan")])
def test_prominence_out_of_range(
    isolated_lines: LineList, template_of: TemplateFactory, prominence: float
) -> None:
    with pytest.raises(InputError, match="prominence") as caught:
        clone_template(template_of(isolated_lines), prominence=prominence)
    assert str(prominence) in str(caught.value)


def test_range_that_misses_the_template(isolated_lines: LineList, template_of: TemplateFactory) -> None:
    with pytest.raises(InputError, match="9000.00 to 9100.00"):
        clone_template(template_of(isolated_lines), wavelength_range=(9000.0, 9100.0))
    with pytest.raises(InputError, match="no line"):
        clone_template(LineTemplate("a list", isolated_lines), wavelength_range=(9000.0, 9100.0))


def test_flat_template_has_no_lines() -> None:
    wavelength = np.linspace(8600.0, 8610.0, 2000)
    flat = Template("flat", wavelength, np.ones(2000), np.ones(2000), path="flat.txt")
    with pytest.raises(InputError, match="no line stands out") as caught:
        clone_template(flat)
    assert "flat.txt" in str(caught.value) and "--prominence" in str(caught.value)


def test_real_template(shared_data: Path) -> None:
    path = shared_data / "models" / "turbospectrum" / "T4750_g4.5_z0.0_8052-12853A.npz"
    template = read_template(path, wavelength_range=(8650.0, 8700.0))
    clone = clone_template(template)
    assert clone.summary["residual_rms_native"] <= 0.002
    assert clone.summary["residual_rms_instrument"] <= 0.001
    assert 80 < len(clone.lines) < 400
