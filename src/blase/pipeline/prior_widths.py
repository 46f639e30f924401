"""Prior widths of the classes of lines: learned from the evidence within bounds, or held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.fit.evidence import Evidence
from blase.fit.parameters import ParameterSpace
from blase.fit.priors import LinePriorWidths
from blase.pipeline.added_lines import OWN_PRIORS
from blase.pipeline.options import LINE_CLASSES
from blase.pipeline.regularisation import WIDEST, Regularisation

LARGEST_CHANGE = 6.0
"""Prior widths stay within this factor of where they began."""
WIDEST_TELLURIC_CENTRE = 0.05
"""Of the prior of telluric centres [km/s]: their catalogue is better than what a blend may suggest."""
HYPERPRIOR_LINES = 2.0
"""Weight of the first guess of a prior width, in lines: it decides where the data determine fewer."""
PREFIX = {"stellar": "star", "telluric": "atmosphere"}
"""How the model calls what lines belong to."""


def learned(
    evidence: Evidence,
    space: ParameterSpace,
    origin: str,
    widths: LinePriorWidths,
    first: LinePriorWidths,
    chosen: Regularisation,
    added: NDArray[np.bool_] | None = None,
) -> LinePriorWidths:
    """Prior widths of every class of lines of `origin` after one step towards the largest evidence.

    width^2 <- (width^2 departures + k first^2) / (determined + k), k = `HYPERPRIOR_LINES`, with the two parts
    of `WidthSlope` (MacKay 1992, eq. 4.8): it stands still where evidence times a scaled inverse chi-square
    hyperprior of mode `first` is largest. Held widths stay. Lines that were `added` (n_lines,) say nothing of
    a width that is not theirs.
    """
    found = {}
    for name, (of, kind) in LINE_CLASSES.items():
        where = space.slices.get(f"{PREFIX[origin]}.lines.{kind}")
        if of != origin or name in chosen.widths or where is None or where.stop == where.start:
            continue
        entries = np.arange(where.start, where.stop)
        if added is not None and kind in OWN_PRIORS:
            entries = entries[~added]
        slope, k = evidence.by_width(entries), HYPERPRIOR_LINES
        start, now = getattr(first, kind), getattr(widths, kind)
        width = np.sqrt((now**2 * slope.departures + k * start**2) / (slope.determined + k))
        found[kind] = float(np.clip(width, *bounds(name, start)))
    return replace(widths, **found)


def bounds(name: str, first: float) -> tuple[float, float]:
    """Smallest and largest prior width of the class `name` that began at `first`."""
    highest = LARGEST_CHANGE * first
    if name == "telluric_centre":
        highest = min(highest, max(first, WIDEST_TELLURIC_CENTRE))
    return first / LARGEST_CHANGE, highest


def describe(
    widths: dict[str, LinePriorWidths], first: dict[str, LinePriorWidths], chosen: Regularisation
) -> dict[str, Any]:
    """What `summary.json` says of the prior of every class of lines, by its name.

    `widths` and `first` are those of every origin that is fitted.
    """
    out = {}
    for name, (origin, kind) in LINE_CLASSES.items():
        if origin in widths:
            out[name] = _described(name, getattr(widths[origin], kind), getattr(first[origin], kind), chosen)
    return out


def _described(name: str, width: float, first: float, chosen: Regularisation) -> dict[str, Any]:
    unit = WIDEST[LINE_CLASSES[name][1]][1]
    if first == 0:
        return {"shape": None, "width": 0.0, "unit": unit, "state": "frozen"} | _NO_HYPERPRIOR
    common = {"shape": chosen.shape(name).name, "width": width, "unit": unit}
    if name in chosen.widths:
        return common | {"state": "held"} | _NO_HYPERPRIOR
    low, high = bounds(name, first)
    state = "at lower bound" if width <= low else "at upper bound" if width >= high else "learned"
    hyperprior = {"family": "scaled inverse chi-square", "mode": first, "weight_in_lines": HYPERPRIOR_LINES}
    return common | {"state": state, "bounds": [low, high], "hyperprior": hyperprior}


_NO_HYPERPRIOR: dict[str, Any] = {"bounds": None, "hyperprior": None}


def at_upper_bound(priors: dict[str, Any]) -> list[str]:
    """Classes of lines, in words, whose prior width ended at its largest value; of what `describe` says."""
    return [name.replace("_", " ") for name, entry in priors.items() if entry["state"] == "at upper bound"]
