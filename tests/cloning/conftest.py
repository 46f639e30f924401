"""Templates of known lines, rendered with scipy's Voigt profile and blurred with scipy's Gaussian filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from blase.constants import SPEED_OF_LIGHT
from blase.containers import LineList
from blase.templates.line_rendering import logarithmic_grid, render_optical_depth
from blase.templates.template import Template

SAMPLING = 500_000.0

TemplateFactory = Callable[..., Template]


@pytest.fixture
def isolated_lines() -> LineList:
    """Twelve lines 1.5 A apart, weak to saturated, of cool-star widths."""
    centre = 8640.0 + 1.5 * np.arange(12) + 0.11 * np.sin(np.arange(12.0))
    strength = np.geomspace(0.004, 0.25, 12)[np.array([3, 9, 0, 6, 11, 2, 7, 4, 10, 1, 8, 5])]
    return LineList(centre, strength, np.linspace(1.4, 1.9, 12), np.linspace(0.15, 0.35, 12)[::-1])


@pytest.fixture
def telluric_lines() -> LineList:
    """Water lines of thermal width (270 K) and a pressure-broadened wing, 1 A apart."""
    centre = 8225.0 + 1.0 * np.arange(20) + 0.2 * np.cos(np.arange(20.0))
    strength = np.geomspace(0.003, 0.06, 20)[np.random.default_rng(1).permutation(20)]
    return LineList(centre, strength, np.full(20, 0.3531), np.full(20, 1.48))


@pytest.fixture
def crowd() -> LineList:
    """48 lines that overlap, one of them with wings over a third of all."""
    draw = np.random.default_rng(7)
    centre = 8600.0 + 0.22 * np.arange(48) + draw.uniform(-0.05, 0.05, 48)
    lines = LineList(
        centre, 10 ** draw.uniform(-2.3, -1.2, 48), draw.uniform(1.4, 1.8, 48), np.full(48, 0.25)
    )
    gamma, strength = lines.gamma.copy(), lines.strength.copy()
    gamma[20], strength[20] = 12.0, 1.5
    return replace(lines, gamma=gamma, strength=strength)


@pytest.fixture
def template_of() -> TemplateFactory:
    """Render lines into a template, blurred to `blurred_to` where that is given."""

    def make(lines: LineList, *, blurred_to: float | None = None, **declared: object) -> Template:
        wide = logarithmic_grid(lines.centre[0] - 4, lines.centre[-1] + 4, step=1 / SAMPLING)
        flux = np.exp(-render_optical_depth(wide, lines))
        if blurred_to is not None:
            flux = gaussian_filter1d(flux, SAMPLING / blurred_to / np.sqrt(8 * np.log(2)), truncate=8.0)
        inside = (wide > lines.centre[0] - 3) & (wide < lines.centre[-1] + 3)
        return Template(
            name="known lines",
            wavelength=wide[inside],
            normalised=flux[inside],
            continuum=np.ones(inside.sum()),
            **declared,  # type: ignore[arg-type]
        )

    return make


@pytest.fixture
def nearest_to() -> Callable[[LineList, LineList], tuple[np.ndarray, np.ndarray]]:
    """For every true line the index of the nearest found one, and the distance [km/s]."""

    def match(truth: LineList, found: LineList) -> tuple[np.ndarray, np.ndarray]:
        distance = np.abs(found.centre[None, :] / truth.centre[:, None] - 1) * SPEED_OF_LIGHT
        index = distance.argmin(axis=1)
        return index, distance[np.arange(len(truth)), index]

    return match
