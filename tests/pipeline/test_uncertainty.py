"""Errors against the dense covariance they stand for, and against simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from blase.cloning import Clone
from blase.containers import EchelleSpectrum
from blase.fit.data_space import DataSpace
from blase.fit.equivalent_width import equivalent_width
from blase.fit.jacobian import jacobian
from blase.fit.line_columns import LINE_PARAMETERS
from blase.functional.voigt import optical_depth_reference
from blase.pipeline import fit_spectrum
from blase.pipeline.build import Settings, within_reach
from blase.pipeline.options import freedom
from blase.pipeline.prepare import to_pixels
from blase.pipeline.solve import Solved, solve
from blase.pipeline.uncertainty import (
    equivalent_width_errors,
    line_covariances,
    scalar_error,
    template_errors,
    upper_limit,
    vector_errors,
)
from blase.results.result import FitResult
from blase.simulation import Simulation
from blase.templates.line_rendering import render_optical_depth


@pytest.fixture(scope="module")
def solved(simulation: Simulation, star: Clone, air: Clone) -> Solved:
    pixels = [to_pixels(order) for order in simulation.spectrum.orders]
    settings = Settings(star, air, 20.0, 8.0, 0.0, 55_000.0, 1650.0, 0.6, 3, freedom(None, None))
    return solve(pixels, within_reach(settings, pixels), fixed=True)


@pytest.fixture(scope="module")
def covariance(solved: Solved) -> np.ndarray:
    """Covariance (size, size) of the parameters in their own units, from the dense Hessian."""
    objective = solved.objective
    matrix = jacobian(objective.model, objective.data, objective.space).to_dense()
    width = np.concatenate([p.width.reshape(-1).numpy() for p in objective.space.priors.values()])
    return np.linalg.inv(matrix.T @ matrix + np.eye(width.size)) * np.outer(width, width)


def test_scalars_and_vectors(solved: Solved, covariance: np.ndarray) -> None:
    slices = solved.objective.space.slices
    for name in ("star.radial_velocity", "line_spread.log_resolving_power", "star.vsini_squared"):
        expected = np.sqrt(covariance[slices[name].start, slices[name].start])
        assert scalar_error(solved, name) == pytest.approx(expected, rel=1e-6)
    where = slices["orders.0.continuum.coefficients"]
    expected = np.sqrt(np.diag(covariance)[where])
    np.testing.assert_allclose(vector_errors(solved, "orders.0.continuum.coefficients"), expected, rtol=1e-6)
    assert scalar_error(solved, "star.limb_darkening") is None
    assert vector_errors(solved, "star.limb_darkening") is None


@pytest.mark.parametrize("prefix", ["star", "atmosphere"])
def test_lines_with_the_scales_they_share(solved: Solved, covariance: np.ndarray, prefix: str) -> None:
    """The strength of a line is exp(log_strength + log_strength_scale): both count, and their covariance."""
    slices = solved.objective.space.slices
    part = solved.model.star if prefix == "star" else solved.model.atmosphere
    assert part is not None
    count = len(part.lines)
    found = line_covariances(solved, prefix, count)
    for j in range(0, count, 3):
        mapping = np.zeros((4, len(covariance)))
        for k, kind in enumerate(LINE_PARAMETERS):
            for name, place in ((f"{prefix}.lines.{kind}", j), (f"{prefix}.lines.{kind}_scale", 0)):
                if name in slices:
                    mapping[k, slices[name].start + place] = 1.0
        np.testing.assert_allclose(found[j], mapping @ covariance @ mapping.T, rtol=1e-5, atol=1e-9)


def test_equivalent_width_error_is_that_of_drawn_lines() -> None:
    draw = np.random.default_rng(5)
    strength, sigma, gamma = (
        np.array([0.02, 0.3, 3.0]),
        np.array([0.05, 0.06, 0.05]),
        np.array([0.01, 0.02, 0.05]),
    )
    root = draw.normal(0, 0.02, (3, 4, 4))
    covariance = root @ root.transpose(0, 2, 1)
    found = equivalent_width_errors(strength, sigma=sigma, gamma=gamma, covariance=covariance)
    moved = np.einsum("nkl,snl->snk", root, draw.standard_normal((20_000, 3, 4)))
    widths = equivalent_width(
        (strength * np.exp(moved[:, :, 1])).ravel(),
        sigma=(sigma * np.exp(moved[:, :, 2])).ravel(),
        gamma=(gamma * np.exp(moved[:, :, 3])).ravel(),
    ).reshape(-1, 3)
    np.testing.assert_allclose(found, widths.std(axis=0), rtol=0.03)


@pytest.mark.parametrize("shift", [-3.0, 0.0, 4.0])
def test_upper_limit_is_a_quantile_of_the_posterior_cut_at_zero(
    solved: Solved, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    """Whatever the slope at the bound says of where the posterior is centred."""
    name = "star.vsini_squared"
    where, width = solved.objective.space.slices[name].start, 1e4
    deviation = scalar_error(solved, name)
    assert deviation is not None
    z = solved.solution.z.clone()
    z[where] = 0.0
    slope = torch.zeros_like(z)
    slope[where] = -shift / deviation * width
    monkeypatch.setattr(solved.objective, "value_and_gradient", lambda z: (0.0, slope))
    monkeypatch.setattr(solved.solution.__class__, "z", z, raising=False)
    object.__setattr__(solved.solution, "z", z)
    limit = upper_limit(solved, name) / deviation
    area = quad(lambda x: norm.pdf(x - shift), 0, limit)[0] / quad(lambda x: norm.pdf(x - shift), 0, 20)[0]
    assert area == pytest.approx(0.95, abs=1e-6)


def test_truth_lies_within_the_errors(fitted: FitResult, simulation: Simulation) -> None:
    summary, truth = fitted.summary, simulation.truth
    for name in ("radial_velocity", "vsini", "resolving_power"):
        entry = summary[name]
        assert abs(entry["value"] - getattr(truth, name)) < 4 * entry["error"]
    assert 0.005 < summary["radial_velocity"]["error"] < 1.0


def test_template_against_the_dense_covariance(solved: Solved, covariance: np.ndarray) -> None:
    """S = exp(-tau), with slopes by finite differences of every parameter of the star's lines."""
    wavelength = np.linspace(8230.0, 8236.0, 41)
    star = solved.model.star
    assert star is not None
    values = {name: p.detach().clone() for name, p in star.lines.named_parameters()}

    def spectrum() -> np.ndarray:
        with torch.no_grad():
            seen = star.lines.observed(0.0, torch.arange(len(star.lines)))
            return torch.exp(-optical_depth_reference(torch.from_numpy(wavelength), **seen)).numpy()

    slopes, step = np.zeros((wavelength.size, len(covariance))), 1e-4
    for name, where in solved.objective.space.slices.items():
        if name.startswith("star.lines."):
            parameter = dict(star.lines.named_parameters())[name.removeprefix("star.lines.")]
            for k in range(where.stop - where.start):
                with torch.no_grad():
                    sides = []
                    for sign in (1, -1):
                        parameter.view(-1)[k] += sign * step
                        sides.append(spectrum())
                        parameter.copy_(values[name.removeprefix("star.lines.")])
                slopes[:, where.start + k] = (sides[0] - sides[1]) / (2 * step)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", slopes, covariance, slopes))
    objective = solved.objective
    system = DataSpace(jacobian(objective.model, objective.data, objective.space))
    found = template_errors(solved, system, wavelength, spectrum())
    even = np.arange(0, 41, 2)  # the others are interpolated, over more than a template's step here
    np.testing.assert_allclose(found[even], expected[even], rtol=0.01, atol=2e-4)


