"""Evidence, its slope by a prior width, and the learned width, against brute force on a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal, norm
from torch import nn

from blase.fit.evidence import Evidence, log_evidence
from blase.fit.objective import Data, Objective
from blase.fit.parameters import FLATTEST, ParameterSpace, Prior
from blase.fit.penalties import GAUSSIAN, LAPLACE, SHAPES, STUDENT_T, Shape
from blase.fit.priors import LinePriorWidths
from blase.pipeline.prior_widths import (
    HYPERPRIOR_LINES,
    LARGEST_CHANGE,
    at_upper_bound,
    bounds,
    describe,
    learned,
)
from blase.pipeline.regularisation import Regularisation

NAME = "star.lines.log_strength"
FIRST = LinePriorWidths(0.3, 0.7, 0.25, 0.4)


class Linear(nn.Module):
    """flux = matrix @ strengths + level, with the names of the standard model."""

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__()
        self.star = nn.Module()
        self.star.lines = nn.Module()
        self.star.lines.log_strength = nn.Parameter(torch.zeros(matrix.shape[1], dtype=torch.float64))
        self.level = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.matrix = torch.from_numpy(matrix)

    def forward(self) -> torch.Tensor:
        return self.matrix @ self.star.lines.log_strength + self.level


@dataclass
class Dense:
    """Normal equations by plain linear algebra."""

    matrix: np.ndarray

    def solve(self, damping: np.ndarray, vector: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self.matrix + np.diag(damping), vector)


class Problem:
    """Strengths of which some depart far, seen with one error; widths and shape to choose."""

    def __init__(self, matrix: np.ndarray, flux: np.ndarray, sigma: float) -> None:
        self.matrix, self.sigma, n = matrix, sigma, len(flux)
        self.model = Linear(matrix)
        used = torch.ones(n, dtype=torch.bool)
        error = torch.full((n,), sigma, dtype=torch.float64)
        self.data = Data(torch.from_numpy(flux), error, used)

    def objective(self, width: float, shape: Shape) -> Objective:
        """`width` is the standard deviation."""
        mean = torch.zeros(self.matrix.shape[1], dtype=torch.float64)
        one = torch.tensor(1.0, dtype=torch.float64)
        priors = {
            "level": Prior(0 * one, 2 * one),
            NAME: Prior(mean, torch.full_like(mean, width / shape.deviation), shape=shape),
        }
        return Objective(self.model, self.data, ParameterSpace(self.model, priors))

    def columns(self, space: ParameterSpace) -> np.ndarray:
        """d(model / sigma) / dz, dense."""
        parts = []
        for name, prior in space.priors.items():
            column = np.ones((len(self.matrix), 1)) if name == "level" else self.matrix
            parts.append(column * prior.width.reshape(-1).numpy() / self.sigma)
        return np.hstack(parts)

    def solved(self, objective: Objective, start: torch.Tensor) -> torch.Tensor:
        """The most probable z: reweighted least squares, then Newton's method."""
        z, space = start.clone(), objective.space
        jacobian = self.columns(space)
        square, flux = jacobian.T @ jacobian, self.data.flux.numpy() / self.sigma
        for count in range(300):
            gradient = space.weight(z).numpy() * z.numpy() - jacobian.T @ (flux - jacobian @ z.numpy())
            curved = space._by_shape("curvature", z) if count >= 60 else space.weight(z)
            step = np.linalg.solve(square + np.diag(curved.numpy()), gradient)
            z = z - torch.from_numpy(step)
            if np.abs(step).max() < 1e-12:
                return z
        raise AssertionError("Newton's method did not converge")

    def analysed(self, width: float, shape: Shape, start: torch.Tensor | None = None):
        """Objective, most probable z, normal equations and posterior as the fit would have them."""
        objective = self.objective(width, shape)
        zero = torch.zeros(objective.space.size, dtype=torch.float64)
        z = self.solved(objective, zero if start is None else start)
        jacobian = self.columns(objective.space.gaussian_at(self.model, z))
        normal = Dense(jacobian.T @ jacobian + np.eye(jacobian.shape[1]))
        posterior = SimpleNamespace(
            variance=np.diag(np.linalg.inv(normal.matrix)),
            log_determinant=np.linalg.slogdet(normal.matrix)[1],
        )
        return objective, z, normal, posterior

    def evidence(self, width: float, shape: Shape, start: torch.Tensor | None = None) -> float:
        objective, z, _, posterior = self.analysed(width, shape, start)
        return log_evidence(objective, z, posterior.log_determinant)


