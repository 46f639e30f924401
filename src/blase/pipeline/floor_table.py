"""Lines with floors in the table of lines: their levels, and errors of their equivalent widths."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from blase.containers.line_list import FLOOR_COLUMNS, LineList
from blase.fit.equivalent_width import equivalent_width
from blase.fit.line_assembly import line_entries
from blase.fit.line_columns import LINE_PARAMETERS
from blase.model.core_floor import FLOOR_PARAMETERS
from blase.model.lines import VoigtLines
from blase.pipeline.solve import Solved

FloatArray = NDArray[np.float64]
_STEP = 1e-4
"""Step of logits and logarithms in the derivatives of an equivalent width."""


def floor_columns(solved: Solved, prefix: str, lines: VoigtLines, cloned: LineList) -> dict[str, FloatArray]:
    """Columns (n_lines,) of floors, their errors and what was cloned; NaN for lines without.

    An error is 0 where the floors are held.
    """
    out = {
        f"{name}{suffix}": np.full(len(lines), np.nan)
        for name in FLOOR_COLUMNS
        for suffix in ("", "_error", "_cloned")
    }
    if lines.floors is None:
        return out
    some, levels = lines.floors.index.numpy(), floor_levels(lines)
    variance, (entry, width) = solved.posterior.variance, _entries(solved, prefix, len(levels["core_floor"]))
    deviation = np.where(entry >= 0, np.sqrt(variance[entry]) * width, 0.0)
    for k, name in enumerate(FLOOR_COLUMNS):
        out[name][some] = levels[name]
        out[f"{name}_error"][some] = deviation[:, k] * slope_of_level(name, levels[name])
        out[f"{name}_cloned"][some] = cloned.floors()[name]
    return out


def floor_levels(lines: VoigtLines) -> dict[str, FloatArray]:
    """Levels (n_floored,) of the floors by their column."""
    assert lines.floors is not None
    with torch.no_grad():
        levels = lines.floors.levels(torch.arange(len(lines.floors)))
    return {name: value.numpy() for name, value in levels.items()}


def slope_of_level(name: str, level: FloatArray) -> FloatArray:
    """Derivative of a level by what the fit moves: its logit, or its logarithm."""
    return level * (1 - level) if name in ("core_floor", "wing_floor") else level


def _entries(solved: Solved, prefix: str, count: int) -> tuple[NDArray[np.int64], FloatArray]:
    return line_entries(solved.objective.space, prefix, count, floors=True)


def floored_widths(
    solved: Solved, prefix: str, lines: VoigtLines, rest: dict[str, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Equivalent widths [Angstrom] of the lines with floors and their standard errors, both (n_floored,).

    `rest` holds strength, sigma and gamma (n_lines,) [Angstrom] of all lines at rest. The errors are to first
    order in the parameters of the line, of its floor, and of the scales that all lines share, with all their
    covariances.
    """
    assert lines.floors is not None
    width, slopes = floored_width_slopes(lines, rest)
    covariance = _covariances(solved, prefix, len(lines), lines.floors.index.numpy())
    variance = np.einsum("nk,nkl,nl->n", slopes, covariance, slopes)
    return width, np.sqrt(variance.clip(min=0))


def floored_width_slopes(lines: VoigtLines, rest: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Equivalent widths (n_floored,) of lines with floors and their derivatives (n_floored, 7).

    Those are by ln strength, ln sigma, ln gamma and by the parameters of the floors; `rest` as in
    `floored_widths`.
    """
    assert lines.floors is not None
    some, levels = lines.floors.index.numpy(), floor_levels(lines)
    strength, sigma, gamma = (rest[name][some] for name in ("strength", "sigma", "gamma"))

    def width(moved: int | None = None, by: float = 0.0) -> FloatArray:
        """Widths with one of strength, sigma, gamma (0, 1, 2) or of the floor's parameters (3 ...) moved."""
        step = [by if k == moved else 0.0 for k in range(3 + len(FLOOR_COLUMNS))]
        floors = {n: _moved(n, levels[n], d) for n, d in zip(FLOOR_COLUMNS, step[3:], strict=True)}
        a, s, g = (p * np.exp(d) for p, d in zip((strength, sigma, gamma), step[:3], strict=True))
        return equivalent_width(a, sigma=s, gamma=g, floors=floors)

    slopes = [(width(k, _STEP) - width(k, -_STEP)) / (2 * _STEP) for k in range(3 + len(FLOOR_COLUMNS))]
    return width(), np.stack(slopes, axis=1)


def _moved(name: str, level: FloatArray, by: float) -> FloatArray:
    """A level whose parameter is moved."""
    if name in ("core_floor", "wing_floor"):
        odds = level / (1 - level) * np.exp(by)
        return np.asarray(odds / (1 + odds))
    return level * np.exp(by)


def _covariances(solved: Solved, prefix: str, count: int, some: NDArray[np.int64]) -> FloatArray:
    """Covariances (n_floored, 7, 7) of ln strength, ln sigma, ln gamma, with the scales that all lines share,
    and of the parameters of the floors `some`.
    """
    posterior, space = solved.posterior, solved.objective.space
    of_line, line_width = line_entries(space, prefix, count)
    of_floor, floor_width = _entries(solved, prefix, some.size)
    names = [f"{prefix}.lines.{kind}_scale" for kind in LINE_PARAMETERS[1:]]
    scale = np.array([space.slices[n].start if n in space.slices else -1 for n in names])
    scale_width = np.array([float(space.priors[n].width) if n in space.slices else 0.0 for n in names])
    common = np.tile(scale, (some.size, 1)), np.tile(scale_width, (some.size, 1))
    entry = np.hstack([of_line[some, 1:], of_floor, common[0]])
    width = np.hstack([line_width[some, 1:], floor_width, common[1]])
    gather = np.hstack([np.eye(3 + len(FLOOR_PARAMETERS)), np.eye(3 + len(FLOOR_PARAMETERS), 3)])
    out = np.empty((some.size, len(gather), len(gather)))
    for j, row in enumerate(entry):
        free = np.flatnonzero(row >= 0)
        place = np.searchsorted(posterior.dense_index, row[free])
        among = np.zeros((row.size, row.size))
        among[np.ix_(free, free)] = posterior.dense.inverse(place, place)
        out[j] = gather @ (among * np.outer(width[j], width[j])) @ gather.T
    return out
