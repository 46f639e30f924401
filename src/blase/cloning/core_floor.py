"""Which lines of a template get a core floor: very broad ones, where the evidence asks for it.

A line far broader than its fellows is saturated; its core shows the temperature of the surface and its wings
that of deeper layers, which no exp(-tau) reproduces. Such a line is fitted with and without a floor, together
with its surroundings, and keeps the floor where the evidence (Laplace's approximation; MacKay 1992, Neural
Comput. 4, 415) gains more than `LEAST_GAIN`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths
from threadpoolctl import threadpool_limits

from blase.cloning.find_lines import FWHM_PER_SIGMA, TypicalWidths, missing_lines
from blase.cloning.template_model import fitted_lines, template_objective
from blase.cloning.wing_blends import blends, true_blends
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import FLOOR_COLUMNS, LineList
from blase.fit.jacobian import jacobian
from blase.fit.levenberg_marquardt import minimise_structured
from blase.fit.line_columns import COARSE_WINDOWS
from blase.fit.objective import Objective
from blase.templates.template import Template

FloatArray = NDArray[np.float64]

LEAST_GAIN = 3.0
"""Gain in ln(evidence) for which a line keeps its floor."""
_DEEP, _HEIGHT, _BROAD = 0.4, 0.8, 15.0
"""A candidate stands out by `_DEEP`, and `_HEIGHT` of that above its core it is `_BROAD` times as broad as a
weak line at half of its depth."""
_DARK = 0.02
"""Light in the core below which a line has no floor."""
_SURROUNDINGS = 3.0
"""Half width of what is fitted with a line, in units of the width of the line."""
_WING_FLOOR, _CORE_OPACITY, _WING_POWER = 0.36, 3000.0, 0.45
"""Where a floor begins: what the calcium triplet of a dwarf of 4750 K has."""
_LEAST_GAMMA = 1e-3
"""Half width [km/s] below which there are no damping wings."""
_ITERATIONS, _TOLERANCE = 40, 0.1
"""Of the fit that decides; the one before it, which shows what is missing, need only be rough."""
_ROUGH_ITERATIONS, _ROUGH_TOLERANCE = 15, 3.0


@dataclass(frozen=True)
class Candidate:
    """A line that may have a floor: its `centre` and `width` [Angstrom], and the light left in its core."""

    centre: float
    width: float
    light: float

    @property
    def shoulder(self) -> float:
        """Depth at half of the width from the centre."""
        return (1 - _HEIGHT) * (1 - self.light)


def candidates(template: Template, widths: TypicalWidths) -> list[Candidate]:
    """Lines much broader than a weak one whose cores are not black, the broadest first."""
    wavelength, depth = template.wavelength, 1 - template.normalised
    peaks, _ = find_peaks(depth, prominence=_DEEP)
    if not peaks.size:
        return []
    width = peak_widths(depth, peaks, rel_height=_HEIGHT)[0] * np.gradient(wavelength)[peaks]
    typical = FWHM_PER_SIGMA * (widths.sigma + 0.5 * widths.gamma) * wavelength[peaks] / SPEED_OF_LIGHT
    broad = np.flatnonzero((width > _BROAD * typical) & (template.normalised[peaks] > _DARK))
    return [
        Candidate(float(wavelength[peaks[i]]), float(width[i]), float(template.normalised[peaks[i]]))
        for i in broad[np.argsort(-width[broad])]
    ]


def give_floors(template: Template, lines: LineList, widths: TypicalWidths, prominence: float) -> LineList:
    """Stellar `lines` with floors where the evidence asks for them, and there with the parameters so found.

    With and without a floor, lines are added once where absorption by the `prominence` [continuum] is left:
    a crowd of blended lines is broad too.
    """
    for candidate in candidates(template, widths):
        lines = _decide(template, lines, widths, candidate, prominence)
    return lines


def _decide(
    template: Template, lines: LineList, widths: TypicalWidths, candidate: Candidate, prominence: float
) -> LineList:
    half = _SURROUNDINGS * candidate.width
    low, high = candidate.centre - half, candidate.centre + half
    here = lines.in_range(low, high)
    which = int(np.argmin(np.abs(here.centre - candidate.centre)))
    floored = _started(here, which, candidate, widths)
    near = _Surroundings(template.crop(low, high), floored, widths, prominence)
    found, fitted = near.fit(floored, which)
    own = _own(fitted, candidate)
    if not _plausible(own, candidate):
        return lines
    plain, _ = near.fit(here, which)
    if _evidence(found) - _evidence(plain) <= LEAST_GAIN:
        return lines
    if here.round is not None:
        own = replace(own, round=here.round[[which]])
    return LineList.concatenated([lines.take(lines.centre != here.centre[which]), own])


def _plausible(own: LineList, candidate: Candidate) -> bool:
    """Whether a line has damping wings, and a floor not above the light that is left in its core.

    Several lines that lie together are as broad as one strong line, but not of its shape.
    """
    assert own.core_floor is not None
    return bool(own.core_floor[0] <= candidate.light and own.gamma[0] > _LEAST_GAMMA)


def _own(lines: LineList, candidate: Candidate) -> LineList:
    """The line with a floor next to the candidate."""
    some = lines.take(lines.floored)
    return some.take([int(np.argmin(np.abs(some.centre - candidate.centre)))])


def _started(here: LineList, which: int, candidate: Candidate, widths: TypicalWidths) -> LineList:
    """The lines with a floor given to `which`, whose wings start as far out as they are seen."""
    columns = {
        name: np.full(len(here), np.nan) if getattr(here, name) is None else getattr(here, name).copy()
        for name in FLOOR_COLUMNS
    }
    wing = max(_WING_FLOOR, candidate.light)
    levels = (0.9 * candidate.light, wing, _CORE_OPACITY, _WING_POWER)
    for name, level in zip(FLOOR_COLUMNS, levels, strict=True):
        columns[name][which] = level
    eta = (1 - candidate.shoulder / (1 - wing)) ** (-1 / _WING_POWER) - 1
    tau = _WING_POWER * (1 - wing) * eta
    strength, sigma, gamma = here.strength.copy(), here.sigma.copy(), here.gamma.copy()
    sigma[which], gamma[which] = widths.sigma, widths.gamma
    strength[which] = (
        tau * np.pi * (candidate.width / 2) ** 2 / (widths.gamma * candidate.centre / SPEED_OF_LIGHT)
    )
    return replace(here, strength=strength, sigma=sigma, gamma=gamma, **columns)


@dataclass(frozen=True)
class _Surroundings:
    """The `template` around a candidate; lines in the wings of those `floored` are held to be narrow."""

    template: Template
    floored: LineList
    widths: TypicalWidths
    prominence: float

    def fit(self, lines: LineList, which: int) -> tuple[Objective, LineList]:
        """Fit `lines`, then them and what they leave, the line `which` with whatever widths; its lines."""
        objective = self._fit(lines, lines.centre[which], _ROUGH_ITERATIONS, _ROUGH_TOLERANCE)
        fitted = fitted_lines(objective, "stellar", lines)
        with torch.no_grad():
            centre = float(objective.model.star.lines.observed(0.0, torch.tensor(which))["centre"])
            added = self._missing(objective.model().numpy(), fitted)
        more = LineList.concatenated([fitted, added])
        objective = self._fit(more, centre, _ITERATIONS, _TOLERANCE)
        return objective, fitted_lines(objective, "stellar", more)

    def _missing(self, model: FloatArray, lines: LineList) -> LineList:
        template = self.template
        added = missing_lines(
            template.wavelength,
            template.normalised,
            model,
            lines,
            self.widths,
            prominence=self.prominence,
        )
        return true_blends(template, model, added, lines, self.widths) if lines.floored.size else added

    def _fit(self, lines: LineList, centre: float, iterations: int, tolerance: float) -> Objective:
        own = int(np.argmin(np.abs(lines.centre - centre)))
        narrow = blends(lines, self.floored)
        narrow[own] = False
        objective = template_objective(self.template, lines, self.widths, "stellar", narrow=narrow)
        belief = objective.space.priors["star.lines.log_gamma"]
        belief.mean[own] = float(np.log(lines.gamma[own]))  # as broad as it is seen, with or without a floor
        minimise_structured(
            objective,
            objective.space.pack(objective.model),
            damping=np.ones(2),
            windows=COARSE_WINDOWS,
            max_iterations=iterations,
            tolerance=tolerance,
        )
        return objective


def _evidence(objective: Objective) -> float:
    """ln of the evidence where the model stands, but for what both alternatives share."""
    z = objective.space.pack(objective.model)
    columns = jacobian(objective.model, objective.data, objective.space).to_dense()
    with threadpool_limits(1, user_api="blas"):
        curvature = columns.T @ columns + np.eye(z.numel())
        return -objective.value(z) - 0.5 * float(np.linalg.slogdet(curvature)[1])
