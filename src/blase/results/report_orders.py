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
            _with_error(order["resolving_power"]["value"], order["resolving_power"]["error"], 6),
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


def _with_error(value: float, error: float | None, digits: int) -> str:
    """A value and its error; `held` without one."""
    return f"{number(value, digits)} " + ("(held)" if error is None else f"± {number(error, 2)}")


def _coefficients(correction: Mapping[str, Any] | None) -> str:
    """All coefficients in one cell."""
    if not correction:
        return "–"
    parts = zip(*(correction[name] for name in ("degree", "value", "error", "prior_dominated")), strict=True)
    return ", ".join(
        f"P{degree}: {_with_error(value, error, 3)}{'*' * weak}" for degree, value, error, weak in parts
    )
