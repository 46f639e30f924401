"""`report.html`: one self-contained page that says what was fitted, how well, and where it fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blase.results.diagnostics import (
    STRETCH,
    column,
    departure,
    mask_reasons,
    residual_distribution,
    runs,
    worst_stretches,
)
from blase.results.html import bullets, details, escape, fixed, number, paragraph, percent, section, table
from blase.results.report_figures import histogram_figure, order_figures
from blase.results.report_style import STYLE
from blase.results.result import FitResult, OrderFit

NOT_ESTIMATED = "not yet estimated"
"""What stands in the place of an error that is null."""

ROWS = 60
"""Longest table of solver iterations; longer runs are thinned evenly, the last one always kept."""

_NORMAL_SHARES = {1.0: 0.3173, 2.0: 0.0455, 3.0: 0.0027, 5.0: 5.7e-7}

_UNIT_TEXT = {"": "", None: "", "1": "", "dimensionless": ""}


@dataclass(frozen=True)
class Figures:
    """The drawn parts of the report as HTML."""

    orders: list[str]
    histogram: str


def draw_figures(result: FitResult) -> Figures:
    """Draw everything that the report shows; by far the slowest part of writing it."""
    return Figures(order_figures(result), histogram_figure(residual_distribution(result.orders)))


def report_html(result: FitResult) -> str:
    """Return the whole report of a fit as one HTML document."""
    return render(result, draw_figures(result))


def render(result: FitResult, figures: Figures) -> str:
    """Put the report together from a result and its figures."""
    sections = {
        "fitted": ("What was fitted", _fitted(result)),
        "parameters": ("Global parameters", _parameters(result.summary)),
        "quality": ("How good the fit is", _quality(result)),
        "figures": ("The fit, order by order", figures.orders or [paragraph("No order was fitted.")]),
        "residuals": ("Distribution of the residuals", _distribution(result, figures)),
        "failures": ("Where it fails", _failures(result)),
        "departures": ("Lines that departed most from theory", _departures(result)),
        "masked": ("Masked pixels", _masked(result)),
        "notes": ("Warnings and notes", _notes(result.summary)),
        "convergence": ("Convergence", _convergence(result)),
    }
    links = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, (title, _) in sections.items())
    body = "\n".join(section(key, title, *parts) for key, (title, parts) in sections.items())
    title = _title(result)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="lead">{escape(_lead(result))}</p>
{_verdict(result)}
<nav aria-label="Contents"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<footer>Written by blasé. The numbers are in summary.json, lines.ecsv, spectrum.fits and template.fits
beside this page.</footer>
</body>
</html>
"""


def _title(result: FitResult) -> str:
    """Name the target where it is known."""
    return f"Fit of {result.summary.get('target') or 'a spectrum'}"


def _lead(result: FitResult) -> str:
    """Say in one sentence what was fitted."""
    rows = ", ".join(str(order.row) for order in result.orders)
    counts = result.summary.get("n_lines") or {}
    lines = " and ".join(f"{counts[kind]} {kind}" for kind in ("stellar", "telluric") if counts.get(kind))
    pixels = result.summary.get("n_pixels")
    return (
        f"{len(result.orders)} order{'s' if len(result.orders) != 1 else ''} (row {rows or 'none'}), "
        f"{number(pixels)} fitted pixels, {lines or 'no'} lines, "
        f"{number(result.summary.get('n_parameters'))} parameters."
    )


def _verdict(result: FitResult) -> str:
    """Return a visible warning where the solver did not converge."""
    if result.converged:
        return ""
    reason = result.summary.get("stop_reason") or "no reason was recorded"
    return f'<p class="warn" role="note"><strong>Not converged.</strong> {escape(reason)}</p>'


def _fitted(result: FitResult) -> list[str]:
    """Inputs with their checksums, the frame, the orders and the versions of the software."""
    summary = result.summary
    rows = [[role, entry.get("path") or "–", entry.get("sha256") or "–"] for role, entry in _inputs(summary)]
    orders = [
        [
            order.row,
            f"{order.wavelength[0]:.3f} – {order.wavelength[-1]:.3f}",
            order.flux.size,
            int((~order.mask).sum()),
        ]
        for order in result.orders
    ]
    versions = ", ".join(f"{name} {version}" for name, version in (summary.get("versions") or {}).items())
    return [
        table("Inputs", ["role", "path", "SHA-256"], rows)
        if rows
        else paragraph("No input file was recorded."),
        table("Orders", ["row", "vacuum wavelength [Å]", "pixels", "fitted"], orders),
        paragraph(f"Frame of the wavelengths: {summary.get('frame') or 'unknown'}."),
        paragraph(f"Software: {versions or 'not recorded'}."),
        _timing(summary),
    ]


