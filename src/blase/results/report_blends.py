"""The part of the report on lines that the data cannot tell apart."""

from __future__ import annotations

from blase.results.html import fixed, paragraph, table
from blase.results.result import FitResult

_MOST = 40


def blends(result: FitResult) -> list[str]:
    """Every blend with its joint equivalent width, the widest first, the longest lists cut."""
    found = result.summary.get("blends")
    if found is None:
        return [paragraph("Blends were not looked for.")]
    if not found:
        return [paragraph("Every line has a strength of its own: the data tell all of them apart.")]
    ranked = sorted(found, key=lambda blend: -(blend["equivalent_width"]["value"] or 0.0))
    rows = [
        [
            blend["blend"],
            f"{blend['centre']:.3f}",
            len(blend["lines"]),
            _milli(blend["equivalent_width"]["value"]),
            _milli(blend["equivalent_width"]["error"]),
            ", ".join(blend["lines"]),
        ]
        for blend in ranked[:_MOST]
    ]
    shown = "" if len(found) <= _MOST else f"; the widest {_MOST} are shown, all are in summary.json"
    caption = (
        f"{len(found)} blends: single strengths of their lines mean little, the joint equivalent width "
        f"is measured{shown}"
    )
    header = ["blend", "centre [Å]", "lines", "joint width W [mÅ]", "error [mÅ]", "which"]
    return [table(caption, header, rows)]


def _milli(value: float | None) -> str:
    return fixed(None if value is None else 1e3 * value, 2)
