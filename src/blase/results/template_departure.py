"""Where the theoretical template is wrong at native resolution: feedback for those who computed it."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.table import QTable

from blase.results.diagnostics import column, runs
from blase.results.result import FitResult
from blase.results.theory import theoretical_template

THRESHOLD = 3.0
"""Departure over its error from which a sample of the template counts as wrong."""


def template_departures(result: FitResult, *, threshold: float = THRESHOLD) -> QTable:
    """Stretches of the template where |fitted - theory| exceeds `threshold` errors, the largest area first.

    Columns: `low`, `high` [Angstrom, vacuum, at rest]; `area`, the integral of theory - fitted [Angstrom],
    positive where the star absorbs more than theory has it, and `area_error` as if all samples of a stretch
    erred together: those of one line do, as its strength does, and no error of the area is larger; `largest`,
    the largest difference in flux over continuum, with its sign, and `significance`, the same over its error;
    `theory` and `fitted`, both there;
    `lines`, the lines of the star inside. Fitted and theory are both before rotation and instrument.
    """
    wavelength = column(result.template, "wavelength")
    fitted, error = column(result.template, "normalised"), column(result.template, "uncertainty")
    theory = theoretical_template(result)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.where(error > 0, (fitted - theory) / error, 0.0)
    stretches = runs((np.abs(sigma) > threshold) & _observed(result))
    ids, centres = _stellar(result)
    rows: list[tuple[object, ...]] = []
    for start, stop in stretches:
        inside = slice(start, stop)
        worst = start + int(np.argmax(np.abs(fitted[inside] - theory[inside])))
        low, high = wavelength[start], wavelength[stop - 1]
        among = ids[(centres >= low) & (centres <= high)]
        step = np.gradient(wavelength)[inside] if wavelength.size > 1 else 0.0
        area = float(np.sum((theory[inside] - fitted[inside]) * step))
        spread = float(np.sum(error[inside] * step))
        largest = fitted[worst] - theory[worst]
        rows.append(
            (low, high, area, spread, largest, sigma[worst], theory[worst], fitted[worst], " ".join(among))
        )
    return _table(rows)


def _observed(result: FitResult) -> np.ndarray:
    """Which samples (n,) of the template lie in an order: between orders nothing was measured."""
    if "continuum" not in result.template.colnames:
        return np.ones(len(result.template), dtype=bool)
    return np.isfinite(column(result.template, "continuum"))


def _stellar(result: FitResult) -> tuple[np.ndarray, np.ndarray]:
    """Names and centres of the star's lines."""
    stellar = np.asarray(result.lines["origin"]) == "stellar"
    return np.asarray(result.lines["line_id"], dtype=np.str_)[stellar], column(result.lines, "centre")[
        stellar
    ]


def _table(rows: list[tuple[object, ...]]) -> QTable:
    names = ("low", "high", "area", "area_error", "largest", "significance", "theory", "fitted")
    table = QTable()
    for k, name in enumerate(names):
        values = np.array([row[k] for row in rows], dtype=np.float64)
        table[name] = values * u.AA if name in names[:4] else values
    table["lines"] = np.array([row[-1] for row in rows], dtype=np.str_)
    return table[np.argsort(-np.abs(table["area"].value), kind="stable")]