def test_true_star_lies_within_the_errors_of_the_template(fitted: FitResult, simulation: Simulation) -> None:
    table = fitted.template
    true = np.exp(-render_optical_depth(table["wavelength"].value, simulation.truth.star_lines.present()))
    error = np.asarray(table["uncertainty"])
    assert np.isfinite(error).all() and error.min() >= 0
    pull = (np.asarray(table["normalised"]) - true) / np.maximum(error, 1e-5)  # as exact as a model is
    assert 0.5 < np.mean(np.abs(pull) < 1) < 0.85  # where lines are missing, which no prior knows, far off
    deep = true < 0.8
    assert deep.sum() > 50 and 0.5 < np.sqrt(np.mean(pull[deep] ** 2)) < 1.5


def test_template_between_orders(two_orders: tuple[EchelleSpectrum, Clone]) -> None:
    """No sample lacks an error; between orders lines are known as before the fit, to tens of per cent."""
    spectrum, star = two_orders
    table = fit_spectrum(spectrum, star=star, folds=0, rv_guess=20.0, max_iterations=4).template
    error, seen = np.asarray(table["uncertainty"]), np.isfinite(np.asarray(table["continuum"]))
    assert np.isfinite(error).all()
    depth = -np.log(np.asarray(table["normalised"]))
    relative = error * np.exp(depth) / depth
    strong = (depth > 0.1) & (depth < 1.0)
    between = strong & ~seen & (np.abs(table["wavelength"].value - 8657.4) < 4)
    assert between.sum() > 50 and (strong & seen).sum() > 50
    assert 0.2 < np.median(relative[between]) < 1.5
    assert np.median(relative[strong & seen]) < 0.3 * np.median(relative[between])
