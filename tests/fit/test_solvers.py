"""Two ways to fit, one objective: the structured and the general path end at the same optimum."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from blase.errors import InputError
from blase.fit.descent import minimise_by_descent
from blase.fit.jacobian import jacobian
from blase.fit.levenberg_marquardt import (
    FIRST_DAMPING,
    GROWTH,
    MOST_DAMPING,
    _Descent,
    _hardly,
    minimise_structured,
)
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Data, Objective
from blase.fit.parameters import ParameterSpace
from blase.fit.priors import LinePriorWidths, line_priors, scalar_prior
from blase.fit.stretches import Stretches
from blase.functional.optical_depth import sampling
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines
from blase.model.star import Star

NO_LINES = np.zeros((0, 4))


def never_increases(history):
    values = [entry["objective"] for entry in history]
    return all(later <= earlier for earlier, later in itertools.pairwise(values))


@pytest.fixture(scope="module")
def solved(make_scene):
    """A scene, its start, and the structured solution."""
    scene = make_scene(noise=0.03)
    start = scene.start
    return scene, start, minimise_structured(scene.objective, start, tolerance=1e-7, max_iterations=100)


def test_both_paths_reach_the_same_optimum(solved):
    scene, start, structured = solved
    general = minimise_by_descent(scene.objective, start, max_iterations=5000, tolerance=1e-9)
    assert structured.converged
    assert general.objective == pytest.approx(structured.objective, abs=1e-3)
    assert float((general.z - structured.z).abs().max()) < 1e-2
    assert structured.objective < 0.5 * float(scene.objective.value(start))


def test_the_optimum_is_stationary(solved):
    scene, _, solution = solved
    _, gradient = scene.objective.value_and_gradient(solution.z)
    free = solution.z.numpy() > scene.space.lower_bounds() + 1e-12
    assert float(gradient.abs().numpy()[free].max()) < 0.02
    assert solution.objective == pytest.approx(scene.objective.value(solution.z), rel=1e-12)


def test_the_truth_is_recovered_within_its_errors(solved):
    scene, _, solution = solved
    normal = NormalEquations(jacobian(scene.model, scene.objective.data, scene.space))
    pull = (solution.z - scene.truth).numpy() / np.sqrt(normal.posterior.variance)
    assert np.abs(pull).max() < 4.0
    assert np.sqrt(np.mean(pull**2)) < 1.4


def test_neither_path_ever_increases_the_objective(solved):
    scene, start, solution = solved
    seen = []
    again = minimise_structured(
        scene.objective, start, max_iterations=4, progress=lambda i, f, _: seen.append((i, f))
    )
    general = minimise_by_descent(
        scene.objective, start, max_iterations=8, progress=lambda i, f: seen.append((i, f))
    )
    assert never_increases(solution.history)
    assert never_increases(general.history)
    assert [i for i, _ in seen] == [*range(1, 5), *range(1, 9)]
    assert [f for _, f in seen] == [entry["objective"] for entry in again.history + general.history]


def test_stopping_early_is_not_called_converged(solved):
    scene, start, _ = solved
    few = minimise_structured(scene.objective, start, max_iterations=1)
    assert not few.converged
    assert few.reason == "1 iterations were not enough"
    assert not minimise_by_descent(scene.objective, start, max_iterations=1).converged


def test_the_model_is_left_at_the_solution(make_scene):
    scene = make_scene()
    solution = minimise_structured(scene.objective, scene.start, max_iterations=3)
    torch.testing.assert_close(scene.space.pack(scene.model), solution.z, rtol=0, atol=1e-12)


def test_vsini_squared_stays_above_its_bound(make_scene):
    scene = make_scene(vsini=0.0)
    data = scene.objective.data
    sharper = scene.space.unpack(scene.start)
    sharper["line_spread.log_resolving_power"] = sharper["line_spread.log_resolving_power"] + 0.15
    with torch.no_grad():  # sharper data than any vsini can give
        flux = torch.func.functional_call(scene.model, sharper, ())
    objective = Objective(scene.model, Data(flux, data.sigma, data.used), scene.space)
    where = scene.space.slices["star.vsini_squared"]
    start = scene.start
    start[where] = 0.5
    structured = minimise_structured(objective, start, tolerance=1e-3)
    general = minimise_by_descent(objective, structured.z, tolerance=1e-9)
    assert float(structured.z[where]) == pytest.approx(0.0, abs=1e-12)
    assert float(general.z[where]) == pytest.approx(0.0, abs=1e-12)
    assert structured.objective == pytest.approx(general.objective, abs=1e-3)
    assert len(structured.history) < 12  # a bound that is active must not slow the others
    _, gradient = objective.value_and_gradient(structured.z)
    assert float(gradient[where]) > 0


def test_vsini_leaves_its_bound_where_the_data_want_rotation(make_scene):
    scene = make_scene(vsini=8.0)
    where = scene.space.slices["star.vsini_squared"]
    start = scene.start
    start[where] = 0.0
    solution = minimise_structured(scene.objective, start, tolerance=1e-7, max_iterations=100)
    assert float(solution.z[where]) == pytest.approx(float(scene.truth[where]), abs=0.3)


def test_posterior_variance_agrees_with_exact_gauss_newton_curvature(solved):
    scene, _, solution = solved
    units = torch.eye(scene.space.size, dtype=torch.float64)
    exact = torch.stack(
        [torch.func.jvp(scene.objective.residuals, (solution.z,), (u,))[1].detach() for u in units], dim=1
    ).numpy()
    scene.space.store(scene.model, solution.z)
    normal = NormalEquations(jacobian(scene.model, scene.objective.data, scene.space))
    expected = np.diag(np.linalg.inv(exact.T @ exact + np.eye(scene.space.size)))
    np.testing.assert_allclose(normal.posterior.variance, expected, rtol=0.02)


def native_objective(count=30, *, seed=4):
    """Lines seen at native resolution, as when a template is cloned, started away from the truth."""
    draw = np.random.default_rng(seed)
    centre = np.linspace(8601.0, 8629.0, count) + draw.uniform(-0.2, 0.2, count)

    def lines():
        return VoigtLines(
            centre=torch.from_numpy(centre),
            strength=torch.full((count,), 0.08, dtype=torch.float64),
            sigma=torch.full((count,), 2.0, dtype=torch.float64),
            gamma=torch.full((count,), 0.2, dtype=torch.float64),
        )

    wavelength = torch.arange(8600.0, 8630.0, 0.02, dtype=torch.float64)
    order = OrderModel(
        sampling(wavelength), pixels=None, stellar=torch.arange(count), telluric=torch.arange(0)
    )
    model = SpectrumModel([order], star=Star(lines(), rotates=False))
    space = ParameterSpace(model, line_priors("star", model.star.lines, LinePriorWidths(1.0, 2.0, 0.4, 1.0)))
    truth = torch.from_numpy(0.4 * draw.standard_normal(space.size))
    with torch.no_grad():
        flux = torch.func.functional_call(model, space.unpack(truth), ())
    flux = flux + 2e-3 * torch.from_numpy(draw.standard_normal(len(flux)))
    used = torch.ones_like(flux, dtype=torch.bool)
    return Objective(model, Data(flux, torch.full_like(flux, 2e-3), used), space), wavelength.numpy(), centre


def test_a_stretch_that_is_always_refused_keeps_a_finite_damping(make_scene):
    """One stubborn stretch among others that still move: its damping must not overflow."""
    scene = make_scene()
    stretches = Stretches.single(scene.objective.data.flux.numel(), scene.space.size)
    descent = _Descent(scene.objective, scene.start, stretches)
    for _ in range(200):
        descent._steer(
            np.array([-1.0, 1.0]), np.array([1.0, 1.0]), np.zeros(2, dtype=bool), np.array([True, False])
        )
    assert descent.damping[0] == MOST_DAMPING
    assert np.isfinite(descent.growth).all() and descent.damping[1] < 1.0


def test_who_hardly_moves_beside_a_neighbour():
    found = _hardly(np.array([0.01, 1.0, 0.2, 0.0, 5.0]))
    np.testing.assert_array_equal(found, [True, False, False, True, False])
    assert not _hardly(np.array([0.0, 3.0])).any()  # one stretch has no neighbour, and what is shared is none


def test_an_innocent_stretch_is_not_damped_and_its_growth_begins_anew(make_scene):
    scene = make_scene()
    n = scene.objective.data.flux.numel()
    stretches = Stretches(np.arange(n) * 2 // n, np.arange(scene.space.size) % 3, 2)
    descent = _Descent(scene.objective, scene.start, stretches)
    descent.growth[0] = 1e6
    before = descent.damping.copy()
    innocent, refused = np.array([True, False, False]), np.array([False, True, False])
    descent._steer(np.array([-1.0, -1.0, 1.0]), np.array([0.1, 1.0, 2.0]), innocent, refused)
    assert descent.damping[0] <= before[0] < descent.damping[1]
    assert descent.growth[0] == GROWTH < descent.growth[1]


def test_a_descent_ends_where_no_step_gains_though_a_stretch_has_nothing_to_move(monkeypatch):
    """All parameters lie in the first stretch; every trial is refused."""
    objective, _, _ = native_objective()
    n = objective.data.flux.numel()
    stretches = Stretches(np.arange(n) * 2 // n, np.zeros(objective.space.size, dtype=np.int64), 2)
    descent = _Descent(objective, objective.space.pack(objective.model), stretches)
    stand, before = descent.here, descent.value
    worse = dataclasses.replace(stand, share=stand.share + 1.0)
    monkeypatch.setattr(descent, "_evaluate", lambda z: worse)
    trials = []
    attempt = descent._try
    monkeypatch.setattr(descent, "_try", lambda *a: trials.append(1) or len(trials) > 500 or attempt(*a))
    descent.advance()
    assert descent.value == before
    assert len(trials) < 100


def test_who_is_damped_after_a_step_that_gained_nothing(make_scene):
    """The stretch that failed, its neighbours and what is shared; everything, once these cannot move."""
    scene = make_scene()
    n = scene.objective.data.flux.numel()
    stretches = Stretches(np.arange(n) * 6 // n, np.arange(scene.space.size) % 7, 6)
    descent = _Descent(scene.objective, scene.start, stretches)
    failed = np.array([False, False, False, True, False, False, False])
    np.testing.assert_array_equal(descent._to_blame(failed), [False, False, True, True, True, False, True])
    descent.damping[3] = MOST_DAMPING
    assert descent._to_blame(failed).all()


def test_a_loss_that_the_linearised_model_foresees_is_no_failure():
    stretches = Stretches(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), 3)
    descent = _Descent.__new__(_Descent)
    descent.stretches = stretches
    promised = np.array([12.0, -2.0, 5.0, 0.0])
    np.testing.assert_array_equal(
        descent._failed(np.array([9.0, -2.5, -3.0, -1.0]), promised), [False, False, True, False]
    )


def test_known_damping_is_where_a_descent_begins():
    objective, _, _ = native_objective()
    start = objective.space.pack(objective.model)
    first = minimise_structured(objective, start, tolerance=1e-3, max_iterations=200)
    again = minimise_structured(objective, first.z, tolerance=1e-3, damping=first.damping)
    assert first.damping is not None and first.damping[0] < FIRST_DAMPING
    assert len(again.history) == 1
    fresh = minimise_structured(objective, first.z, tolerance=1e-3, damping=np.ones(99))  # of another problem
    assert fresh.objective == pytest.approx(again.objective, abs=1e-2)


def test_several_stretches_reach_the_optimum_of_one():
    objective, wavelength, centre = native_objective()
    start = objective.space.pack(objective.model)
    one = minimise_structured(objective, start, tolerance=1e-6, max_iterations=200)
    borders = np.array([8610.0, 8620.0])
    parameter = np.tile(np.searchsorted(borders, centre), 4)
    stretches = Stretches(np.searchsorted(borders, wavelength), parameter, 3)
    several = minimise_structured(objective, start, stretches=stretches, tolerance=1e-6, max_iterations=200)
    assert one.converged
    assert several.converged
    assert several.objective == pytest.approx(one.objective, abs=1e-2)
    assert float((several.z - one.z).abs().max()) < 0.05
    assert never_increases(several.history)


def test_shares_of_the_stretches_add_up_to_the_objective():
    objective, wavelength, centre = native_objective()
    z = torch.linspace(-1, 1, objective.space.size, dtype=torch.float64)
    residuals = objective.residuals(z).detach().numpy()
    parameter = np.tile(np.searchsorted([8611.0], centre), 4)
    parameter[-3:] = 2  # as if three were shared by all stretches
    stretches = Stretches(np.searchsorted([8611.0], wavelength), parameter, 2)
    share = stretches.share(residuals, objective.space.penalty(z).numpy())
    assert share.shape == (3,)
    assert share[2] == pytest.approx(0.5 * float((z[-3:] ** 2).sum()), rel=1e-12)
    assert share.sum() == pytest.approx(objective.value(z), rel=1e-12)
    left = wavelength <= 8611.0
    prior = z.numpy().reshape(4, -1)[:, centre <= 8611.0]
    assert share[0] == pytest.approx(0.5 * (residuals[left] ** 2).sum() + 0.5 * (prior**2).sum(), rel=1e-12)


DEGENERATE = {
    "a line far outside the data": np.array([[8632.0, 0.1, 2.0, 0.2], [8700.0, 0.1, 2.0, 0.2]]),
    "two identical lines": np.array([[8632.0, 0.1, 2.0, 0.2], [8632.0, 0.1, 2.0, 0.2]]),
    "a line of no strength": np.array([[8632.0, 0.1, 2.0, 0.2], [8634.0, 1e-12, 2.0, 1e-6]]),
    "a black line": np.array([[8632.0, 500.0, 2.0, 0.5], [8636.0, 0.1, 2.0, 0.2]]),
    "a single line": np.array([[8632.0, 0.1, 2.0, 0.2]]),
}


@pytest.mark.parametrize("problem", DEGENERATE)
def test_degenerate_lines_end_without_nan(make_scene, problem):
    scene = make_scene(stellar=DEGENERATE[problem], telluric=NO_LINES)
    start = scene.start
    solution = minimise_structured(scene.objective, start)
    general = minimise_by_descent(scene.objective, start, max_iterations=200)
    assert bool(torch.isfinite(solution.z).all())
    assert bool(torch.isfinite(general.z).all())
    assert solution.objective <= scene.objective.value(start)
    assert solution.converged
    variance = NormalEquations(jacobian(scene.model, scene.objective.data, scene.space)).posterior.variance
    assert np.all((variance > 0) & (variance <= 1 + 1e-9))


def test_without_usable_pixels_the_prior_remains(make_scene):
    scene = make_scene()
    data = scene.objective.data
    objective = Objective(scene.model, Data(data.flux, data.sigma, torch.zeros_like(data.used)), scene.space)
    solution = minimise_structured(objective, scene.start)
    assert solution.objective == pytest.approx(0.0, abs=1e-3)
    assert float(solution.z.abs().max()) < 0.05
    variance = NormalEquations(jacobian(scene.model, objective.data, scene.space)).posterior.variance
    np.testing.assert_allclose(variance, 1.0, rtol=1e-12)


def test_what_stands_in_unused_pixels_does_not_matter(make_scene):
    scene = make_scene()
    data = scene.objective.data
    flux, sigma = data.flux.clone(), data.sigma.clone()
    flux[~data.used], sigma[~data.used] = torch.nan, 0.0
    objective = Objective(scene.model, Data(flux, sigma, data.used), scene.space)
    z = scene.start
    value, gradient = scene.objective.value_and_gradient(z)
    found, slope = objective.value_and_gradient(z)
    assert found == value
    assert torch.equal(slope, gradient)
    one, other = (jacobian(scene.model, d, scene.space) for d in (data, objective.data))
    np.testing.assert_array_equal(one.to_dense(), other.to_dense())


class Parabola(nn.Module):
    """A model of a user's own: flux = a + b x^2."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.b = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.x = torch.linspace(-1, 1, 20, dtype=torch.float64)

    def forward(self):
        return self.a + self.b * self.x**2


