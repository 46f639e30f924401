"""The regularisation curve in words and as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

Curve = Mapping[str, Any]
"""The entry `regularisation_curve` of `summary.json`."""


def factor_text(factor: float) -> str:
    """Return a factor on the prior widths as people say it: 1/16, 1, 8."""
    return str(Fraction(factor).limit_denominator(1000)) if factor < 1 else f"{factor:g}"


def relative_evidence(curve: Curve) -> list[float]:
    """Return ln(evidence) of every point less that of the chosen one."""
    [chosen] = [p["log_evidence"] for p in curve["points"] if p["factor"] == curve["chosen_factor"]]
    return [point["log_evidence"] - chosen for point in curve["points"]]


def curve_rows(curve: Curve) -> list[list[str]]:
    """Return factor, both residuals [%] and ln(evidence) of every point as text; the chosen has a star."""
    rows = []
    for point, evidence in zip(curve["points"], relative_evidence(curve), strict=True):
        mark = "*" if point["factor"] == curve["chosen_factor"] else ""
        residuals = (point["residual_rms"], point["residual_rms_heldout"])
        percent = ["-" if value is None else f"{100 * value:.3f}" for value in residuals]
        rows.append([f"{factor_text(point['factor'])}{mark}", *percent, f"{evidence:.1f}"])
    return rows


def verdict(curve: Curve) -> str:
    """Say where evidence and held-out residual are best, and of what the curve was made."""
    points = {point["factor"]: point for point in curve["points"]}
    chosen, best = curve["chosen_factor"], curve["smallest_heldout_factor"]
    largest = factor_text(curve["largest_evidence_factor"])
    parts = [f"evidence is largest at {largest} times the chosen prior widths"]
    if best is not None:
        excess = 1 - points[best]["residual_rms_heldout"] / points[chosen]["residual_rms_heldout"]
        below = f", {100 * excess:.1f} % below the chosen one" if best != chosen else ""
        parts.append(f"the held-out residual is smallest at {factor_text(best)}{below}")
        parts.append(f"held out was fold {curve['heldout_fold']}")
    if curve["n_orders"] > len(curve["orders"]):
        rows = ", ".join(map(str, curve["orders"]))
        parts.append(f"orders {rows} stand for all {curve['n_orders']}")
    return "; ".join(parts)
