"""Ratios of the baseline to blasé."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def compare(pieces: Mapping[str, Any]) -> dict[str, Any]:
    """How many times blasé is faster and smaller; None where its residual was not reached."""
    long, long_plain = pieces["long_gradient"], pieces["long_baseline_gradient"]
    ours, exact = pieces["gradient"], pieces["baseline_exact_gradient"]
    plain, adam = pieces["baseline_gradient"], pieces["baseline_adam"]
    reached = seconds_to_reach(pieces["clone"]["history"], adam["residual_rms"])
    return {
        "gradient_time_ratio": plain["seconds"] / ours["seconds"],
        "gradient_memory_ratio": plain["memory_peak_mb"] / ours["memory_peak_mb"],
        "exact_gradient_time_ratio": exact["seconds"] / ours["seconds"],
        "long_gradient_time_ratio": long_plain["seconds"] / long["seconds"],
        "long_gradient_memory_ratio": long_plain["memory_peak_mb"] / long["memory_peak_mb"],
        "residual_rms": adam["residual_rms"],
        "seconds_to_residual": {"blase": reached, "baseline": adam["seconds"]},
        "residual_time_ratio": None if reached is None else adam["seconds"] / reached,
    }


def seconds_to_reach(history: list[dict[str, Any]], residual: float) -> float | None:
    """Seconds after which the residual is certainly no larger than `residual`; None where it never is."""
    reached = (step["seconds"] for step in history if step["residual_rms"] <= residual)
    return next(reached, None)
