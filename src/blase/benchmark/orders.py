"""The joint fit of a whole simulated spectrum: many orders, with errors and learned widths of priors."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from blase.benchmark.case import Case
from blase.benchmark.order import RADIAL_VELOCITY, VSINI, atmosphere
from blase.containers.line_list import LineList
from blase.pipeline import fit_spectrum
from blase.simulation import OrderSetup, simulate_orders

RESOLVING_POWER = 55_000.0
WIDTH = 0.0137
"""Of an order of HPF, over its wavelength."""
PIXELS = 2048
_MARGIN = 0.004
"""Of the template, beyond the outermost orders, over the wavelength; at most a tenth of a short one."""


def order_setups(low: float, high: float, count: int) -> list[OrderSetup]:
    """Orders evenly over a template [vacuum Angstrom], narrower than HPF's where there is no room."""
    margin = min(_MARGIN, 0.1 * np.log(high / low))
    low, high = low * (1 + margin), high * (1 - margin)
    width = min(WIDTH, np.log(high / low) / count)
    starts = np.exp(np.linspace(np.log(low), np.log(high) - width, count))
    return [OrderSetup((float(s), float(s * np.exp(width))), RESOLVING_POWER) for s in starts]


def fit_orders(case: Case) -> dict[str, Any]:
    """Simulate orders of the clone's star behind the embedded atmosphere and fit them together.

    Noise and widths of priors are learned, errors computed; no lines are searched for and none held out.
    """
    star = case.clone()
    setups = order_setups(*star.wavelength_range, case.settings.n_orders)
    air = atmosphere((setups[0].wavelength_range[0], setups[-1].wavelength_range[1]))
    lines: LineList | None = None if air is None else air.lines
    simulation = simulate_orders(
        star.lines, lines, setups, radial_velocity=RADIAL_VELOCITY, vsini=VSINI, n_pixels=PIXELS
    )
    start = time.perf_counter()
    result = fit_spectrum(simulation.spectrum, star=star, telluric=air, folds=0, curve=False, new_lines=False)
    kept = ("n_pixels", "n_parameters", "n_effective", "residual_rms", "converged", "radial_velocity")
    return {
        "seconds": time.perf_counter() - start,
        "n_orders": len(result.orders),
        "n_lines": len(result.lines),
        "true_radial_velocity": RADIAL_VELOCITY,
        "stages": result.summary["stages"],
        **{name: result.summary[name] for name in kept},
    }
