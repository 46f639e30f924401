"""What a fit decided by itself, and why, in sentences for `-v`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STATES = {
    "learned": "learned: its evidence is the largest",
    "at upper bound": "at its upper bound: lines depart farther from the clone than is allowed",
    "at lower bound": "at its lower bound: the data ask for no departure",
    "held": "held by choice",
    "frozen": "frozen: these lines stay at their clone",
}


def decision_lines(summary: Mapping[str, Any]) -> list[str]:
    """How the input was read, which priors were chosen, which lines were added, and why the fit stopped."""
    lines = [f"read: {text}" for text in summary.get("history") or []]
    lines += [f"note: {text}" for text in summary.get("notes") or []]
    for name, prior in (summary.get("line_priors") or {}).items():
        lines.append(f"prior of {name}: {_prior_text(prior)}")
    for number, entry in enumerate(summary.get("line_search") or [], start=1):
        verdict = "taken" if entry["accepted"] else "not taken: the evidence did not grow enough"
        lines.append(
            f"lines, round {number}: {entry['added']} added, {entry['removed']} of them removed, "
            f"{entry['dropped']} dropped, ln(evidence) {entry['gain']:+.1f}, {verdict}"
        )
    inflation = summary.get("noise_inflation")
    if inflation:
        how = summary.get("noise_inflation_state") or "not said how"
        lines.append(f"errors multiplied by {min(inflation):.3g} to {max(inflation):.3g} ({how})")
    return [*lines, f"stopped: {summary.get('stop_reason')}"]


def _prior_text(prior: Mapping[str, Any]) -> str:
    """Shape, width and state of the prior of a class of lines; frozen classes have no shape."""
    state = _STATES.get(prior["state"], prior["state"])
    if prior["shape"] is None:
        return state
    unit = "" if prior["unit"] == "ln" else f" {prior['unit']}"
    return f"{prior['shape']}, width {prior['width']:.3g}{unit}, {state}"
