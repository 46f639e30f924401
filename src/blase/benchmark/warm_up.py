"""Small jobs that are not counted: what is compiled is compiled and loaded before the clock starts."""

from __future__ import annotations

from blase.benchmark.order import fit_tiny_order
from blase.cloning import clone_template
from blase.templates.embedded import embedded_template

_RANGE = (8640.0, 8645.0)


def warm_up(piece: str) -> None:
    """Clone something tiny, and fit something tiny before the pieces that fit."""
    if piece == "first_use":
        return
    clone_template(embedded_template("star", wavelength_range=_RANGE))
    if piece in ("fit", "orders"):
        fit_tiny_order()
