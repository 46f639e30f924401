"""The part of the report on what every order has for itself: resolving power and corrected wavelengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blase.results.html import number, table


def own_parameters(summary: Mapping[str, Any]) -> list[str]:
    """One row for every order; nothing where a single order has nothing of its own."""
    orders = [order for order in summary.get("orders") or [] if "resolving_power" in order]
    if len(orders) < 2 and not any(order.get("wavelength_correction") for order in orders):
        return []
    rows = [
        [
            order["row"],
            _resolving_power(order["resolving_power"]),
            _coefficients(order.get("wavelength_correction")),
        ]
        for order in orders
    ]
    caption = (
        "What every order has for itself. The wavelength correction is the excess of true over stated "
        "wavelengths, as Legendre coefficients P0, P1, ... along the order; a star marks those of which the "
        "data say little"
    )
    return [table(caption, ["order", "resolving power", "wavelength correction [km/s]"], rows)]


def _resolving_power(entry: Mapping[str, Any]) -> str:
    """Value and error in whole numbers; `held` without an error."""
    error = entry["error"]
    return f"{entry['value']:.0f} " + ("(held)" if error is None else f"± {error:.0f}")


def _coefficients(correction: Mapping[str, Any] | None) -> str:
    """All coefficients in one cell."""
    if not correction:
        return "–"
    parts = zip(*(correction[name] for name in ("degree", "value", "error", "prior_dominated")), strict=True)
    return ", ".join(
        f"P{degree}: {number(value, 3)} ± {number(error, 2)}{'*' * weak}"
        for degree, value, error, weak in parts
    )