def test_any_module_can_be_fitted_by_descent_but_only_the_standard_one_by_structure():
    model = Parabola()
    space = ParameterSpace(model, {"a": scalar_prior(0.0, 10.0), "b": scalar_prior(0.0, 10.0)})
    flux = 2.0 - 0.7 * model.x**2
    data = Data(flux, torch.full_like(flux, 1e-3), torch.ones_like(flux, dtype=torch.bool))
    objective = Objective(model, data, space)
    solution = minimise_by_descent(objective, space.pack(model))
    values = space.unpack(solution.z)
    assert float(values["a"]) == pytest.approx(2.0, abs=1e-4)
    assert float(values["b"]) == pytest.approx(-0.7, abs=1e-4)
    with pytest.raises(InputError, match="Parabola"):
        minimise_structured(objective, space.pack(model))


def test_stretches_by_wavelength_cut_between_lines_and_set_the_shared_apart():
    centre = np.arange(8600.0, 8670.0)
    parameter = np.concatenate([centre, centre, [np.nan, np.nan]])
    pixel = np.arange(8599.0, 8671.0, 0.1)
    stretches = Stretches.by_wavelength(pixel, parameter)
    assert stretches.count == 3
    assert stretches.parameter[-2:].tolist() == [3, 3]
    np.testing.assert_array_equal(stretches.parameter[:70], stretches.parameter[70:140])
    np.testing.assert_array_equal(stretches.parameter[:70], np.repeat([0, 1, 2], [30, 30, 10]))
    for name in range(3):
        inside, lines = pixel[stretches.pixel == name], centre[stretches.parameter[:70] == name]
        assert inside.min() <= lines.min()
        assert inside.max() >= lines.max() - 1e-9
    assert np.all(np.diff(stretches.pixel) >= 0)


def test_few_lines_are_one_stretch():
    stretches = Stretches.by_wavelength(np.linspace(0, 1, 5), np.array([0.2, 0.4, np.nan]))
    assert stretches.count == 1
    assert stretches.parameter.tolist() == [0, 0, 1]
    assert not stretches.pixel.any()
