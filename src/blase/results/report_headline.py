"""The few numbers that a reader looks for first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blase.results.html import escape, number, percent, to_error

_PARAMETERS = (
    ("radial_velocity", "radial velocity"),
    ("vsini", "v sin i"),
    ("resolving_power", "resolving power"),
)


def headline(summary: Mapping[str, Any]) -> str:
    """Velocity, rotation, resolving power and residuals as a row of short statements."""
    items = [
        (title, _with_error(summary[name]))
        for name, title in _PARAMETERS
        if (summary.get(name) or {}).get("value") is not None
    ]
    for name, title in (("residual_rms", "residual, fitted"), ("residual_rms_heldout", "residual, held out")):
        text = percent(summary.get(name))
        items += [(title, text)] if text != "–" else []
    cells = "".join(f"<li><span>{escape(t)}</span><strong>{escape(v)}</strong></li>" for t, v in items)
    return f'<ul class="headline">{cells}</ul>' if cells else ""


def _with_error(entry: Mapping[str, Any]) -> str:
    """A parameter with its error, or its upper limit in the place of both."""
    unit = f" {entry['unit']}" if entry.get("unit") else ""
    if entry.get("upper_limit_95") is not None:
        return f"< {number(entry['upper_limit_95'], 3)}{unit} (95 %)"
    value, error = entry["value"], entry.get("error")
    if not error:
        return f"{number(value, 6)}{unit}"
    return " ± ".join(to_error(value, error)) + unit
