"""The curvature of lines against second derivatives by differences."""

import numpy as np
import pytest
import torch

from blase.fit.objective import Data, Objective
from blase.fit.parameters import ParameterSpace
from blase.fit.priors import LinePriorWidths, line_priors
from blase.fit.second_order import line_curvature
from blase.functional.optical_depth import sampling
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines
from blase.model.star import Star

WIDTHS = LinePriorWidths(centre_shift=1.2, log_strength=1.3, log_sigma=0.4, log_gamma=1.1)


def objective_of(depth: float, *, sigma_is_free: bool = True) -> Objective:
    """Four lines of that central optical depth at most, and data that they do not fit."""
    centre = torch.tensor([8600.6, 8600.75, 8601.2, 8601.9], dtype=torch.float64)
    sigma = torch.tensor([1.8, 2.2, 1.5, 3.0], dtype=torch.float64)
    lines = VoigtLines(
        centre=centre,
        strength=depth * 0.1 * torch.tensor([1.0, 0.6, 0.8, 0.3], dtype=torch.float64),
        sigma=sigma,
        gamma=torch.tensor([0.3, 1.0, 4.0, 0.05], dtype=torch.float64),
    )
    with torch.no_grad():
        lines.log_sigma_scale.fill_(0.1)
    grid = sampling(torch.arange(8600.0, 8602.5, 0.01, dtype=torch.float64))
    order = OrderModel(grid, pixels=None, stellar=torch.arange(4), telluric=torch.arange(0))
    model = SpectrumModel([order], star=Star(lines, rotates=False), atmosphere=None, line_spread=None)
    priors = line_priors("star", lines, WIDTHS)
    if not sigma_is_free:
        del priors["star.lines.log_sigma"]
    draw = np.random.default_rng(3)
    flux = 1 - depth * torch.from_numpy(draw.uniform(0, 2, len(grid.wavelength)))
    data = Data(flux, torch.full_like(flux, 0.02), torch.ones_like(flux, dtype=torch.bool))
    return Objective(model, data, ParameterSpace(model, priors))


def gradient_of(objective: Objective, z: np.ndarray) -> np.ndarray:
    """Gradient of half of chi-square."""
    variable = torch.from_numpy(z).requires_grad_(True)
    residuals = objective.residuals(variable)
    (gradient,) = torch.autograd.grad(residuals, variable, residuals.detach())
    return np.asarray(gradient.numpy())


def hessian_beyond_gauss_newton(objective: Objective, z: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Diagonal of the Hessian of half of chi-square less that of J^T J, both by central differences."""
    out = np.empty(z.size)
    for i, e in enumerate(step * np.eye(z.size)):
        slope = (gradient_of(objective, z + e) - gradient_of(objective, z - e))[i] / (2 * step)
        with torch.no_grad():
            above, below = (objective.residuals(torch.from_numpy(x)).numpy() for x in (z + e, z - e))
        out[i] = slope - (((above - below) / (2 * step)) ** 2).sum()
    return out


@pytest.mark.parametrize("sigma_is_free", [True, False])
def test_of_weak_lines_against_differences(sigma_is_free: bool) -> None:
    objective = objective_of(0.01, sigma_is_free=sigma_is_free)
    z = 0.3 * np.random.default_rng(5).standard_normal(objective.space.size)
    objective.space.store(objective.model, torch.from_numpy(z))
    found = line_curvature(objective.model, objective.space, gradient_of(objective, z))
    expected = hessian_beyond_gauss_newton(objective, z)
    scale = np.abs(expected).max()
    for kind in ("centre_shift", "log_strength", "log_gamma"):
        here = objective.space.slices[f"star.lines.{kind}"]
        if sigma_is_free or kind == "log_strength":
            np.testing.assert_allclose(found[here], expected[here], rtol=0.03, atol=0.01 * scale)
            assert np.abs(expected[here]).max() > 0.01 * scale  # something to be found
        else:
            assert not found[here].any()


def test_of_an_absorber_that_is_not_there_nothing() -> None:
    objective = objective_of(0.5)
    assert not line_curvature(objective.model, objective.space, np.zeros(objective.space.size)).any()
