"""How well a clone reproduces its template, at native sampling and behind an instrument."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from blase.constants import SPEED_OF_LIGHT
from blase.functional.grid import log_grid, velocity_step
from blase.functional.line_spread import line_spread_broadening, velocity_sigma
from blase.templates.template import Template

FloatArray = NDArray[np.float64]


def rms(values: FloatArray) -> float:
    """Unweighted root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def blurred_residual(template: Template, residual: FloatArray, resolving_power: float) -> FloatArray:
    """`residual` (n,) as an instrument of the given resolving power shows it, segment by segment.

    Blurring is linear, so the difference of two blurred spectra is the blurred difference. Outside a segment
    the residual is taken as its end value. Cubic splines lead to an even grid and back: straight lines
    would smooth.
    """
    out = np.empty_like(residual)
    for part in template.segments():
        wavelength = template.wavelength[part]
        if wavelength.size < 3:
            out[part] = residual[part]
            continue
        step = velocity_step(wavelength[[0, -1]]) / (wavelength.size - 1)
        step = min(step, float(velocity_sigma(resolving_power)) / 3)
        margin = 1 + 6 * float(velocity_sigma(resolving_power)) / SPEED_OF_LIGHT
        grid = log_grid(wavelength[0] / margin, wavelength[-1] * margin, step=step).numpy()
        inside = np.clip(grid, wavelength[0], wavelength[-1])
        even = torch.from_numpy(CubicSpline(wavelength, residual[part])(inside))
        blurred = line_spread_broadening(
            even, step=step, resolving_power=resolving_power, h3=0.0, h4=0.0
        ).numpy()
        out[part] = CubicSpline(grid, blurred)(wavelength)
    return out
