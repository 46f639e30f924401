"""The bound that errors are held against, beside finite differences of the simulator."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.polynomial.legendre import legvander

from blase.containers import LineList
from blase.simulation import EXACT, Simulation, simulate_observation

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from validation.bound import CONTINUUM_DEGREE, bounds, objective_at_truth
from validation.truth import RELATIVE_ERROR, STAR_WIDTHS

RANGE = (8600.0, 8606.0)
LINES = LineList(
    centre=np.array([8601.1, 8602.7, 8602.85, 8604.4]),
    strength=np.array([0.06, 0.3, 0.04, 0.15]),
    sigma=np.array([1.5, 1.8, 1.6, 1.7]),
    gamma=np.array([0.4, 0.9, 0.3, 0.5]),
)
GLOBALS = {"radial_velocity": 3.0, "vsini": 6.0, "resolving_power": 50_000.0}
STEP = 1e-3
PER_VELOCITY = 1 / 299_792.458


def simulate(lines: LineList = LINES, **changed: float) -> Simulation:
    return simulate_observation(
        lines,
        wavelength_range=RANGE,
        n_pixels=150,
        signal_to_noise=100.0,
        line_scatter=EXACT,
        **GLOBALS | changed,  # type: ignore[arg-type]
    )


def slope(minus: Simulation, plus: Simulation, step: float) -> np.ndarray:
    return (plus.truth.flux - minus.truth.flux) / (2 * step)


def scaled(name: str, factor: float, index: int) -> LineList:
    values = getattr(LINES, name).copy()
    values[index] = values[index] * factor
    return replace(LINES, **{name: values})


def columns_and_widths() -> tuple[np.ndarray, np.ndarray]:
    """Derivatives (n_pixels, k) of the simulated flux by every parameter of the fit, and their priors."""
    found: list[tuple[np.ndarray, float]] = []
    for name, step, width in (("radial_velocity", 1e-3, 50.0), ("vsini", 1e-2, np.nan)):
        ends = (simulate(**{name: GLOBALS[name] + sign * step}) for sign in (-1, 1))
        found.append((slope(*ends, step), width))
    found[1] = (found[1][0] / (2 * GLOBALS["vsini"]), 1e4)  # vsini squared, as in the fit
    ends = (simulate(resolving_power=GLOBALS["resolving_power"] * np.exp(s * STEP)) for s in (-1, 1))
    found.append((slope(*ends, STEP), RELATIVE_ERROR))
    for name in ("strength", "sigma", "gamma"):
        for j in range(len(LINES)):
            ends = (simulate(scaled(name, np.exp(s * STEP), j)) for s in (-1, 1))
            found.append((slope(*ends, STEP), getattr(STAR_WIDTHS, f"log_{name}")))
    for j in range(len(LINES)):
        ends = (simulate(scaled("centre", 1 + s * 0.01 * PER_VELOCITY, j)) for s in (-1, 1))
        found.append((slope(*ends, 0.01), STAR_WIDTHS.centre_shift))
    seen = simulate()
    place = seen.truth.wavelength
    x = 2 * (place - place[0]) / (place[-1] - place[0]) - 1
    absorbed = seen.truth.flux / seen.truth.continuum
    level = float(np.median(seen.spectrum.orders[0].flux[~seen.spectrum.orders[0].mask]))
    found.extend((level * absorbed * p, 1.0) for p in legvander(x, CONTINUUM_DEGREE).T)
    return np.stack([column for column, _ in found], axis=1), np.array([width for _, width in found])


@pytest.fixture(scope="module")
def seen() -> Simulation:
    return simulate()


def test_the_bound_is_that_of_finite_differences_of_the_simulator(seen):
    order = seen.spectrum.orders[0]
    used = ~order.mask & np.isfinite(order.flux)
    columns, widths = columns_and_widths()
    weighted = (columns / order.uncertainty[:, None])[used]
    covariance = np.linalg.inv(weighted.T @ weighted + np.diag(widths**-2))
    deviation = np.sqrt(np.diag(covariance))
    expected = {
        "radial_velocity": deviation[0],
        "vsini": deviation[1] / (2 * GLOBALS["vsini"]),
        "resolving_power": deviation[2] * GLOBALS["resolving_power"],
    }
    found = bounds(seen.spectrum, [seen.truth], resolving_power=GLOBALS["resolving_power"])
    assert found == pytest.approx(expected, rel=3e-3)


def test_the_model_at_the_truth_is_what_was_simulated(seen):
    objective = objective_at_truth(seen.spectrum, [seen.truth], resolving_power=GLOBALS["resolving_power"])
    order = seen.spectrum.orders[0]
    level = float(np.median(order.flux[~order.mask]))
    model = objective.model().detach().numpy() * level
    assert model == pytest.approx(seen.truth.flux, rel=2e-5)