def _inputs(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return (role, {path, sha256}) of every input, whether they were recorded as a list or by role."""
    inputs = summary.get("inputs") or {}
    if isinstance(inputs, Mapping):
        return [(str(role), entry) for role, entry in inputs.items() if isinstance(entry, Mapping)]
    return [(str(entry.get("role", index)), entry) for index, entry in enumerate(inputs)]


def _timing(summary: Mapping[str, Any]) -> str:
    """Say how long the run took and where the time went."""
    wall = summary.get("wall_seconds")
    if wall is None:
        return ""
    stages = ", ".join(
        f"{name} {number(seconds, 3)} s" for name, seconds in (summary.get("stages") or {}).items()
    )
    return paragraph(f"Time from process start: {number(wall, 3)} s" + (f" ({stages})." if stages else "."))


def _parameters(summary: Mapping[str, Any]) -> list[str]:
    """Every global parameter with its error, and their correlation."""
    rows = [_parameter_row(name, entry) for name, entry in global_parameters(summary)]
    parts = [
        table("Every global parameter of the model", ["parameter", "value", "error", "unit", "remark"], rows)
    ]
    if any(row[2] == NOT_ESTIMATED for row in rows):
        parts.append(
            paragraph("Errors marked “not yet estimated” are not zero: this fit did not compute them.")
        )
    return [*parts, _correlation(summary.get("correlation"))]


def global_parameters(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the entries of the form {value, error, unit} in the order of the summary."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, entry in summary.items():
        if isinstance(entry, Mapping) and {"value", "error"} <= entry.keys():
            found.append((name, entry))
        elif name == "parameters" and isinstance(entry, Mapping):
            found.extend(global_parameters(entry))
    return found


def _parameter_row(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Return name, value, error, unit and what else is known of a parameter."""
    limit = entry.get("upper_limit_95")
    fixed_value = bool(entry.get("fixed"))
    error = (
        number(entry["error"], 2)
        if entry["error"] is not None
        else ("fixed" if fixed_value else NOT_ESTIMATED)
    )
    if limit is not None:
        error = "see remark"
    remarks = [f"95 % upper limit {number(limit, 4)}"] if limit is not None else []
    remarks += ["prior-dominated"] if entry.get("prior_dominated") else []
    unit = entry.get("unit")
    return [name, number(entry["value"], 7), error, _UNIT_TEXT.get(unit, str(unit)), "; ".join(remarks)]


def _correlation(correlation: Any) -> str:
    """Return the correlation of the global parameters as a table, or say that there is none."""
    names = correlation.get("names") if isinstance(correlation, Mapping) else None
    matrix = correlation.get("matrix") if isinstance(correlation, Mapping) else None
    if not names or matrix is None:
        return paragraph(f"Correlation of the global parameters: {NOT_ESTIMATED}.")
    rows = [[name, *(fixed(value, 2) for value in row)] for name, row in zip(names, matrix, strict=True)]
    return table("Correlation of the global parameters", ["", *names], rows)


def _quality(result: FitResult) -> list[str]:
    """The numbers that judge the fit, each with what it means."""
    summary = result.summary
    rows = [
        ["residual rms, fitted pixels", percent(summary.get("residual_rms"), 3), "weighted, data/model − 1"],
        [
            "residual rms, held-out pixels",
            percent(summary.get("residual_rms_heldout"), 3),
            "pixels never fitted",
        ],
        ["reduced chi-squared", number(summary.get("chi2_reduced")), "χ² / (pixels − effective parameters)"],
        ["fitted pixels", number(summary.get("n_pixels")), ""],
        ["masked pixels", number(summary.get("n_masked")), ""],
        ["parameters", number(summary.get("n_parameters")), "all that were free"],
        ["effective parameters", number(summary.get("n_effective")), "trace of the hat matrix"],
        *_inflation(summary.get("noise_inflation")),
        ["stopped because", summary.get("stop_reason") or "–", ""],
    ]
    rows += [[f"lines, {kind}", number(count), ""] for kind, count in (summary.get("n_lines") or {}).items()]
    advice = (
        "There are about as many parameters as pixels, so a small residual on fitted pixels proves little: "
        "judge the fit by the held-out pixels."
    )
    crowded = (summary.get("n_parameters") or 0) > 0.5 * (summary.get("n_pixels") or np.inf)
    return [
        table("Numbers that judge the fit", ["quantity", "value", "meaning"], rows),
        paragraph(advice) if crowded else "",
    ]


def _inflation(value: Any) -> list[list[str]]:
    """Return the noise inflation, one row for all or one per order."""
    meaning = "factor on the uncertainties that the residuals ask for"
    if isinstance(value, Mapping):
        return [[f"noise inflation, {name}", number(entry), meaning] for name, entry in value.items()]
    if isinstance(value, list | tuple):
        return [[f"noise inflation, {index}", number(entry), meaning] for index, entry in enumerate(value)]
    return [["noise inflation", number(value), meaning]]


def _distribution(result: FitResult, figures: Figures) -> list[str]:
    """Histogram, moments and tails of residual over sigma."""
    found = residual_distribution(result.orders)
    tails = [
        [f"beyond {limit:g} σ", percent(share, 3), percent(_NORMAL_SHARES[limit], 3 if limit < 5 else 5)]
        for limit, share in found.beyond
    ]
    text = (
        f"Mean {fixed(found.mean, 3)}, standard deviation {fixed(found.deviation, 3)}; correlation of "
        f"neighbouring pixels {fixed(found.neighbour_correlation, 2)} (0 for independent noise; a positive value "
        "means that the model misses structure wider than a pixel). σ is the uncertainty as read, not inflated."
    )
    return [
        figures.histogram,
        paragraph(text),
        table("Tails of the distribution", ["share of pixels", "found", "normal"], tails),
    ]


def _failures(result: FitResult) -> list[str]:
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


def _departures(result: FitResult) -> list[str]:
    """The twenty lines whose change from their clone moved the most equivalent width."""
    lines = result.lines
    moved = departure(lines)
    ranked = [
        int(index) for index in np.argsort(-np.nan_to_num(moved, nan=-1.0)) if np.isfinite(moved[index])
    ][:20]
    if not ranked:
        return [paragraph("No line has a cloned value to compare with.")]
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
        "Change from the cloned value. Ranked by W times the size of all changes taken together (logarithm of "
        "the strength; shift and widths in units of the line's width). Stellar centres are at rest, telluric ones "
        "in the observatory's frame."
    )
    return [table(caption, header, rows)]


