"""Sections of the report on what was fitted, the global parameters and the quality of the fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from blase.results.html import details, fixed, number, paragraph, percent, table, to_error
from blase.results.result import FitResult, OrderFit

NOT_ESTIMATED = "not estimated"
"""What stands in the place of an error that is null."""

_UNIT_TEXT = {"": "", None: "", "1": "", "dimensionless": ""}


def fitted(result: FitResult) -> list[str]:
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


def parameters(summary: Mapping[str, Any]) -> list[str]:
    """Every global parameter with its error, and their correlation."""
    rows = [_parameter_row(name, entry) for name, entry in global_parameters(summary)]
    parts = [
        table("Every global parameter of the model", ["parameter", "value", "error", "unit", "remark"], rows)
    ]
    if any(row[2] == NOT_ESTIMATED for row in rows):
        parts.append(paragraph("Errors marked “not estimated” are not zero: this fit did not compute them."))
    return [*parts, *_correlation(summary)]


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
    remarks = [f"95 % upper limit {number(limit, 4)}"] if limit is not None else []
    remarks += ["prior-dominated"] if entry.get("prior_dominated") else []
    unit = entry.get("unit")
    value, error = "not known", entry.get("error")
    if entry["value"] is not None:
        value = to_error(entry["value"], error)[0] if error and limit is None else number(entry["value"], 6)
    return [name, value, _error_text(entry), _UNIT_TEXT.get(unit, str(unit)), "; ".join(remarks)]


def _error_text(entry: Mapping[str, Any]) -> str:
    """Return the error of a parameter, or why there is none."""
    if entry["value"] is None:
        return "–"
    if entry.get("upper_limit_95") is not None:
        return "see remark"
    if entry["error"] is not None:
        return number(entry["error"], 2)
    return "fixed" if entry.get("fixed") else NOT_ESTIMATED


def _correlation(summary: Mapping[str, Any]) -> list[str]:
    """Correlation of the global parameters as a table, and their covariance; or that there is none."""
    correlation = summary.get("correlation")
    names = correlation.get("names") if isinstance(correlation, Mapping) else None
    matrix = correlation.get("matrix") if isinstance(correlation, Mapping) else None
    if not names or matrix is None:
        return [paragraph(f"Correlation of the global parameters: {NOT_ESTIMATED}.")]
    rows = [[name, *(fixed(value, 2) for value in row)] for name, row in zip(names, matrix, strict=True)]
    return [
        table("Correlation of the global parameters", ["", *names], rows),
        _covariance(names, matrix, dict(global_parameters(summary))),
    ]


def _covariance(names: Sequence[str], matrix: Any, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Covariance, errors times correlation, of parameters that have errors; nothing for fewer than two."""
    errors = {name: (entries.get(name) or {}).get("error") for name in names}
    known = [(k, name, float(error)) for k, name in enumerate(names) if (error := errors[name]) is not None]
    if len(known) < 2:
        return ""
    rows = [[name, *(number(a * matrix[i][j] * b, 3) for j, _, b in known)] for i, name, a in known]
    caption = "Covariance, in the product of the units; parameters known by a limit alone have none"
    header = ["", *(name for _, name, _ in known)]
    return details("The covariance", table(caption, header, rows))


def quality(result: FitResult) -> list[str]:
    """The numbers that judge the fit, each with what it means."""
    summary = result.summary
    heldout = percent(summary.get("residual_rms_heldout"), 3)
    rows = [
        ["residual rms, fitted pixels", percent(summary.get("residual_rms"), 3), "weighted, data/model − 1"],
        [
            "residual rms, held-out pixels",
            "not measured" if heldout == "–" else heldout,
            "pixels never fitted",
        ],
        ["reduced chi-squared", number(summary.get("chi2_reduced")), "χ² / (pixels − effective parameters)"],
        ["fitted pixels", number(summary.get("n_pixels")), ""],
        ["masked pixels", number(summary.get("n_masked")), ""],
        ["parameters", number(summary.get("n_parameters")), "all that were free"],
        ["effective parameters", number(summary.get("n_effective")), "trace of the hat matrix"],
        *_inflation(summary.get("noise_inflation"), result.orders),
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


def _inflation(value: Any, orders: Sequence[OrderFit]) -> list[list[str]]:
    """Return the noise inflation, one row for all or one per order."""
    meaning = "factor on the uncertainties that the residuals ask for"
    if isinstance(value, Mapping):
        return [[f"noise inflation, {name}", number(entry), meaning] for name, entry in value.items()]
    if isinstance(value, list | tuple):
        rows = [f"order {order.row}" for order in orders] if len(orders) == len(value) else range(len(value))
        return [
            [f"noise inflation, {row}", number(entry), meaning]
            for row, entry in zip(rows, value, strict=True)
        ]
    return [["noise inflation", number(value), meaning]]
