"""Take lines of the star out of a fit, or bring lines in, and go on from where it stood."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from blase.cloning.clone import Clone
from blase.containers.line_list import LineList
from blase.fit.half_normal import WIDTH
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.parameters import ParameterSpace
from blase.pipeline.build import Settings
from blase.pipeline.state import Start

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Revision:
    """How the lines of the star in a fit differ from those of its clone in reach.

    `kept` (n_cloned,) are in the model, the others were dropped; `added` lines are not in the clone.
    """

    kept: BoolArray
    added: LineList

    @classmethod
    def none(cls, lines: LineList) -> Revision:
        """The cloned `lines` as they are."""
        return cls(np.ones(len(lines), dtype=bool), LineList.concatenated([]))

    @property
    def size(self) -> int:
        """Number of lines that were added or dropped."""
        return len(self.added) + int((~self.kept).sum())

    def dropped(self, lines: LineList) -> LineList:
        """Those of the cloned `lines` that are not in the model."""
        return lines.take(~self.kept)

    def applied(self, settings: Settings) -> Settings:
        """Settings with the clone's lines as they are, changed to those of the revision."""
        lines = settings.star.lines.take(self.kept)
        return _with_lines(settings, LineList.concatenated([lines, self.added]) if len(self.added) else lines)

    def followed_by(self, current: LineList, keep: BoolArray, new: LineList) -> Revision:
        """The revision after only the lines to `keep` of the `current` ones stayed, and `new` ones came."""
        added, kept = current.is_added, self.kept.copy()
        kept[self.kept] = keep[~added]
        return Revision(kept, LineList.concatenated([current.take(added & keep), new]))


def _with_lines(settings: Settings, lines: LineList) -> Settings:
    star = settings.star
    return replace(settings, star=Clone(star.kind, lines, star.wavelength_range, star.summary))


def revised(
    settings: Settings,
    start: Start,
    space: ParameterSpace,
    *,
    keep: BoolArray,
    new: LineList,
    strength: FloatArray,
) -> tuple[Settings, Start]:
    """Settings and start with only the lines of the star to `keep` (n_lines,) and with `new` ones.

    `start` is whitened as `space` is; the `new` lines start at the `strength` (n_new,), in units of the scale
    of their prior, and else as they are believed to be. No line with a floor may be left out.
    """
    kept = settings.star.lines.take(keep)
    order = torch.from_numpy(np.argsort(np.concatenate([kept.centre, new.centre]), kind="stable"))
    stay, first = torch.from_numpy(keep), torch.from_numpy(np.log(strength) / WIDTH)
    assert start.z is not None
    parts = []
    for name, where in space.slices.items():
        part = start.z[where]
        prefix, kind = name.rsplit(".", 1) if "." in name else ("", name)
        if prefix == "star.lines" and kind in LINE_PARAMETERS:
            fresh = first if kind == "log_strength" else torch.zeros_like(first)
            part = torch.cat([part[stay], fresh])[order]
        parts.append(part)
    lines = LineList.concatenated([kept, new]) if len(new) else kept
    return _with_lines(settings, lines), replace(start, z=torch.cat(parts))
