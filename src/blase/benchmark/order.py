"""The joint fit of a simulated order: star and atmosphere, with errors."""

from __future__ import annotations

import time
from typing import Any

from blase.benchmark.case import Case
from blase.cloning import Clone, clone_template
from blase.containers.line_list import LineList
from blase.pipeline import fit_spectrum
from blase.simulation import Simulation, simulate_observation
from blase.templates.embedded import LIMITS, embedded_lines
from blase.templates.template import LineTemplate

WIDEST = 100.0
"""Widest order that is simulated [Angstrom]; at most half of the template."""
RADIAL_VELOCITY, VSINI = 12.0, 5.0
_PIXELS_PER_ANGSTROM = 20.0
_FEWEST_PIXELS = 200
REACH = 50.0
"""The simulated star has lines this far beyond its order [Angstrom], the atmosphere `AIR_REACH`."""
AIR_REACH = 3.0


def fit_tiny_order() -> None:
    """A fit of a second, after which everything that a fit needs is compiled and loaded."""
    span = (8640.0, 8650.0)
    star, air = clone_template(embedded("star", span, AIR_REACH)), atmosphere(span)
    simulation = _simulate(star.lines, None if air is None else air.lines, span)
    fit_spectrum(simulation.spectrum, star=star, telluric=air, folds=0, curve=False)


def order_range(low: float, high: float) -> tuple[float, float]:
    """The middle of a template [vacuum Angstrom] that becomes the order."""
    half, middle = min(WIDEST, 0.5 * (high - low)) / 2, 0.5 * (low + high)
    return middle - half, middle + half


def fit_order(case: Case) -> dict[str, Any]:
    """Simulate an order of the clone's star behind an embedded atmosphere and fit it, errors included."""
    star = case.clone()
    span = order_range(*star.wavelength_range)
    air = atmosphere(span)
    simulation = _simulate(star.lines, None if air is None else air.lines, span)
    start = time.perf_counter()
    result = fit_spectrum(simulation.spectrum, star=star, telluric=air, folds=0, curve=False)
    seconds = time.perf_counter() - start
    kept = ("n_pixels", "n_parameters", "n_effective", "residual_rms", "converged", "radial_velocity")
    return {
        "seconds": seconds,
        "wavelength_range": list(span),
        "n_lines": len(result.lines),
        "true_radial_velocity": simulation.truth.radial_velocity,
        **{name: result.summary[name] for name in kept},
    }


def embedded(kind: str, span: tuple[float, float], reach: float) -> LineTemplate:
    """Embedded lines of the `span` and `reach` Angstrom beyond."""
    lines = embedded_lines(kind, wavelength_range=(span[0] - reach, span[1] + reach))
    return LineTemplate(f"embedded:{kind}", lines)


def atmosphere(span: tuple[float, float]) -> Clone | None:
    """The embedded atmosphere of the order; None where it has no lines."""
    if not (LIMITS[0] <= span[0] - AIR_REACH and span[1] + AIR_REACH <= LIMITS[1]):
        return None
    lines = embedded("telluric", span, AIR_REACH)
    return clone_template(lines, kind="telluric") if len(lines) else None


def _simulate(star: LineList, air: LineList | None, span: tuple[float, float]) -> Simulation:
    return simulate_observation(
        star.in_range(span[0] - REACH, span[1] + REACH),
        air,
        wavelength_range=span,
        radial_velocity=RADIAL_VELOCITY,
        vsini=VSINI,
        n_pixels=max(_FEWEST_PIXELS, round((span[1] - span[0]) * _PIXELS_PER_ANGSTROM)),
    )
