"""Section of the report on the priors of the lines: how they were chosen, and how else the fit would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blase.results.curve_text import curve_rows, verdict
from blase.results.html import details, number, paragraph, table
from blase.results.result import FitResult

_STATES = {
    "held": "held by choice",
    "frozen": "frozen: these lines stay at their clone",
    "at upper bound": "at its upper bound: lines depart farther than is allowed",
    "at lower bound": "at its lower bound",
}


def priors(result: FitResult, figure: str) -> list[str]:
    """The prior of every class of lines, the regularisation curve as a picture and as a table."""
    summary = result.summary
    rows = [_row(name, entry) for name, entry in (summary.get("line_priors") or {}).items()]
    header = ["class of lines", "shape", "width", "how it was chosen"]
    caption = (
        "Priors of single lines. The width is the standard deviation of departures from the clone; learned "
        "ones have the largest evidence under a weak hyperprior about a first guess"
    )
    parts = [table(caption, header, rows)] if rows else []
    return [*parts, *_curve(summary.get("regularisation_curve"), figure)]


def _row(name: str, entry: Mapping[str, Any]) -> list[str]:
    state = _STATES.get(entry["state"], entry["state"])
    if entry["hyperprior"]:
        low, high = entry["bounds"]
        state += (
            f"; first guess {number(entry['hyperprior']['mode'])}, bounds {number(low)} to {number(high)}"
        )
    unit = "" if entry["unit"] == "ln" else f" {entry['unit']}"
    return [name.replace("_", " "), entry["shape"] or "–", f"{number(entry['width'])}{unit}", state]


def _curve(curve: Mapping[str, Any] | None, figure: str) -> list[str]:
    if curve is None:
        return [paragraph("How the fit would be with narrower and wider priors was not computed.")]
    said = verdict(curve)
    header = ["factor", "fitted pixels [%]", "held-out pixels [%]", "ln evidence − chosen"]
    caption = "Residual rms and evidence with all prior widths multiplied by a factor (* chosen)"
    return [
        figure,
        paragraph(f"{said[0].upper()}{said[1:]}."),
        details("The curve in numbers", table(caption, header, curve_rows(curve))),
    ]
