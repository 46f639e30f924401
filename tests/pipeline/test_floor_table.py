"""Lines with floors in a fit: their columns, their equivalent widths and errors, and how they are held."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import voigt_profile

from blase.cloning import Clone
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import FLOOR_COLUMNS, LineList
from blase.fit.jacobian import jacobian
from blase.fit.priors import FloorPriorWidths
from blase.model.core_floor import FLOOR_PARAMETERS
from blase.pipeline import fit_spectrum
from blase.pipeline.build import Settings, within_reach
from blase.pipeline.floor_table import floor_columns, floored_widths
from blase.pipeline.line_table import line_table
from blase.pipeline.options import freedom
from blase.pipeline.prepare import to_pixels
from blase.pipeline.solve import Solved, solve
from blase.simulation import Simulation

LEVELS = {"core_floor": 0.15, "wing_floor": 0.4, "core_opacity": 200.0, "wing_power": 0.6}
BY_LOGIT = ("core_floor", "wing_floor")


@pytest.fixture(scope="module")
def floored(star: Clone) -> Clone:
    """The star's clone, its two strongest lines within the order with floors."""
    inside = np.abs(star.lines.centre - 8233.5) < 6
    strongest = np.argsort(np.where(inside, star.lines.strength, 0.0))[-2:]
    columns = {name: np.full(len(star.lines), np.nan) for name in FLOOR_COLUMNS}
    for name, level in LEVELS.items():
        columns[name][strongest] = level
    return replace(star, lines=replace(star.lines, **columns))


@pytest.fixture(scope="module")
def solved(simulation: Simulation, floored: Clone) -> tuple[Solved, Clone]:
    pixels = [to_pixels(order) for order in simulation.spectrum.orders]
    settings = Settings(floored, None, 20.0, 8.0, 0.0, 55_000.0, 1650.0, 0.6, 3, freedom(None, None))
    settings = within_reach(settings, pixels)
    return solve(pixels, settings, fixed=True), settings.star


def parameters(solution: Solved) -> dict[str, np.ndarray]:
    """Strength, sigma, gamma [Angstrom] and levels (2,) of the lines with floors, at rest."""
    lines = solution.model.star.lines
    some = lines.floors.index
    seen = {name: v.detach().numpy() for name, v in lines.observed(0.0, some).items()}
    levels = lines.floors.levels(np.arange(2))
    return seen | {name: v.detach().numpy() for name, v in levels.items()}


def width(strength, sigma, gamma, core, wing, opacity, power) -> float:
    """Equivalent width by adaptive quadrature of the formula."""
    reach = opacity + 1 / power
    scale = power * (1 - wing) + (wing - core) / reach

    def absorbed(x: float) -> float:
        eta = strength * voigt_profile(x, sigma, gamma) / scale
        return float(1 - (1 - wing) / (1 + eta) ** power - (wing * reach + core * eta) / (reach + eta))

    edges = [0, *(sigma + gamma) * np.array([1.0, 2, 3, 5, 8, 30, 300, 3000])]
    total = sum(quad(absorbed, a, b, epsrel=1e-10, epsabs=1e-14)[0] for a, b in pairwise(edges))
    return 2 * (total + strength * gamma / np.pi / edges[-1])


ORDER = ("strength", "sigma", "gamma", *FLOOR_COLUMNS)


def test_equivalent_widths_are_those_of_the_lines_with_their_floors(solved) -> None:
    solution = solved[0]
    found = parameters(solution)
    table = line_table(solution, solved[1], None, [], dropped=LineList.concatenated([]), blends=[])
    with_floor = table[np.isfinite(table["core_floor"])]
    expected = [width(*(found[name][j] for name in ORDER)) for j in range(2)]
    np.testing.assert_allclose(np.sort(with_floor["equivalent_width"].value), np.sort(expected), rtol=1e-5)
    np.testing.assert_allclose(np.sort(with_floor["core_floor"]), np.sort(found["core_floor"]), rtol=1e-12)


