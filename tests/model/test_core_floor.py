"""Lines with floors in the model, against a sum over lines on the whole grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from blase.containers import LineList
from blase.functional.core_floor import effective_depth
from blase.functional.optical_depth import sampling
from blase.functional.voigt import optical_depth_reference
from blase.model.core_floor import CoreFloors
from blase.model.lines import VoigtLines
from blase.simulation.scatter import LineScatter, scatter_lines
from blase.templates.line_rendering import render_optical_depth


def double(values) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


CENTRE, STRENGTH = double([8490.0, 8500.0, 8500.3, 8544.0]), double([0.1, 140.0, 0.05, 9000.0])
SIGMA, GAMMA = double([1.2, 1.1, 1.3, 0.9]), double([0.2, 0.3, 0.1, 0.03])
LEVELS = {
    "core_floor": [0.13, 0.12],
    "wing_floor": [0.5, 0.45],
    "core_opacity": [140.0, 4000.0],
    "wing_power": [1.0, 0.45],
}
GRID = double(np.arange(8450.0, 8600.0, 0.02))


def floored_lines(index=(1, 3)) -> VoigtLines:
    floors = CoreFloors(torch.tensor(index), **{name: double(v) for name, v in LEVELS.items()})
    return VoigtLines(centre=CENTRE, strength=STRENGTH, sigma=SIGMA, gamma=GAMMA, floors=floors)


def brute_force(lines: VoigtLines, wavelength: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    seen, total = lines.observed(12.0, index), torch.zeros_like(wavelength)
    for i, j in enumerate(index.tolist()):
        own = optical_depth_reference(wavelength, **{name: v[i : i + 1] for name, v in seen.items()})
        k = lines.floors.index.tolist().index(j) if j in lines.floors.index else None
        total += own if k is None else effective_depth(own, **lines.floors.levels(torch.tensor([k])))
    return total


@pytest.mark.parametrize("index", [(0, 1, 2, 3), (2, 3), (0, 2), (3, 1)])
def test_effective_depths_add_up(index):
    lines, chosen = floored_lines(), torch.tensor(index)
    with torch.no_grad():
        found = lines(sampling(GRID), 12.0, chosen)
        torch.testing.assert_close(found, brute_force(lines, GRID, chosen), rtol=0, atol=2e-6)


def test_a_line_beyond_the_grid_reaches_it_as_without_a_floor():
    part = double(np.arange(8300.0, 8330.0, 0.02))
    lines = floored_lines()
    with torch.no_grad():
        found = lines(sampling(part), 12.0, torch.tensor([1]))
        torch.testing.assert_close(found, brute_force(lines, part, torch.tensor([1])), rtol=0, atol=2e-6)
        assert found.max() > 1e-5


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_gradients_are_those_of_the_sum(mode):
    lines, grid, chosen = floored_lines(), sampling(GRID), torch.arange(4)
    weight = torch.linspace(0.5, 1.0, GRID.numel(), dtype=torch.float64)
    parameters = {name: p for name, p in lines.named_parameters() if p.numel() > 1}

    def flux(depth: torch.Tensor) -> torch.Tensor:
        return (weight * torch.exp(-depth)).sum()

    expected = torch.autograd.grad(flux(brute_force(lines, GRID, chosen)), list(parameters.values()))
    if mode == "reverse":
        found = torch.autograd.grad(flux(lines(grid, 12.0, chosen)), list(parameters.values()))
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)
        return
    for (name, value), slope in zip(parameters.items(), expected, strict=True):

        def along(moved: torch.Tensor, name: str = name) -> torch.Tensor:
            return flux(torch.func.functional_call(lines, {name: moved}, (grid, 12.0, chosen)))

        unit = torch.ones_like(value)
        _, change = torch.func.jvp(along, (value.detach(),), (unit,))
        torch.testing.assert_close(change.detach(), slope.sum(), rtol=1e-4, atol=1e-3)


def test_floors_are_kept_with_the_model():
    lines = floored_lines()
    again = floored_lines(index=(0, 2))
    again.load_state_dict(lines.state_dict())
    assert again.floors.index.tolist() == [1, 3]
    assert "floors.logit_core_floor" in lines.state_dict()


def test_lines_without_floors_have_nothing_more():
    plain = VoigtLines(centre=CENTRE, strength=STRENGTH, sigma=SIGMA, gamma=GAMMA)
    assert plain.floors is None
    assert not any("floor" in name for name in plain.state_dict())


def test_simulations_render_the_same_spectrum():
    """Written down once more in numpy, with scipy's profile."""
    levels = {name: np.full(4, np.nan) for name in LEVELS}
    for name, values in LEVELS.items():
        levels[name][[1, 3]] = values
    lines = LineList(CENTRE.numpy(), STRENGTH.numpy(), SIGMA.numpy(), GAMMA.numpy(), **levels)
    with torch.no_grad():
        found = floored_lines()(sampling(GRID), 0.0, torch.arange(4)).numpy()
    np.testing.assert_allclose(found, render_optical_depth(GRID.numpy(), lines), rtol=0, atol=2e-6)
    moved = scatter_lines(lines, LineScatter(strength=0.1), np.random.default_rng(1)).lines
    assert moved.floors()["wing_floor"].tolist() == LEVELS["wing_floor"]
