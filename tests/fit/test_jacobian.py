"""Structured columns against forward-mode autodiff of the whole model, one parameter at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from blase.fit.jacobian import jacobian
from blase.fit.light_path import LightPath
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.objective import Objective
from blase.fit.parameters import ParameterSpace
from blase.model.core_floor import FLOOR_PARAMETERS

EDGES = np.arange(8630.0, 8637.0, 0.06)
STRONG = np.array(
    [[8631.5, 0.05, 2.0, 0.2], [8633.5, 30.0, 2.0, 0.3], [8633.9, 0.1, 2.0, 0.2], [8636.0, 3.0, 2.0, 0.2]]
)
FLOORS = {1: (0.12, 0.45, 100.0, 0.5), 3: (0.3, 0.31, 2.0, 1.0)}
CASES = {
    "slow": {},
    "still": {"vsini": 0.0},
    "fast": {"vsini": 12.0},
    "streaming": {"macroturbulence": 4.0},
    "without atmosphere": {"telluric": np.zeros((0, 4))},
    "skewed line spread": {"hermite": (0.1, -0.05)},
    "two orders": {"edges": (EDGES[:66], EDGES[56:])},
    "orders of their own": {"edges": (EDGES[:66], EDGES[56:]), "own": True},
    "own and skewed": {"edges": (EDGES[:66], EDGES[56:]), "own": True, "hermite": (0.05, -0.03)},
    "molecules": {"species": ("H2O", "O2", "H2O"), "edges": (EDGES[:66], EDGES[56:])},
    "a molecule not known": {"species": ("H2O", "", "H2O")},
    "airglow": {"emission": (8631.0, 8631.3, 8634.2)},
    "airglow in two orders": {
        "emission": (8633.0, 8633.4, 8635.0),
        "edges": (EDGES[:66], EDGES[56:]),
        "own": True,
    },
    "floors": {"stellar": STRONG, "floors": FLOORS},
    "floors in two orders": {"stellar": STRONG, "floors": FLOORS, "edges": (EDGES[:66], EDGES[56:])},
}


def columns(scene):
    """Structured Jacobian as a dense matrix (n_pixels, size) in the order of z."""
    return jacobian(scene.model, scene.objective.data, scene.space).to_dense()


def exact_columns(scene, z):
    """The same by forward-mode autodiff of the objective's residuals."""
    units = torch.eye(z.numel(), dtype=torch.float64)
    slopes = [torch.func.jvp(scene.objective.residuals, (z,), (unit,))[1].detach() for unit in units]
    return -torch.stack(slopes, dim=1).numpy()


@pytest.fixture(scope="module", params=CASES, ids=list(CASES))
def compared(request, make_scene):
    scene = make_scene(**CASES[request.param])
    z = scene.start + 0.3 * torch.sin(torch.arange(scene.space.size))
    z = torch.maximum(z, torch.from_numpy(scene.space.lower_bounds()))
    if request.param == "still":
        z[scene.space.slices["star.vsini_squared"]] = 0.0
    scene.space.store(scene.model, z)
    return scene, z, columns(scene), exact_columns(scene, z)


def test_every_column_is_the_derivative_it_stands_for(compared):
    # Windows cut the columns of single lines at an optical depth of 3e-4, which is 0.03 of the noise here.
    scene, _, found, exact = compared
    assert np.isfinite(found).all()
    error, norm = np.linalg.norm(found - exact, axis=0), np.linalg.norm(exact, axis=0)
    for name, where in scene.space.slices.items():
        single = name.rsplit(".", 1)[1] in (*LINE_PARAMETERS, *FLOOR_PARAMETERS)
        allowed = np.maximum(0.01 * norm[where], 0.05) if single else 1e-4 * norm[where]
        assert np.all(error[where] <= allowed), name
        assert np.all(norm[where] > 0) or single, name


def test_gradient_of_the_objective_is_that_of_the_columns(compared):
    scene, z, found, exact = compared
    value, gradient = scene.objective.value_and_gradient(z)
    residuals = scene.objective.residuals(z).detach().numpy()
    assert value == pytest.approx(0.5 * float(residuals @ residuals) + 0.5 * float(z @ z), rel=1e-12)
    scale = np.linalg.norm(residuals) * np.maximum(np.linalg.norm(exact, axis=0), 1.0)
    np.testing.assert_allclose((gradient.numpy() - (z.numpy() - exact.T @ residuals)) / scale, 0, atol=1e-9)
    np.testing.assert_allclose((gradient.numpy() - (z.numpy() - found.T @ residuals)) / scale, 0, atol=0.02)


def test_unused_pixels_have_empty_rows(compared):
    scene, _, found, _ = compared
    assert not found[~scene.objective.data.used.numpy()].any()


def test_pixels_stand_in_order_of_wavelength_and_orders_are_told_apart(make_scene):
    scene = make_scene(edges=(EDGES[66:], EDGES[:50]))  # the redder order comes first
    found = jacobian(scene.model, scene.objective.data, scene.space)
    upper = len(EDGES[66:]) - 1
    assert found.rank[:upper].min() > found.rank[upper:].max()
    np.testing.assert_array_equal(found.borders, [len(EDGES[:50]) - 1])
    overlapping = make_scene(edges=(EDGES[:66], EDGES[56:]))
    assert not jacobian(overlapping.model, overlapping.objective.data, overlapping.space).borders.size


