"""Descents in windows, against scipy on the same lines and against the objective of the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from blase.fit import local_descent
from blase.fit.levenberg_marquardt import minimise_structured
from blase.fit.local_descent import descend_locally
from blase.fit.penalties import STUDENT_T

EDGES = np.arange(8630.0, 8637.0, 0.06)
LINE_KINDS = ("centre_shift", "log_strength", "log_sigma", "log_gamma")


def residuals(scene, z: np.ndarray) -> np.ndarray:
    return scene.objective.residuals(torch.from_numpy(z)).detach().numpy()


def of_lines(space, prefix: str = "") -> np.ndarray:
    """Which entries (size,) are of single lines."""
    out = np.zeros(space.size, dtype=bool)
    for name, where in space.slices.items():
        out[where] = name.startswith(prefix) and name.rsplit(".", 1)[1] in LINE_KINDS
    return out


def swept(scene, z: np.ndarray, *, times: int = 30) -> np.ndarray:
    for k in range(times):
        z = descend_locally(scene.objective, z, residuals(scene, z), offset=0.5 * (k % 2))
    return z


def optimum_of_lines(scene, z: np.ndarray) -> float:
    """The least objective over the parameters of lines alone, by L-BFGS and autograd."""
    free = of_lines(scene.space)

    def value(part: np.ndarray) -> tuple[float, np.ndarray]:
        whole = z.copy()
        whole[free] = part
        objective, gradient = scene.objective.value_and_gradient(torch.from_numpy(whole))
        return objective, gradient.numpy()[free]

    return float(minimize(value, z[free], jac=True, method="L-BFGS-B", options={"maxiter": 3000}).fun)


@pytest.mark.parametrize("vsini", [0.0, 3.0, 20.0])
def test_lines_reach_the_optimum_with_all_else_held(make_scene, vsini):
    scene = make_scene(vsini=vsini)
    start = scene.start.numpy()
    end = swept(scene, start)
    assert scene.objective.value(torch.from_numpy(end)) == pytest.approx(
        optimum_of_lines(scene, start), abs=0.05
    )
    held = ~of_lines(scene.space)
    np.testing.assert_array_equal(end[held], start[held])
    assert np.all(end[~held] != start[~held])


def test_many_small_windows_reach_what_one_reaches(make_scene, monkeypatch):
    scene = make_scene()
    start = scene.start.numpy()
    first = scene.objective.value(scene.start)
    whole = scene.objective.value(torch.from_numpy(swept(scene, start)))
    monkeypatch.setattr(local_descent, "LINES_PER_WINDOW", 4)
    parts = scene.objective.value(torch.from_numpy(swept(scene, start, times=60)))
    assert first - parts == pytest.approx(first - whole, rel=1e-3)


def test_a_single_sweep_gains_most(make_scene):
    scene = make_scene()
    start = scene.start.numpy()
    first, least = scene.objective.value(scene.start), optimum_of_lines(scene, start)
    after = scene.objective.value(torch.from_numpy(swept(scene, start, times=1)))
    assert first - after > 0.95 * (first - least) > 10.0


def test_airglow_and_displaced_pixels_are_part_of_what_stays(make_scene):
    scene = make_scene(own=True, hermite=(0.05, -0.03), emission=(8632.0, 8634.5))
    start = scene.start.numpy()
    end = scene.objective.value(torch.from_numpy(swept(scene, start)))
    assert end == pytest.approx(optimum_of_lines(scene, start), abs=0.05)


def test_lines_that_two_orders_feel_stay(make_scene):
    scene = make_scene(edges=(EDGES[:66], EDGES[56:]))
    start = scene.start.numpy()
    moved = descend_locally(scene.objective, start, residuals(scene, start)) != start
    shift = scene.space.slices["star.lines.centre_shift"]
    centre = scene.model.star.lines.centre.numpy() * (1 + 4.0 / 299792.458)
    overlap = (centre > EDGES[56]) & (centre < EDGES[65])
    assert overlap.any() and not moved[shift][overlap].any()
    assert moved[shift][np.abs(centre - EDGES[60]) > 1.5].mean() > 0.8  # but for one with broad wings


def test_lines_with_floors_and_very_broad_ones_stay(make_scene, monkeypatch):
    scene = make_scene(floors={3: (0.3, 0.2, 1.0, 1.5)})
    start = scene.start.numpy()
    moved = (descend_locally(scene.objective, start, residuals(scene, start)) != start)[
        scene.space.slices["star.lines.log_strength"]
    ]
    assert not moved[3] and np.delete(moved, 3).all()
    monkeypatch.setattr(local_descent, "WIDEST", 0.1)
    np.testing.assert_array_equal(descend_locally(scene.objective, start, residuals(scene, start)), start)


def test_frozen_parameters_stay_and_other_shapes_of_priors_hold(make_scene):
    scene = make_scene()
    priors = {n: p for n, p in scene.space.priors.items() if n != "star.lines.log_gamma"}
    name = "star.lines.log_strength"
    priors[name] = type(priors[name])(priors[name].mean, priors[name].width, shape=STUDENT_T)
    scene.objective.space = type(scene.space)(scene.model, priors)
    start = scene.start.numpy()
    end = swept(scene, start)
    assert scene.objective.value(torch.from_numpy(end)) == pytest.approx(
        optimum_of_lines(scene, start), abs=0.05
    )


def test_no_window_is_looked_at_where_no_pixel_is_used(make_scene):
    scene = make_scene()
    scene.objective.data.used[:] = False
    start = scene.start.numpy() + 0.3
    np.testing.assert_array_equal(descend_locally(scene.objective, start, residuals(scene, start)), start)


def test_an_order_without_lines_is_left_alone(make_scene):
    scene = make_scene(edges=(EDGES, EDGES + 40.0))
    start = scene.start.numpy()
    moved = descend_locally(scene.objective, start, residuals(scene, start), offset=0.5) != start
    assert moved[scene.space.slices["star.lines.log_strength"]].all()


def test_with_sweeps_the_solver_finds_the_same_optimum(make_scene):
    scene = make_scene(edges=(EDGES[:66], EDGES[56:]))
    common = {"tolerance": 1e-6, "max_iterations": 200}
    plain = minimise_structured(scene.objective, scene.start, **common)
    both = minimise_structured(scene.objective, scene.start, sweeps=1, **common)
    assert both.objective == pytest.approx(plain.objective, abs=1e-3)
    np.testing.assert_allclose(both.z.numpy(), plain.z.numpy(), atol=0.02)
    values = [entry["objective"] for entry in both.history]
    assert all(after <= before for before, after in pairwise(values))
