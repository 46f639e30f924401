"""The part of the report on lines that the data showed and the clone lacked, and the other way round."""

from __future__ import annotations

import numpy as np

from blase.results.diagnostics import column, with_status
from blase.results.html import fixed, paragraph, table
from blase.results.result import FitResult

_MOST = 20


def revised_lines(result: FitResult) -> list[str]:
    """The strongest lines that were added and dropped."""
    if "status" not in result.lines.colnames or result.summary.get("line_search") is None:
        return [paragraph("Missing and superfluous lines were not looked for.")]
    return [*_added(result), *_dropped(result)]


def _added(result: FitResult) -> list[str]:
    lines = with_status(result.lines, "added")
    if not len(lines):
        return [paragraph("The data show no line that the stellar clone lacks.")]
    values = {name: column(lines, name) for name in ("centre", "equivalent_width", "equivalent_width_error")}
    rows = [
        [
            str(lines["line_id"][k]),
            f"{values['centre'][k]:.3f}",
            f"{fixed(1e3 * values['equivalent_width'][k], 1)} ± "
            f"{fixed(1e3 * values['equivalent_width_error'][k], 1)}",
        ]
        for k in np.argsort(-values["equivalent_width"])[:_MOST]
    ]
    caption = f"lines of the star that the data show and the clone lacks: {len(lines)}, the strongest first"
    return [table(caption, ["line", "centre at rest [Å]", "width W [mÅ]"], rows)]


def _dropped(result: FitResult) -> list[str]:
    lines = with_status(result.lines, "dropped")
    if not len(lines):
        return [paragraph("No line of the stellar clone was dropped.")]
    centre, strength = column(lines, "centre"), column(lines, "strength_cloned")
    rows = [
        [str(lines["line_id"][k]), f"{centre[k]:.3f}", fixed(1e3 * strength[k], 2)]
        for k in np.argsort(-strength)[:_MOST]
    ]
    caption = f"{len(lines)} lines of the stellar clone that the data do not show, the strongest first"
    return [table(caption, ["line", "centre at rest [Å]", "cloned strength [mÅ]"], rows)]