def _cell(lines: Any, name: str, index: int) -> str:
    """Return one cell of the line table as text."""
    return str(lines[name][index]) if name in lines.colnames else "–"


def _masked(result: FitResult) -> list[str]:
    """How many pixels were not fitted, why, and where."""
    rows = [
        [order.row, reason, count, _ranges(order)]
        for order in result.orders
        for reason, count in mask_reasons(order).items()
    ]
    if not rows:
        return [paragraph("No pixel was masked.")]
    recorded = result.summary.get("history") or []
    return [
        table(
            "Pixels that were not fitted, by reason",
            ["order", "reason", "pixels", "all masked ranges of the order [Å]"],
            rows,
        ),
        paragraph("What reading the spectrum recorded:") + bullets(recorded) if recorded else "",
    ]


def _ranges(order: OrderFit, most: int = 6) -> str:
    """Return the masked stretches of an order in words, the longest ones first where there are many."""
    found = sorted(runs(order.mask), key=lambda run: run[0] - run[1])
    texts = [f"{order.wavelength[a]:.2f}–{order.wavelength[b - 1]:.2f}" for a, b in sorted(found[:most])]
    return ", ".join(texts) + (f" and {len(found) - most} shorter" if len(found) > most else "")


def _notes(summary: Mapping[str, Any]) -> list[str]:
    """Warnings and notes as they were recorded."""
    warnings, notes = _texts(summary.get("warnings")), _texts(summary.get("notes"))
    parts = ["".join(f'<p class="warn" role="note">{escape(text)}</p>' for text in warnings), bullets(notes)]
    return parts if warnings or notes else [paragraph("None were recorded.")]


def _texts(value: Any) -> list[str]:
    """Return recorded sentences as a list, whether one or many were recorded."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(entry) for entry in value]


def _convergence(result: FitResult) -> list[str]:
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
