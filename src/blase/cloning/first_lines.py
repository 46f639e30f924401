"""Where a clone begins: a line at every minimum, as deep as the template, the broad ones with wings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

from blase.cloning.find_lines import (
    FWHM_PER_SIGMA,
    TypicalWidths,
    find_lines,
    typical_widths,
    velocity_spacing,
)
from blase.cloning.template_model import blur_of, optical_depth_of, telluric_widths
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.templates.template import Template

FloatArray = NDArray[np.float64]

_BLURRED_STELLAR = TypicalWidths(1.5, 0.3)
_BROAD = 4.0
"""A minimum so many times as wide as a typical line is one with wings."""
_DEEP = 0.1
_LEAST_LIGHT = 5e-3
"""Optical depths beyond this transmission cannot be read off a template."""
_CORRECTIONS = 2
_MOST_CORRECTION = (0.2, 3.0)


def starting_widths(template: Template, kind: str, prominence: float) -> TypicalWidths:
    """Believed widths of the lines of `template`: those that it shows, where it is not blurred."""
    blur = blur_of(template)
    if blur is None:
        return typical_widths(template.wavelength, template.normalised, prominence=prominence)
    if kind == "telluric":
        return telluric_widths(float(np.median(template.wavelength)))
    return _BLURRED_STELLAR


def first_lines(template: Template, widths: TypicalWidths, prominence: float) -> LineList:
    """One line, found in round 1, at every minimum of `template` that stands out by `prominence` [continuum].

    Raises `InputError` where there is none.
    """
    blur = blur_of(template)
    seen = None if blur is None else blur.sigma
    wavelength, normalised = template.wavelength, template.normalised
    lines = find_lines(wavelength, normalised, widths, prominence=prominence, blurred_sigma=seen)
    if not len(lines):
        raise InputError(
            "no line stands out of the continuum",
            path=template.path,
            value=f"prominence {prominence}, {len(template)} samples "
            f"between {normalised.min():.6g} and {normalised.max():.6g} of the continuum",
            expected="at least one absorption line",
            fix="lower --prominence, or check that the template is a spectrum",
        )
    if blur is None:  # behind a blur gamma is held to what is believed of it, and depths say little
        typical = FWHM_PER_SIGMA * widths.sigma
        lines = with_wings(wavelength, normalised, lines, prominence=prominence, typical=typical)
        lines = as_deep_as_the_template(template, lines)
    return replace(lines, round=np.ones(len(lines), dtype=np.int64))


def with_wings(
    wavelength: FloatArray, normalised: FloatArray, lines: LineList, *, prominence: float, typical: float
) -> LineList:
    """The `lines` of `find_lines`, those much wider than a `typical` width [km/s, FWHM] as Lorentzians.

    With tau_0 at the centre of a minimum and tau_h at half of its depth, a distance w/2 away,
    tau = tau_0 / (1 + (x/gamma)^2) gives gamma = (w/2) / sqrt(tau_0 / tau_h - 1) and A = pi gamma tau_0. A
    strong line that begins narrow fights its neighbours for the light in its wings through many steps.
    """
    depth = 1 - normalised
    peaks, _ = find_peaks(depth, prominence=prominence)
    width, height = peak_widths(depth, peaks, rel_height=0.5)[:2]
    width = width * velocity_spacing(wavelength)[peaks]
    centre_depth, half_depth = (-np.log1p(-np.clip(d, 1e-6, 0.995)) for d in (depth[peaks], height))
    broad = (width > _BROAD * typical) & (depth[peaks] > _DEEP) & (centre_depth > half_depth)
    ratio = np.where(broad, centre_depth / half_depth, 2.0)
    gamma = 0.5 * width / np.sqrt(ratio - 1)
    strength = np.pi * gamma * centre_depth * lines.centre / SPEED_OF_LIGHT
    return replace(
        lines,
        strength=np.where(broad, strength, lines.strength),
        gamma=np.where(broad, gamma, lines.gamma),
    )


def as_deep_as_the_template(template: Template, lines: LineList) -> LineList:
    """The `lines`, as strong as the template's optical depth at their centres asks for, all together.

    Each was guessed as if it stood alone; strengths are multiplied by the ratio of the template's optical
    depth to that of all lines, twice.
    """
    place = np.searchsorted(template.wavelength, lines.centre)
    wanted = -np.log(np.clip(template.normalised[place], _LEAST_LIGHT, 1.0))
    for _ in range(_CORRECTIONS):
        ratio = wanted / optical_depth_of(lines, template.wavelength)[place]
        lines = replace(lines, strength=lines.strength * np.clip(ratio, *_MOST_CORRECTION))
    return lines
