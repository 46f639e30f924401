"""Sections of the report on where the fit fails: residuals, lines, masked pixels, warnings, convergence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from blase.results.diagnostics import (
    STRETCH,
    column,
    departure,
    mask_reasons,
    residual_distribution,
    runs,
    with_status,
    worst_stretches,
)
from blase.results.html import bullets, details, escape, fixed, number, paragraph, percent, table
from blase.results.result import FitResult, OrderFit

ROWS = 60
"""Longest table of solver iterations; longer runs are thinned evenly, the last one always kept."""

_NORMAL_SHARES = {1.0: 0.3173, 2.0: 0.0455, 3.0: 0.0027, 5.0: 5.7e-7}


def distribution(result: FitResult, histogram: str) -> list[str]:
    """Histogram, moments and tails of residual over sigma."""
    found = residual_distribution(result.orders)
    tails = [
        [f"beyond {limit:g} σ", percent(share), percent(_NORMAL_SHARES[limit], 2 if limit < 5 else 5)]
        for limit, share in found.beyond
    ]
    text = (
        f"Mean {fixed(found.mean, 3)}, standard deviation {fixed(found.deviation, 3)}; correlation of "
        f"neighbouring pixels {fixed(found.neighbour_correlation, 2)} (0 for independent noise; a positive "
        "value means that the model misses structure wider than a pixel). σ is the uncertainty as read, "
        "not inflated."
    )
    return [
        histogram,
        paragraph(text),
        table("Tails of the distribution", ["share of pixels", "found", "normal"], tails),
    ]


def failures(result: FitResult) -> list[str]:
    """The stretches with the largest misfit."""
    rows = [
        [
            f"{stretch.low:.2f} – {stretch.high:.2f}",
            stretch.row,
            fixed(stretch.rms_sigma, 2),
            percent(stretch.mean_relative),
            fixed(stretch.star, 2),
            fixed(stretch.telluric, 2),
            "yes" if stretch.near_mask else "",
        ]
        for stretch in worst_stretches(result.orders)
    ]
    header = [
        "wavelength [Å]",
        "order",
        "rms residual / σ",
        "mean residual",
        "star",
        "telluric",
        "beside a mask",
    ]
    caption = (
        f"The worst stretches of {STRETCH} fitted pixels, each pixel counted once; star and telluric are the "
        "lowest normalised flux there"
    )
    return [table(caption, header, rows)]


def departures(result: FitResult) -> list[str]:
    """The twenty lines whose change from their clone moved the most equivalent width."""
    lines = with_status(result.lines, "cloned")
    moved = departure(lines)
    ranked = [int(index) for index in np.argsort(-np.nan_to_num(moved, nan=-1.0)) if moved[index] > 0][:20]
    if not ranked:
        return [paragraph("No line differs from its clone.")]
    values = {
        name: column(lines, name) for name in ("centre", "centre_shift", "strength", "equivalent_width")
    }
    dex = np.log10(values["strength"] / column(lines, "strength_cloned"))
    widths = [column(lines, name) - column(lines, f"{name}_cloned") for name in ("sigma", "gamma")]
    rows = [
        [
            _cell(lines, "line_id", index),
            _cell(lines, "origin", index),
            f"{values['centre'][index]:.3f}",
            fixed(1e3 * values["equivalent_width"][index], 1),
            fixed(float(dex[index]), 3),
            fixed(values["centre_shift"][index], 3),
            *(fixed(width[index], 2) for width in widths),
            fixed(1e3 * moved[index], 1),
        ]
        for index in ranked
    ]
    header = ["line", "origin", "centre [Å]", "width W [mÅ]", "strength [dex]", "shift [km/s]"]
    header += ["sigma [km/s]", "gamma [km/s]", "moved [mÅ]"]
    caption = (
        "Change from the cloned value. Ranked by W times the size of all changes taken together (logarithm "
        "of the strength; shift and widths in units of the line's width). Stellar centres are at rest, "
        "telluric ones in the observatory's frame."
    )
    return [table(caption, header, rows)]


def _cell(lines: Any, name: str, index: int) -> str:
    """Return one cell of the line table as text."""
    return str(lines[name][index]) if name in lines.colnames else "–"


def masked(result: FitResult) -> list[str]:
    """How many pixels were not fitted, why, and where."""
    rows = [
        [order.row, reason, int(where.sum()), _ranges(order, where)]
        for order in result.orders
        for reason, where in mask_reasons(order).items()
    ]
    if not rows:
        return [paragraph("No pixel was masked.")]
    recorded = result.summary.get("history") or []
    return [
        table(
            "Pixels that were not fitted, by reason",
            ["order", "reason", "pixels", "wavelengths [Å]"],
            rows,
        ),
        paragraph("What reading the spectrum recorded:") + bullets(recorded) if recorded else "",
    ]


def _ranges(order: OrderFit, where: np.ndarray, most: int = 6) -> str:
    """Return the flagged stretches of an order in words, only the longest ones first where there are many."""
    found = sorted(runs(where), key=lambda run: run[0] - run[1])
    texts = [f"{order.wavelength[a]:.2f}–{order.wavelength[b - 1]:.2f}" for a, b in sorted(found[:most])]
    return ", ".join(texts) + (f" and {len(found) - most} shorter" if len(found) > most else "")


def notes(summary: Mapping[str, Any]) -> list[str]:
    """Warnings and notes as they were recorded."""
    warnings, notes = _texts(summary.get("warnings")), _texts(summary.get("notes"))
    parts = ["".join(f'<p class="warn" role="note">{escape(text)}</p>' for text in warnings), bullets(notes)]
    return parts if warnings or notes else [paragraph("None were recorded.")]


def _texts(value: Any) -> list[str]:
    """Return recorded sentences as a list, whether one or many were recorded."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(entry) for entry in value]


def convergence(result: FitResult) -> list[str]:
    """Why the solver stopped, and every iteration (thinned where there are many)."""
    reason = result.summary.get("stop_reason") or "not recorded"
    steps = result.convergence
    text = paragraph(f"Stopped because: {reason}")
    if not steps:
        return [text, paragraph("No iteration was recorded.")]
    rows = [
        [
            number(step.get("iteration")),
            step.get("stage") or "–",
            number(step.get("objective"), 8),
            percent(step.get("residual_rms"), 4),
        ]
        for step in thin(steps)
    ]
    shown = "" if len(steps) <= ROWS else f" ({len(rows)} of {len(steps)} shown)"
    header = ["iteration", "stage", "objective", "residual rms"]
    return [text, details(f"{len(steps)} iterations{shown}", table("Iterations of the solver", header, rows))]


def thin(steps: list[dict[str, Any]], most: int = ROWS) -> Iterable[dict[str, Any]]:
    """Return at most `most` of the steps, evenly spread, the first and the last among them."""
    if len(steps) <= most:
        return steps
    return [steps[int(index)] for index in np.linspace(0, len(steps) - 1, most).round()]