def test_a_very_broad_line_joins_the_dense_columns(make_scene):
    table = np.array([[8632.0, 0.05, 2.0, 0.2], [8634.0, 20.0, 3.0, 3.0], [8635.5, 0.1, 2.0, 0.2]])
    edges = (np.arange(8610.0, 8660.0, 0.06),)
    scene = make_scene(stellar=table, edges=edges)
    found = jacobian(scene.model, scene.objective.data, scene.space)
    broad = [scene.space.slices[f"star.lines.{k}"].start + 1 for k in ("centre_shift", "log_strength")]
    assert set(broad) <= set(found.dense_index.tolist())
    assert not set(broad) & set(found.lines.entry.ravel().tolist())
    z = scene.start
    error = np.linalg.norm(columns(scene) - exact_columns(scene, z), axis=0)
    assert np.all(error[broad] < 0.01 * np.linalg.norm(columns(scene), axis=0)[broad])


def test_change_along_a_step_is_the_product_with_all_columns(make_scene):
    scene = make_scene()
    step = np.random.default_rng(2).standard_normal(scene.space.size)
    found = jacobian(scene.model, scene.objective.data, scene.space)
    np.testing.assert_allclose(found.along(step), columns(scene) @ step, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "name", ["star.lines.log_strength", "star.radial_velocity", "atmosphere.wind_velocity"]
)
def test_only_parameters_with_a_prior_have_columns(make_scene, name):
    scene = make_scene()
    space = ParameterSpace(scene.model, {name: scene.space.priors[name]})
    found = jacobian(scene.model, scene.objective.data, space)
    free = found.lines.entry[found.lines.entry >= 0]
    np.testing.assert_array_equal(np.sort(np.concatenate([free, found.dense_index])), np.arange(space.size))
    assert np.all(np.linalg.norm(found.to_dense(), axis=0) > 0)


def test_power_is_the_sum_of_squares_of_every_order(make_scene):
    scene = make_scene(edges=(EDGES[:66], EDGES[56:]))
    found, matrix = jacobian(scene.model, scene.objective.data, scene.space), columns(scene)
    first = len(EDGES[:66]) - 1
    expected = [(matrix[:first] ** 2).sum(axis=0), (matrix[first:] ** 2).sum(axis=0)]
    np.testing.assert_allclose(found.power(), expected, rtol=1e-10, atol=1e-12)


def test_a_path_whose_pixels_step_back_reads_the_same_samples():
    start, rows = np.array([3, 5, 4, 4, 7, 6]), np.arange(1.0, 13.0).reshape(6, 2)
    path = LightPath(start, rows).increasing()
    assert np.all(np.diff(path.start) >= 0)
    change = np.random.default_rng(1).standard_normal((12, 2))
    np.testing.assert_allclose(path.apply(change), LightPath(start, rows).apply(change), rtol=1e-14)
    kept = LightPath(np.arange(6), rows)
    assert kept.increasing() is kept


def test_displaced_pixels_that_step_back_have_the_right_columns(make_scene):
    scene = make_scene(edges=(np.arange(8631.0, 8634.0, 0.006),), own=True, noise=0.05)
    with torch.no_grad():
        scene.model.orders[0].wavelength_correction.coefficients.copy_(torch.tensor([0.0, -3.0]))
        assert np.diff(scene.model.orders[0].true_pixels().index[:, 0].numpy()).min() < 0
    names = ("star.lines.log_strength", "star.radial_velocity")
    space = ParameterSpace(scene.model, {name: scene.space.priors[name] for name in names})
    part = replace(scene, objective=Objective(scene.model, scene.objective.data, space))
    exact = exact_columns(part, space.pack(scene.model))
    found = jacobian(scene.model, scene.objective.data, space).to_dense()
    error, norm = np.linalg.norm(found - exact, axis=0), np.linalg.norm(exact, axis=0)
    assert np.all(error <= np.maximum(0.01 * norm, 0.05))


def test_what_belongs_to_one_order_is_felt_by_its_pixels_alone(make_scene):
    scene = make_scene(edges=(EDGES[:66], EDGES[56:]), own=True)
    found, first = columns(scene), len(EDGES[:66]) - 1
    for name, where in scene.space.slices.items():
        if name.startswith("orders.0."):
            assert np.linalg.norm(found[:first, where]) > 0 and not found[first:, where].any(), name
        if name.startswith("orders.1."):
            assert np.linalg.norm(found[first:, where]) > 0 and not found[:first, where].any(), name
    own = [name for name in scene.space.slices if name.startswith("orders.0.")]
    assert len(own) == 3
    shared = jacobian(scene.model, scene.objective.data, scene.space)
    of_orders = [scene.space.slices[name].start for name in own]
    assert not set(of_orders) & set(shared.dense_index[shared.shared].tolist())


def test_departures_have_columns_where_the_common_resolving_power_is_held(make_scene):
    scene = make_scene(edges=(EDGES[:66], EDGES[56:]), own=True)
    name = "orders.1.log_resolving_power_departure"
    space = ParameterSpace(scene.model, {name: scene.space.priors[name]})
    found = jacobian(scene.model, scene.objective.data, space).to_dense()
    np.testing.assert_allclose(found, columns(scene)[:, scene.space.slices[name]], rtol=1e-12)


@pytest.mark.parametrize("case", ["slow", "airglow in two orders", "floors in two orders"])
def test_rows_times_a_factor(case, make_scene):
    scene = make_scene(**CASES[case])
    derivative = jacobian(scene.model, scene.objective.data, scene.space)
    factor = np.random.default_rng(2).uniform(0.5, 2.0, derivative.n_pixels)
    expected = factor[:, None] * derivative.to_dense()
    np.testing.assert_allclose(derivative.weighted(factor).to_dense(), expected, rtol=1e-14)
