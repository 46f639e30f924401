"""Lines in the wings of a line with a floor: real ones are narrow, broad ones would stand for its profile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import peak_widths

from blase.cloning.find_lines import FWHM_PER_SIGMA, TypicalWidths
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.templates.template import Template

FloatArray = NDArray[np.float64]

BLEND_PRIOR = {"log_sigma": 0.15, "log_gamma": 0.3}
"""Departures of a blend in the wing of a line with a floor: its widths are those of an ordinary line."""
FLOORED_PRIOR = {"log_sigma": 0.2, "log_gamma": 1.0}
"""Departures of a line with a floor."""
_ABSORBED = 0.03
"""Optical depth down to which a wing counts."""
_EDGE = 10.0
"""Standard deviations beyond the damping core up to which a misfit is taken for one of its edge."""
_NARROW = 1.5
"""Times the width of a weak line that a blend may have in what is left of the template."""


def in_wings(lines: LineList, wavelength: FloatArray) -> NDArray[np.bool_]:
    """Which of the `wavelength` (n,) lie in the wings of lines with floors."""
    some = lines.take(lines.floored)
    gamma = some.gamma * some.centre / SPEED_OF_LIGHT
    return _within(wavelength, some.centre, np.sqrt(some.strength * gamma / (np.pi * _ABSORBED)))


def in_cores(lines: LineList, wavelength: FloatArray) -> NDArray[np.bool_]:
    """Which of the `wavelength` (n,) lie in the cores of lines with floors, or at the edge of one."""
    some, floors = lines.take(lines.floored), lines.floors()
    per_velocity = some.centre / SPEED_OF_LIGHT
    tau = floors["core_opacity"] * floors["wing_power"] * (1 - floors["wing_floor"])
    wing = np.sqrt(some.strength * some.gamma * per_velocity / (np.pi * tau))
    return _within(wavelength, some.centre, wing + _EDGE * some.sigma * per_velocity)


def _within(wavelength: FloatArray, centre: FloatArray, half: FloatArray) -> NDArray[np.bool_]:
    return np.asarray((np.abs(wavelength[:, None] - centre) < half).any(axis=1))


def blends(lines: LineList, others: LineList) -> NDArray[np.bool_]:
    """Which of the `lines` are blends in the wings of lines with floors, be these among them or `others`."""
    out = in_wings(lines, lines.centre) | in_wings(others, lines.centre)
    out[lines.floored] = False
    return out


def true_blends(
    template: Template, model: FloatArray, added: LineList, lines: LineList, widths: TypicalWidths
) -> LineList:
    """Of the lines to be `added`, those that are not there to mend the profile of a line with a floor.

    Where the `model` (n,) of all `lines` has a floor, what it leaves is a line only if it is as narrow as
    one, and lies outside the core.
    """
    wavelength = template.wavelength
    excess = np.maximum(model - template.normalised, 0.0)
    peaks = np.searchsorted(wavelength, added.centre)
    typical = FWHM_PER_SIGMA * (widths.sigma + 0.5 * widths.gamma) * added.centre / SPEED_OF_LIGHT
    narrow = peak_widths(excess, peaks)[0] * np.gradient(wavelength)[peaks] < _NARROW * typical
    mends = in_cores(lines, added.centre) | (in_wings(lines, added.centre) & ~narrow)
    return added.take(~mends)
