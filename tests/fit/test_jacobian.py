"""Structured columns against forward-mode autodiff of the whole model, one parameter at a time."""

import numpy as np
import pytest
import torch

from blase.fit.jacobian import jacobian
from blase.fit.parameters import ParameterSpace

EDGES = np.arange(8630.0, 8637.0, 0.06)
CASES = {
    "slow": {},
    "still": {"vsini": 0.0},
    "fast": {"vsini": 12.0},
    "without atmosphere": {"telluric": np.zeros((0, 4))},
    "skewed line spread": {"hermite": (0.1, -0.05)},
    "two orders": {"edges": (EDGES[:66], EDGES[56:])},
}


def columns(scene):
    """Structured Jacobian as a dense matrix (n_pixels, size) in the order of z."""
    return jacobian(scene.model, scene.objective.data, scene.space).to_dense()


def exact_columns(scene, z):
    """The same by forward-mode autodiff of the objective's residuals."""
    units = torch.eye(scene.space.size, dtype=torch.float64)
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
        single = name.rsplit(".", 1)[1] in ("centre_shift", "log_strength", "log_sigma", "log_gamma")
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
