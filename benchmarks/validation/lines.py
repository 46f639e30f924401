"""How far the lines of a fit are from the truth, and how far they say they may be."""

from __future__ import annotations

import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers import LineList
from blase.fit.equivalent_width import equivalent_width
from blase.simulation import TrueLines, Truth

FloatArray = NDArray[np.float64]
NUMBERS = ("centre", "strength", "sigma", "gamma", "equivalent_width")
"""What is known of a line: centres in km/s, the next three as natural logarithms, the last in Angstrom."""


def compare_lines(table: QTable, template: LineList, truth: Truth) -> dict[str, FloatArray]:
    """What is to be known of the cloned stellar lines of a fit that lie in an order, each (n,).

    `off_NAME` value less truth and `error_NAME` of every one of `NUMBERS`; `width` the true equivalent width
    [Angstrom]; `neighbours` that of all other lines in the same stretch of spectrum, over its own;
    `template_off_strength` the template's ln(strength) less the true one.
    """
    some = (table["order"] >= 0) & (table["status"] == "cloned") & (table["origin"] == "stellar")
    table = table[some]
    pairs = _partners(table["centre_cloned"].value, template, truth.star_lines)
    true = truth.star_lines.lines.take(pairs)
    width = true_equivalent_width(true)
    per_velocity = SPEED_OF_LIGHT / true.centre
    found = {
        "off_centre": (table["centre"].value - true.centre) * per_velocity,
        "error_centre": table["centre_error"].value * per_velocity,
        "off_equivalent_width": table["equivalent_width"].value - width,
        "error_equivalent_width": table["equivalent_width_error"].value,
        "width": width,
        "neighbours": neighbours(truth)[pairs],
        "template_off_strength": np.log(table["strength_cloned"].value / true.strength),
    }
    for name in ("strength", "sigma", "gamma"):
        found[f"off_{name}"] = np.log(table[name].value / getattr(true, name))
        found[f"error_{name}"] = (table[f"{name}_error"] / table[name]).value
    return found


def _partners(cloned: FloatArray, template: LineList, true: TrueLines) -> NDArray[np.intp]:
    """Place (n,) among the true lines of the lines cloned at `cloned` (n,) [Angstrom]."""
    place = np.empty(len(template), dtype=np.intp)
    place[true.template_index] = np.arange(len(template))
    index = np.searchsorted(template.centre, cloned)
    assert np.array_equal(template.centre[index], cloned), "every line of the fit is one of the template"
    return place[index]


def true_equivalent_width(lines: LineList) -> FloatArray:
    """Equivalent widths (n,) [Angstrom] of a line list, each line alone."""
    per_velocity = lines.centre / SPEED_OF_LIGHT
    return equivalent_width(
        lines.strength, sigma=lines.sigma * per_velocity, gamma=lines.gamma * per_velocity
    )


def neighbours(truth: Truth) -> FloatArray:
    """Equivalent width of all other lines within the observed width of every line, over its own (n,).

    The observed width is what a narrow line gets: the full width at half maximum of the line spread and that
    of rotation (1.6 vsini for a limb darkening of 0.6), added in squares.
    """
    lines = truth.star_lines.lines
    width = true_equivalent_width(lines)
    velocity = SPEED_OF_LIGHT * np.log(lines.centre)
    reach = np.hypot(SPEED_OF_LIGHT / truth.resolving_power, 1.6 * truth.vsini)
    total = np.concatenate([[0.0], np.cumsum(width)])
    first = np.searchsorted(velocity, velocity - reach)
    last = np.searchsorted(velocity, velocity + reach, side="right")
    return (total[last] - total[first]) / width - 1.0
