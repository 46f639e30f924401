"""A simulated observation, its fit, and how close the fit came to the truth; needs no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.pipeline.attempt import Progress
from blase.pipeline.fit_spectrum import fit_spectrum
from blase.results.result import FitResult
from blase.simulation import Simulation, simulate_observation
from blase.templates.embedded import embedded_lines, embedded_template

WAVELENGTH_RANGE = (8600.0, 8700.0)
"""Range of the simulated order [vacuum Angstrom]."""
_REACH = 50.0
"""The simulated star has lines this far beyond its order [Angstrom]."""
_MEASURABLE = 0.01
"""Lines with a true strength above this [Angstrom] enter the scatter."""
_SAME_LINE = 0.6
"""A line of the fit within this velocity [km/s] of a true line is that line."""


@dataclass(frozen=True)
class DemoResult:
    """The fit of a simulated observation, its truth, and the comparison as numbers and as text."""

    result: FitResult
    simulation: Simulation
    report: dict[str, Any]
    lines: list[str]


def run_demo(*, seed: int = 0, progress: Progress | None = None) -> DemoResult:
    """Simulate an observation whose star differs from its template, fit it, and compare with the truth.

    The template is the embedded star of `seed`; the simulated star has other strengths, widths and centres,
    lacks some lines, and is observed by code that shares nothing with the forward model.
    """
    low, high = WAVELENGTH_RANGE
    wide = (low - _REACH, high + _REACH)
    simulation = simulate_observation(
        embedded_lines("star", seed=seed, wavelength_range=wide),
        embedded_lines("telluric", seed=seed, wavelength_range=wide),
        seed=seed,
        wavelength_range=WAVELENGTH_RANGE,
    )
    margin = 12.0
    result = fit_spectrum(
        simulation.spectrum,
        star=embedded_template("star", seed=seed, wavelength_range=(low - margin, high + margin)),
        telluric=embedded_template("telluric", seed=seed, wavelength_range=(low - 3, high + 3)),
        seed=seed,
        progress=progress,
    )
    report = _compare(result, simulation)
    return DemoResult(result, simulation, report, _text(report))


def _compare(result: FitResult, simulation: Simulation) -> dict[str, Any]:
    truth, summary = simulation.truth, result.summary
    before, after, count = _strength_scatter(result, simulation)
    return {
        name: {
            "true": getattr(truth, name),
            "recovered": summary[name]["value"],
            "error": summary[name]["error"],
        }
        for name in ("radial_velocity", "vsini", "resolving_power")
    } | {
        "strength_scatter_dex": {"before": before, "after": after, "n_lines": count},
        "n_parameters": summary["n_parameters"],
        "n_effective": summary["n_effective"],
        "n_pixels": summary["n_pixels"],
        "residual_rms": summary["residual_rms"],
        "residual_rms_heldout": summary["residual_rms_heldout"],
    }


def _strength_scatter(result: FitResult, simulation: Simulation) -> tuple[float, float, int]:
    """Scatter (rms) of log10(strength / true strength) of cloned and of fitted lines, and their number.

    Every true line inside the order that is strong enough is paired with the nearest line of the
    clone, where one lies near.
    """
    truth = simulation.truth.star_lines
    shown = ~truth.missing & (truth.lines.strength > _MEASURABLE)
    low, high = (v / (1 + simulation.truth.radial_velocity / SPEED_OF_LIGHT) for v in WAVELENGTH_RANGE)
    shown &= (truth.lines.centre > low) & (truth.lines.centre < high)
    table = result.lines[(result.lines["origin"] == "stellar") & (result.lines["status"] == "cloned")]
    cloned_centre = table["centre_cloned"].value
    order = np.argsort(cloned_centre)
    nearest = order[_nearest(cloned_centre[order], truth.lines.centre)]
    gap = np.abs(cloned_centre[nearest] / truth.lines.centre - 1) * SPEED_OF_LIGHT
    used = shown & (gap < _SAME_LINE)
    true = truth.lines.strength[used]
    scatter = [
        float(np.sqrt(np.mean(np.log10(table[name].value[nearest[used]] / true) ** 2)))
        for name in ("strength_cloned", "strength")
    ]
    return scatter[0], scatter[1], int(used.sum())


def _nearest(sorted_values: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    right = np.clip(np.searchsorted(sorted_values, wanted), 1, sorted_values.size - 1)
    left = right - 1
    closer_left = np.abs(sorted_values[left] - wanted) < np.abs(sorted_values[right] - wanted)
    return np.where(closer_left, left, right)


def _text(report: dict[str, Any]) -> list[str]:
    rows = [("", "true", "recovered", "error")]
    for name, unit, digits in (
        ("radial_velocity", "km/s", 3),
        ("vsini", "km/s", 2),
        ("resolving_power", "", 0),
    ):
        pair = report[name]
        rows.append(
            (
                f"{name} [{unit}]" if unit else name,
                f"{pair['true']:.{digits}f}",
                f"{pair['recovered']:.{digits}f}",
                "-" if pair["error"] is None else f"{pair['error']:.{digits}f}",
            )
        )
    scatter = report["strength_scatter_dex"]
    return [
        *(f"{a:<28}{b:>12}{c:>14}{d:>12}" for a, b, c, d in rows),
        f"scatter of {scatter['n_lines']} line strengths about the truth: "
        f"{scatter['before']:.3f} dex before, "
        f"{scatter['after']:.3f} dex after",
        f"parameters: {report['n_parameters']} (effective {report['n_effective']:.0f}) "
        f"for {report['n_pixels']} pixels",
        f"residual: {100 * report['residual_rms']:.2f} % on fitted pixels, "
        f"{100 * report['residual_rms_heldout']:.2f} % on held-out pixels",
    ]