def problem(*, independent: bool = False, count: int = 24, seed: int = 3) -> Problem:
    draw = np.random.default_rng(seed)
    truth = 0.3 * draw.standard_normal(count)
    truth[::6] += 2.0 * np.sign(truth[::6])
    size = count if independent else 40
    overlap = np.exp(-0.5 * ((np.arange(size)[:, None] - np.linspace(0, size, count)) / 1.2) ** 2)
    matrix = np.diag(draw.uniform(0.2, 2.0, count)) if independent else overlap
    sigma = 0.25
    return Problem(matrix, matrix @ truth + sigma * draw.standard_normal(size), sigma)


def test_gaussian_evidence_is_the_marginal_likelihood() -> None:
    some = problem()
    width = 0.6
    covariance = some.sigma**2 * np.eye(40) + width**2 * some.matrix @ some.matrix.T + 2.0**2
    expected = multivariate_normal(np.zeros(40), covariance).logpdf(some.data.flux.numpy())
    assert some.evidence(width, GAUSSIAN) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("width", [0.15, 0.5, 1.5])
def test_slope_by_the_width_is_that_of_the_evidence(name: str, width: float) -> None:
    """Derivative by ln(width), the most probable values following, against central differences."""
    some, shape, step = problem(), SHAPES[name], 1e-4
    objective, z, normal, posterior = some.analysed(width, shape)
    slope = Evidence(objective, z, normal, posterior).by_width(objective.space.slices[NAME])
    wider, narrower = (some.evidence(width * np.exp(h), shape, z) for h in (step, -step))
    assert slope.departures >= 0 and slope.determined >= 0
    flat = bool((objective.space.curvature(z) <= FLATTEST).any())  # there the slope is approximate
    assert slope.departures - slope.determined == pytest.approx(
        (wider - narrower) / (2 * step), rel=0.03 if flat else 1e-4, abs=1e-4
    )


def hyperprior(width: float, first: float) -> float:
    """ln of the scaled inverse chi-square hyperprior by ln(width), up to a constant."""
    return -HYPERPRIOR_LINES * (0.5 * (first / width) ** 2 + np.log(width))


def learn(some: Problem, shape: Shape, chosen: Regularisation) -> float:
    """The width at which learning stands still."""
    widths = FIRST
    for _ in range(400):
        objective, z, normal, posterior = some.analysed(widths.log_strength, shape)
        evidence = Evidence(objective, z, normal, posterior)
        after = learned(evidence, objective.space, "stellar", widths, FIRST, chosen)
        if abs(after.log_strength / widths.log_strength - 1) < 1e-9:
            break
        widths = after
    return after.log_strength


@pytest.mark.parametrize("name", SHAPES)
def test_learned_width_has_the_largest_evidence_times_hyperprior(name: str) -> None:
    """Against a search along the axis of the width, every point fitted anew."""
    some, shape = problem(), SHAPES[name]
    found = learn(some, shape, Regularisation({"stellar_strength": name}))
    low, high = bounds("stellar_strength", FIRST.log_strength)
    best = minimize_scalar(
        lambda logarithm: (
            -some.evidence(np.exp(logarithm), shape) - hyperprior(np.exp(logarithm), FIRST.log_strength)
        ),
        bounds=np.log([low, high]),
        method="bounded",
        options={"xatol": 1e-6},
    )
    assert low < found < high
    assert found == pytest.approx(np.exp(best.x), rel=2e-3)