def test_errors_are_those_of_the_dense_covariance(solved) -> None:
    """The Hessian inverted as a whole, and slopes by differences of the quadrature."""
    solution = solved[0]
    objective, lines = solution.objective, solution.model.star.lines
    matrix = jacobian(objective.model, objective.data, objective.space).to_dense()
    scale = np.concatenate([p.width.reshape(-1).numpy() for p in objective.space.priors.values()])
    covariance = np.linalg.inv(matrix.T @ matrix + np.eye(scale.size)) * np.outer(scale, scale)
    found, slices, step = parameters(solution), objective.space.slices, 1e-4
    slopes = np.zeros((2, scale.size))
    names = ["log_strength", "log_sigma", "log_gamma", *(f"floors.{kind}" for kind in FLOOR_PARAMETERS)]
    for j in range(2):
        for k, (name, what) in enumerate(zip(names, ORDER, strict=True)):

            def moved(by: float, j: int = j, k: int = k, what: str = what) -> float:
                row = [found[n][j] for n in ORDER]
                odds = row[k] / (1 - row[k]) * np.exp(by)
                row[k] = odds / (1 + odds) if what in BY_LOGIT else row[k] * np.exp(by)
                return width(*row)

            slope = (moved(step) - moved(-step)) / (2 * step)
            place = j if name.startswith("floors") else int(lines.floors.index[j])
            slopes[j, slices[f"star.lines.{name}"].start + place] = slope
            shared = slices.get(f"star.lines.{name}_scale")
            if shared is not None:
                slopes[j, shared.start] = slope
    expected = np.sqrt(np.einsum("ni,ij,nj->n", slopes, covariance, slopes))
    rest = {n: v.detach().numpy() for n, v in lines.observed(0.0, np.arange(len(lines))).items()}
    np.testing.assert_allclose(floored_widths(solution, "star", lines, rest)[1], expected, rtol=1e-4)
    columns = floor_columns(solution, "star", lines, solved[1].lines)
    for kind, name in zip(FLOOR_PARAMETERS, FLOOR_COLUMNS, strict=True):
        deviation = np.sqrt(np.diag(covariance)[slices[f"star.lines.floors.{kind}"]])
        per = found[name] * (1 - found[name]) if name in BY_LOGIT else found[name]
        some = np.isfinite(columns[name])
        np.testing.assert_allclose(columns[f"{name}_error"][some], per * deviation, rtol=1e-6)
        np.testing.assert_allclose(columns[f"{name}_cloned"][some], LEVELS[name], rtol=1e-12)


def test_floors_are_held_near_their_clones(solved) -> None:
    space, widths = solved[0].objective.space, FloorPriorWidths()
    for kind in FLOOR_PARAMETERS:
        prior = space.priors[f"star.lines.floors.{kind}"]
        assert prior.width.tolist() == [getattr(widths, kind)] * 2
    np.testing.assert_allclose(
        space.priors["star.lines.floors.logit_core_floor"].mean.numpy(), np.log(0.15 / 0.85), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["stellar_core_floor", "stellar_lines"])
def test_floors_may_be_held(simulation: Simulation, floored: Clone, name: str) -> None:
    result = fit_spectrum(
        simulation.spectrum, star=floored, folds=0, fix={name: None}, rv_guess=20.0, max_iterations=2
    )
    table = result.lines[np.isfinite(result.lines["core_floor"])]
    assert len(table) == 2
    for column, level in LEVELS.items():
        np.testing.assert_allclose(table[column], level, rtol=1e-12)
        assert not np.any(table[f"{column}_error"])
    widths = [
        width(
            row["strength"].value,
            *(row[n].value * row["centre"].value / SPEED_OF_LIGHT for n in ("sigma", "gamma")),
            *LEVELS.values(),
        )
        for row in table
    ]
    np.testing.assert_allclose(table["equivalent_width"].value, widths, rtol=1e-5)
    known = table["equivalent_width_error"].value == 0
    assert np.all(known == (name == "stellar_lines"))
