"""Shapes of priors against scipy's distributions, and fits and errors under each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from blase.fit.descent import minimise_by_descent
from blase.fit.jacobian import jacobian
from blase.fit.levenberg_marquardt import minimise_structured
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective
from blase.fit.parameters import FLATTEST, ParameterSpace, Prior
from blase.fit.penalties import DEGREES_OF_FREEDOM, SHAPES, STUDENT_T, Shape
from blase.fit.priors import LinePriorWidths, line_priors

DISTRIBUTIONS = {
    "gaussian": stats.norm(),
    "laplace": stats.genhyperbolic(p=1, a=1, b=0),
    "student-t": stats.t(DEGREES_OF_FREEDOM, scale=np.sqrt(1 + 1 / DEGREES_OF_FREEDOM)),
}
Z = torch.tensor([-40.0, -6.0, -2.3, -0.7, -1e-3, 0.0, 1e-3, 0.4, 1.7, 3.0, 9.0, 200.0], dtype=torch.float64)


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> Shape:
    return SHAPES[request.param]


def test_each_is_a_distribution_of_scipy(shape: Shape) -> None:
    expected = DISTRIBUTIONS[shape.name]
    density = -shape.penalty(Z).numpy() - shape.log_norm
    np.testing.assert_allclose(density, expected.logpdf(Z.numpy()), rtol=1e-9, atol=1e-9)
    assert shape.deviation == pytest.approx(expected.std(), rel=1e-6)


def test_derivatives_are_those_of_the_penalty(shape: Shape) -> None:
    z = Z.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(shape.penalty(z).sum(), z, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), z, create_graph=True)
    torch.testing.assert_close(shape.weight(Z) * Z, slope.detach(), rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(shape.curvature(Z), curvature.detach(), rtol=1e-8, atol=1e-13)
    step = 1e-5
    skew = (shape.curvature(Z + step) - shape.curvature(Z - step)) / (2 * step)
    torch.testing.assert_close(shape.skew(Z), skew, rtol=1e-6, atol=1e-9)
    assert float(shape.curvature(torch.zeros(1, dtype=torch.float64))) == 1.0


def test_reweighting_bounds_the_penalty_from_above(shape: Shape) -> None:
    """What makes iteratively reweighted steps safe: a parabola that touches at z and lies above elsewhere."""
    here, there = Z[:, None], Z[None, :]
    parabola = shape.penalty(here) + 0.5 * shape.weight(here) * (there**2 - here**2)
    assert bool((parabola >= shape.penalty(there) - 1e-12 * (here**2 + there**2)).all())
    assert bool(((shape.weight(Z) > 0) & (shape.weight(Z) <= 1)).all())


def test_the_width_of_a_class_is_its_standard_deviation(make_scene, shape: Shape) -> None:
    lines = make_scene().model.star.lines
    widths = LinePriorWidths(0.3, 0.5, 0.1, 0.2)
    [prior] = [
        p for n, p in line_priors("star", lines, widths, {"log_strength": shape}).items() if "strength" in n
    ]
    assert prior.shape is shape
    draw = DISTRIBUTIONS[shape.name].std() * float(prior.width[0])
    assert draw == pytest.approx(0.5, rel=1e-6)


def reshaped(scene, shape: Shape) -> Objective:
    """The objective of a scene with priors of `shape` on single lines, much too narrow for some of them."""
    priors = {
        name: replace(prior, shape=shape, width=0.25 * prior.width)
        for name, prior in scene.space.priors.items()
        if ".lines.log_" in name and prior.mean.numel() > 1
    }
    space = ParameterSpace(scene.model, scene.space.priors | priors)
    return Objective(scene.model, scene.objective.data, space)


@pytest.fixture
def solved(make_scene, shape: Shape):
    scene = make_scene(noise=0.01)
    start = scene.start
    objective = reshaped(scene, shape)
    solution = minimise_structured(objective, start, tolerance=1e-8, max_iterations=150)
    return objective, start, solution


def test_both_paths_reach_the_same_optimum_of_the_same_objective(solved, shape: Shape) -> None:
    objective, _, structured = solved
    general = minimise_by_descent(objective, structured.z, max_iterations=5000, tolerance=1e-12)
    assert structured.converged
    assert structured.objective == pytest.approx(objective.value(structured.z), rel=1e-12)
    assert structured.objective == pytest.approx(general.objective, abs=1e-4)
    assert float((general.z - structured.z).abs().max()) < 0.02
    tails = structured.z.abs() > 1.5
    assert int(tails.sum()) >= 3, "the shapes differ in their tails only"
    values = [entry["objective"] for entry in structured.history]
    assert values == sorted(values, reverse=True)


def test_descent_from_afar_reaches_it_as_well(solved, shape: Shape) -> None:
    objective, start, structured = solved
    general = minimise_by_descent(objective, start, max_iterations=5000, tolerance=1e-11)
    assert general.objective == pytest.approx(structured.objective, abs=0.02)


def test_errors_are_those_of_the_dense_hessian(solved, shape: Shape) -> None:
    objective, _, solution = solved
    z, space = solution.z, objective.space
    units = torch.eye(space.size, dtype=torch.float64)
    exact = torch.stack(
        [torch.func.jvp(objective.residuals, (z,), (u,))[1].detach() for u in units], dim=1
    ).numpy()
    bend = torch.autograd.functional.hessian(lambda x: space.penalty(x).sum(), z).numpy()
    dense = np.sqrt(np.diag(np.linalg.inv(exact.T @ exact + bend)))
    space.store(objective.model, z)
    normal_space = space.gaussian_at(objective.model, z)
    found = NormalEquations(jacobian(objective.model, objective.data, normal_space)).posterior.variance
    ratio = [(normal_space.priors[n].width / p.width).reshape(-1) for n, p in space.priors.items()]
    error = np.sqrt(found) * torch.cat(ratio).numpy()
    np.testing.assert_allclose(error, dense, rtol=0.06)  # curvatures below `FLATTEST` are the difference
    steep = np.diag(np.maximum(np.diag(bend), FLATTEST))
    np.testing.assert_allclose(error, np.sqrt(np.diag(np.linalg.inv(exact.T @ exact + steep))), rtol=0.01)
    assert np.all((found > 0) & (found <= 1 + 1e-9))
    if shape.name != "gaussian":
        assert np.abs(np.diag(bend) - 1).max() > 0.5


def test_a_prior_that_bends_the_other_way_counts_as_flat() -> None:
    far = torch.tensor([0.0, 3.0], dtype=torch.float64)
    assert float(STUDENT_T.curvature(far)[1]) < 0
    model = torch.nn.Module()
    model.a = torch.nn.Parameter(far.clone())
    prior = Prior(torch.zeros_like(far), torch.ones_like(far), shape=STUDENT_T)
    space = ParameterSpace(model, {"a": prior})
    assert space.curvature(far).tolist() == [1.0, FLATTEST]
    assert space.skew(far).tolist() == [0.0, 0.0]
    local = space.gaussian_at(model, far).priors["a"]
    torch.testing.assert_close(local.width, torch.tensor([1.0, FLATTEST**-0.5], dtype=torch.float64))
