"""The few lines that a fit prints, taken from the summary that it wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blase.results.curve_text import curve_rows, verdict

HEADLINE = ("radial_velocity", "radial_velocity_barycentric", "vsini", "resolving_power")


def read_summary(directory: Path) -> dict[str, Any]:
    """Return the content of `summary.json` in an output directory."""
    content: dict[str, Any] = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    return content


def fit_lines(summary: Mapping[str, Any]) -> list[str]:
    """Return the headline parameters, the residuals and why the fit stopped, one line each."""
    lines = [parameter_line(name, summary[name]) for name in HEADLINE if name in summary]
    lines += order_lines(summary.get("orders") or [])
    lines.append(f"{'residual, fitted pixels':<30}{_percent(summary.get('residual_rms'))}")
    lines.append(f"{'residual, held-out pixels':<30}{_percent(summary.get('residual_rms_heldout'))}")
    for name in ("n_pixels", "n_parameters", "n_effective"):
        lines.append(f"{name:<30}{_number(summary.get(name))}")
    lines += count_lines(summary.get("n_lines") or {})
    lines += curve_lines(summary.get("regularisation_curve"))
    lines.append(f"{'stopped because':<30}{summary.get('stop_reason')}")
    return [*lines, *(f"warning: {text}" for text in summary.get("warnings") or [])]


def count_lines(counts: Mapping[str, int]) -> list[str]:
    """Return how many lines there are of every origin, and how many were added and dropped."""
    if not counts:
        return []
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    return [f"{'lines':<30}{said}"]


def order_lines(orders: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the range of what orders have for themselves; nothing where they have nothing of their own."""
    lines = []
    powers = [order["resolving_power"]["value"] for order in orders if "resolving_power" in order]
    if len(set(powers)) > 1:
        lines.append(f"{'resolving power of orders':<30}{min(powers):.7g} to {max(powers):.7g}")
    corrections = [c for order in orders if (c := order.get("wavelength_correction"))]
    for k, degree in enumerate(corrections[0]["degree"] if corrections else []):
        values, errors = ([c[part][k] for c in corrections] for part in ("value", "error"))
        lines.append(
            f"{f'wavelength correction, P{degree}':<30}{min(values):.3g} to {max(values):.3g} km/s, "
            f"errors {min(errors):.2g} to {max(errors):.2g}"
        )
    return lines


def curve_lines(curve: Mapping[str, Any] | None) -> list[str]:
    """Return the regularisation curve as a small table with one sentence; nothing where there is none."""
    if curve is None:
        return []
    titles = (
        "prior widths times (* chosen)",
        "  fitted pixels [%]",
        "  held-out pixels [%]",
        "  ln evidence",
    )
    columns = zip(*curve_rows(curve), strict=True)
    table = [
        f"{title:<30}" + "".join(f"{cell:>10}" for cell in cells)
        for title, cells in zip(titles, columns, strict=True)
        if set(cells) != {"-"}
    ]
    return [*table, f"  {verdict(curve)}"]


def parameter_line(name: str, entry: Mapping[str, Any]) -> str:
    """Return one parameter with its error, its upper limit or why there is none."""
    value, error, limit = entry.get("value"), entry.get("error"), entry.get("upper_limit_95")
    if value is None:
        return f"{name:<30}not known"
    spread = f" +- {error:.2g}" if error is not None else " (error not estimated)"
    if entry.get("fixed"):
        spread = " (held)"
    if limit is not None:
        spread = f" (95 % upper limit {limit:.4g})"
    unit = entry.get("unit") or ""
    return f"{name:<30}{value:.7g} {unit}".rstrip() + spread


def _percent(value: float | None) -> str:
    """Return a fraction in per cent, or say that it is not known."""
    return "not known" if value is None else f"{100 * value:.3f} %"


def _number(value: float | None) -> str:
    """Return a number, or say that it is not known."""
    return "not known" if value is None else f"{value:.6g}"