def exact_evidence(some: Problem, width: float, shape: Shape) -> float:
    """Evidence of independent entries at a level of zero, every integral done numerically."""
    total = 0.0
    for k, flux in enumerate(some.data.flux.numpy()):
        a = some.matrix[k, k]

        def integrand(z: float, a: float = a, flux: float = flux) -> float:
            prior = -shape.penalty(torch.tensor(z, dtype=torch.float64)).item() - shape.log_norm
            return np.exp(prior + norm.logpdf(flux, a * z * width / shape.deviation, some.sigma))

        peak = flux / a / width * shape.deviation
        total += np.log(quad(integrand, -60, 60, points=sorted({0.0, peak}), limit=400)[0])
    return total


@pytest.mark.parametrize("shape", [LAPLACE, STUDENT_T], ids=lambda s: s.name)
def test_learned_width_is_near_that_of_the_exact_evidence(shape: Shape) -> None:
    """Laplace's approximation is not exact where the prior is not normal; it may cost some of the width."""
    some = problem(independent=True)
    some.model.level.requires_grad_(False)

    def without_level(width: float, shape: Shape) -> Objective:
        whole = Problem.objective(some, width, shape)
        return Objective(some.model, some.data, ParameterSpace(some.model, {NAME: whole.space.priors[NAME]}))

    some.objective = without_level  # type: ignore[method-assign]
    found = learn(some, shape, Regularisation({"stellar_strength": shape.name}))
    grid = np.geomspace(0.5 * found, 2.0 * found, 9)
    value = [exact_evidence(some, w, shape) + hyperprior(w, FIRST.log_strength) for w in grid]
    assert 0.7 < grid[int(np.argmax(value))] / found < 1.45
    at_found = exact_evidence(some, found, shape) + hyperprior(found, FIRST.log_strength)
    assert max(value) - at_found < 0.5  # half a unit is what one standard deviation of the width costs


def test_held_and_frozen_widths_are_not_learned_and_bounds_hold() -> None:
    some = problem()
    held = Regularisation(widths={"stellar_strength": 0.7})
    assert learn(some, GAUSSIAN, held) == 0.7
    louder = Problem(some.matrix, 40 * some.data.flux.numpy(), some.sigma)
    assert learn(louder, GAUSSIAN, Regularisation()) == pytest.approx(LARGEST_CHANGE * 0.7)
    many = problem(independent=True, count=200)
    silent = Problem(many.matrix, 0 * many.data.flux.numpy(), 1e-3)
    assert learn(silent, GAUSSIAN, Regularisation()) == pytest.approx(0.7 / LARGEST_CHANGE)
    assert bounds("telluric_centre", 0.03) == pytest.approx((0.005, 0.05))


def test_description_says_how_every_width_came_about() -> None:
    first = LinePriorWidths(0.3, 0.7, 0.0, 0.4)
    now = {"stellar": LinePriorWidths(1.8, 0.5, 0.0, 0.4 / LARGEST_CHANGE)}
    chosen = Regularisation({"stellar_strength": "laplace"}, {"stellar_strength": 0.5})
    found = describe(now, {"stellar": first}, chosen)
    assert {name: entry["state"] for name, entry in found.items()} == {
        "stellar_centre": "at upper bound",
        "stellar_strength": "held",
        "stellar_sigma": "frozen",
        "stellar_gamma": "at lower bound",
    }
    assert found["stellar_strength"]["shape"] == "laplace" and found["stellar_strength"]["hyperprior"] is None
    assert found["stellar_centre"]["unit"] == "km/s" and found["stellar_centre"]["bounds"] == pytest.approx(
        [0.05, 1.8]
    )
    assert found["stellar_centre"]["hyperprior"]["mode"] == 0.3
    assert at_upper_bound(found) == ["stellar centre"]
