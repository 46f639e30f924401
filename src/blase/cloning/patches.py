"""Patches of a template that are fitted side by side, everything outside of each held."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from blase.cloning.template_model import blur_of
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.fit.line_columns import COARSE_WINDOWS, window_half_width
from blase.templates.template import Template

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LINES_PER_PATCH = 300
LINES_PER_BLURRED_PATCH = 150
"""Behind a blur a line costs more, and it reaches farther."""
_PLAY = 0.2
"""A border may move by this share of a patch to where the template is brightest."""
BRIGHT = 0.9
"""A blurred template is cut where this much of the continuum is left, or not at all: its lines reach far."""


@dataclass(frozen=True)
class Patch:
    """Indices of the lines (m,) that are fitted and of the samples (k,) that they are fitted to."""

    lines: IntArray
    samples: IntArray


def native_patches(template: Template, lines: LineList, active: BoolArray) -> list[Patch]:
    """The `active` lines (n_lines,) in patches of some three hundred, cut in gaps and where it is bright.

    The samples of a patch are all those that its lines darken, wherever they are.
    """
    index = np.flatnonzero(active)
    lo, hi = _windows(template.wavelength, lines.take(index))
    pieces = _pieces(template, lines.take(index), LINES_PER_PATCH)
    return [Patch(index[part], _covered(lo[part], hi[part])) for part, _ in pieces]


def blurred_patches(template: Template, lines: LineList, active: BoolArray) -> list[Patch]:
    """The same for a blurred template, whose samples can only be taken in one piece, and with all its lines.

    Pieces without an `active` line are left out.
    """
    every, blur = np.arange(len(lines)), blur_of(template)
    lo, hi = _windows(template.wavelength, lines, beyond=4 * blur.sigma if blur is not None else 0.0)
    out = []
    for part, segment in _pieces(template, lines, LINES_PER_BLURRED_PATCH, least=BRIGHT):
        if active[part].any():
            first, end = max(lo[part].min(), segment.start), min(hi[part].max(), segment.stop)
            out.append(Patch(every[part], np.arange(first, end)))
    return out


def apart(patches: list[Patch]) -> list[list[int]]:
    """Groups of patches of which no two have a sample between the same ends; as few groups as there can be.

    Patches taken by their first samples, each into the first group that has ended before it: of intervals
    that leaves as many groups as lie over one another anywhere.
    """
    groups: list[list[int]] = []
    ends: list[int] = []
    for k in np.argsort([patch.samples[0] for patch in patches], kind="stable"):
        first, last = patches[k].samples[[0, -1]]
        free = [group for group, end in enumerate(ends) if end < first]
        if free:
            groups[free[0]].append(int(k))
            ends[free[0]] = int(last)
        else:
            groups.append([int(k)])
            ends.append(int(last))
    return groups


def _pieces(
    template: Template, lines: LineList, size: int, *, least: float = -np.inf
) -> list[tuple[slice, slice]]:
    """Some `size` lines each, and the segment of the template that they are in.

    Cut in every gap, and between gaps at samples with at least `least` of the continuum.
    """
    begin = np.clip(np.searchsorted(template.wavelength, lines.centre), 0, len(template) - 1)
    pieces = []
    for segment in template.segments():
        low, high = np.searchsorted(begin, [segment.start, segment.stop])
        cuts = _cuts(template.normalised[segment], begin[low:high] - segment.start, size, least)
        for part in pairwise([low, *(low + cuts), high]):
            if part[1] > part[0]:
                pieces.append((slice(*part), segment))
    return pieces


def _cuts(normalised: FloatArray, begin: IntArray, size: int, least: float) -> IntArray:
    """Before which lines to cut a segment; `begin` (m,) are the samples of the lines."""
    count, play = max(round(begin.size / size), 1), int(_PLAY * size)
    wanted = (np.arange(1, count) * begin.size / count).astype(np.int64)
    if not wanted.size:
        return wanted
    between = np.maximum.reduceat(normalised, begin)[:-1]  # after line k, before line k + 1
    cuts = np.array([w - play + int(np.argmax(between[w - play - 1 : w + play - 1])) for w in wanted])
    return cuts[between[cuts - 1] >= least]


def _windows(wavelength: FloatArray, lines: LineList, *, beyond: float = 0.0) -> tuple[IntArray, IntArray]:
    """First and end of the samples that every line darkens noticeably, and `beyond` that [km/s]."""
    scale = lines.centre / SPEED_OF_LIGHT
    half = window_half_width(lines.strength, lines.sigma * scale, lines.gamma * scale, COARSE_WINDOWS)
    half += beyond * scale
    lo, hi = (np.searchsorted(wavelength, lines.centre + side * half) for side in (-1, 1))
    return lo, hi


def _covered(lo: IntArray, hi: IntArray) -> IntArray:
    """The samples inside any of the windows."""
    first, last = int(lo.min()), int(hi.max())
    steps = np.zeros(last - first + 1, dtype=np.int64)
    np.add.at(steps, lo - first, 1)
    np.add.at(steps, hi - first, -1)
    return first + np.flatnonzero(np.cumsum(steps) > 0)


def near_changes(lines: LineList, changed: FloatArray, *, neighbours: int = 10) -> BoolArray:
    """Which of the `lines` (n_lines,) are among the nearest to any of the centres `changed` [Angstrom]."""
    place = np.searchsorted(lines.centre, changed)
    steps = np.zeros(len(lines) + 1, dtype=np.int64)
    np.add.at(steps, np.maximum(place - neighbours, 0), 1)
    np.add.at(steps, np.minimum(place + neighbours + 1, len(lines)), -1)
    return np.cumsum(steps)[:-1] > 0
