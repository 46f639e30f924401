"""Lines that a fit has made superfluous: those that vanished, and those that have become one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import voigt_profile

from blase.cloning.removed_lines import RemovedLine
from blase.cloning.template_model import NATIVE_ERROR
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.templates.template import Template

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

VANISHED = 0.1
"""A line that changes the spectrum by less than this share of the prominence has vanished."""
DUPLICATE = 0.5
"""Two lines are one if merging them changes the spectrum by less than this share of the prominence."""
LEAST_EVIDENCE = 0.5
"""Nor may more than this of ln(likelihood) be lost."""
_OFFSETS = np.sinh(np.linspace(-6.0, 6.0, 61))
"""Where the effect of a line is looked at: up to two hundred of its widths away."""


def without_vanished(
    template: Template, model: FloatArray, lines: LineList, *, prominence: float, round_number: int
) -> tuple[LineList, list[RemovedLine]]:
    """The lines that matter anywhere in `template`, and those that do not; the strongest always stays.

    `model` (n,) are the template's samples as the lines model them: in the black core of another line nothing
    matters.
    """
    limit, centre = VANISHED * prominence, lines.centre[:, None]
    at_centre, _ = _effect(template, model, centre, _optical_depth(lines, centre))
    weak = np.flatnonzero(at_centre < limit)
    weak = weak[lines.strength[weak] < lines.strength.max(initial=0.0)]
    few = lines.take(weak)
    change, evidence = _effect(template, model, _around(few), _optical_depth(few, _around(few)))
    gone = np.zeros(len(lines), dtype=bool)
    gone[weak] = (change < limit) & (evidence < LEAST_EVIDENCE)
    removed = [_removed(lines, int(j), round_number, "vanished") for j in np.flatnonzero(gone)]
    return lines.take(~gone), removed


def without_duplicates(
    template: Template, model: FloatArray, lines: LineList, *, prominence: float, round_number: int
) -> tuple[LineList, list[RemovedLine]]:
    """The lines with every two neighbours that are one line merged, and the weaker ones of these pairs.

    Strengths are added; centre and widths are means weighted with the strengths, so that the optical depth
    stays as it was to first order in the differences. A line with a floor stays as it is.
    """
    width = (lines.sigma + lines.gamma) * lines.centre / SPEED_OF_LIGHT
    near = np.diff(lines.centre) < np.minimum(width[1:], width[:-1])
    near[lines.floored[lines.floored > 0] - 1] = near[lines.floored[lines.floored < near.size]] = False
    close = np.flatnonzero(near)
    first, second = lines.take(close), lines.take(close + 1)
    merged = _merged(first, second)
    at = _around(merged)
    change = _optical_depth(merged, at) - _optical_depth(first, at) - _optical_depth(second, at)
    size, evidence = _effect(template, model, at, change)
    one = (size < DUPLICATE * prominence) & (evidence < LEAST_EVIDENCE)
    return _replaced(lines, merged.take(one), _apart(close[one]), close[one], round_number)


def _apart(pairs: NDArray[np.int64]) -> BoolArray:
    """Which of the increasing first members of pairs to take, so that no line is in two pairs."""
    taken, last = np.zeros(pairs.size, dtype=bool), -2
    for k, j in enumerate(pairs):
        if j > last + 1:
            taken[k], last = True, j
    return taken


def _replaced(
    lines: LineList, merged: LineList, taken: BoolArray, pairs: NDArray[np.int64], round_number: int
) -> tuple[LineList, list[RemovedLine]]:
    """`lines` with those of the `taken` pairs replaced by what they merge into."""
    merged, pairs = merged.take(taken), pairs[taken]
    weaker = np.where(lines.strength[pairs] < lines.strength[pairs + 1], pairs, pairs + 1)
    removed = [
        _removed(lines, int(j), round_number, "duplicate", float(centre))
        for j, centre in zip(weaker, merged.centre, strict=True)
    ]
    rest = np.ones(len(lines), dtype=bool)
    rest[pairs] = rest[pairs + 1] = False
    return LineList.concatenated([lines.take(rest), merged]), removed


def _merged(first: LineList, second: LineList) -> LineList:
    total = first.strength + second.strength

    def mean(name: str) -> FloatArray:
        one, other = getattr(first, name), getattr(second, name)
        return np.asarray((first.strength * one + second.strength * other) / total)

    stronger = first.strength >= second.strength
    found = (
        None if first.round is None or second.round is None else np.where(stronger, first.round, second.round)
    )
    return LineList(mean("centre"), total, mean("sigma"), mean("gamma"), round=found)


def _around(lines: LineList) -> FloatArray:
    """Wavelengths (n_lines, 61) around every line, dense at its centre."""
    width = (lines.sigma + lines.gamma) * lines.centre / SPEED_OF_LIGHT
    return lines.centre[:, None] + width[:, None] * _OFFSETS


def _optical_depth(lines: LineList, at: FloatArray) -> FloatArray:
    """Optical depth (n_lines, k) of every line at its own wavelengths `at` (n_lines, k)."""
    scale = (lines.centre / SPEED_OF_LIGHT)[:, None]
    profile = voigt_profile(
        at - lines.centre[:, None], lines.sigma[:, None] * scale, lines.gamma[:, None] * scale
    )
    return np.asarray(lines.strength[:, None] * profile)


def _effect(
    template: Template, model: FloatArray, at: FloatArray, depth: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What changes of optical `depth` at wavelengths `at`, both (n_lines, k), do to the template.

    Two arrays (n_lines,): the largest change of transmission on any sample, and half of the sum of squared
    changes over all samples in units of the errors that the fit ascribes to them. Beyond the template and in
    its gaps there are no samples.
    """
    wavelength = template.wavelength
    light = np.zeros_like(at)
    density = np.zeros_like(at)
    for part in template.segments():
        here = wavelength[part]
        inside = (at >= here[0]) & (at <= here[-1])
        light[inside] = np.interp(at[inside], here, model[part])
        density[inside] = (here.size - 1) / (here[-1] - here[0]) if here.size > 1 else 0.0
    change = np.abs(light * depth)
    samples = density * np.diff(at, axis=1, append=at[:, -1:])
    return change.max(axis=1, initial=0.0), 0.5 * (samples * (change / NATIVE_ERROR) ** 2).sum(axis=1)


def _removed(
    lines: LineList, j: int, round_number: int, reason: str, duplicate_of: float = float("nan")
) -> RemovedLine:
    return RemovedLine(
        centre=float(lines.centre[j]),
        strength=float(lines.strength[j]),
        sigma=float(lines.sigma[j]),
        gamma=float(lines.gamma[j]),
        found=1 if lines.round is None else int(lines.round[j]),
        round=round_number,
        reason=reason,
        duplicate_of=duplicate_of,
    )
