"""The baseline computes what it says: the same optical depth where its window suffices, and its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import voigt_profile

from blase.benchmark.adam import minimise_with_adam
from blase.benchmark.baseline import FixedWindows, exact_windows, pseudo_voigt_profile
from blase.benchmark.native import NativeMisfit, free_parameters, our_optical_depth
from blase.cloning.template_model import voigt_lines
from blase.containers.line_list import LineList

WAVELENGTH = torch.linspace(8640.0, 8650.0, 900, dtype=torch.float64)


@pytest.fixture
def lines() -> LineList:
    """More lines than the exact baseline takes at once, weak ones, some close to the ends."""
    n = 130
    centre = 8640.02 + 0.0765 * np.arange(n)
    strength = np.geomspace(1e-3, 0.1, n)[np.random.default_rng(2).permutation(n)]
    return LineList(centre, strength, np.linspace(1.4, 1.9, n), np.linspace(0.1, 0.4, n))


def misfit(lines: LineList, tau: object) -> NativeMisfit:
    return NativeMisfit(voigt_lines(lines), tau, torch.full_like(WAVELENGTH, 0.8))  # type: ignore[arg-type]


def test_exact_windows_that_hold_everything_give_our_optical_depth_and_gradient(lines: LineList) -> None:
    windows = exact_windows(WAVELENGTH, torch.from_numpy(lines.centre), window=6000)
    ours, theirs = misfit(lines, our_optical_depth(WAVELENGTH)), misfit(lines, windows)
    seen = ours.lines.observed(0.0, torch.arange(len(lines)))
    torch.testing.assert_close(windows(**seen), ours.tau(**seen), atol=2e-6, rtol=0)
    for one, other in zip(ours.gradient(), theirs.gradient(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-4)


def test_a_window_too_short_loses_the_wings_only() -> None:
    line = LineList(np.array([8645.0]), np.array([0.1]), np.array([1.5]), np.array([0.3]))
    windows = exact_windows(WAVELENGTH, torch.from_numpy(line.centre), window=201)
    seen = voigt_lines(line).observed(0.0, torch.arange(1))
    found = windows(**seen).detach().numpy()
    x = WAVELENGTH.numpy() - 8645.0
    sigma, gamma = (float(seen[name].detach()) for name in ("sigma", "gamma"))
    exact = 0.1 * voigt_profile(x, sigma, gamma)
    inside = np.abs(x) < 1.0
    np.testing.assert_allclose(found[inside], exact[inside], rtol=1e-9)
    assert np.all(found[np.abs(x) > 1.3] == 0.0) and np.count_nonzero(found) == 201


@pytest.mark.parametrize("ratio", [0.01, 0.2, 1.0, 5.0])
def test_pseudo_voigt_is_close_to_voigt(ratio: float) -> None:
    x = torch.linspace(-20, 20, 2001, dtype=torch.float64)
    one, gamma = torch.tensor(1.0, dtype=torch.float64), torch.tensor(ratio, dtype=torch.float64)
    found = pseudo_voigt_profile(x, sigma=one, gamma=gamma).numpy()
    exact = voigt_profile(x.numpy(), 1.0, ratio)
    assert np.abs(found - exact).max() < 0.013 * exact.max()


def test_batches_change_nothing(lines: LineList) -> None:
    centre = torch.from_numpy(lines.centre)
    whole, parts = (misfit(lines, FixedWindows(WAVELENGTH, centre, window=300, batch=b)) for b in (None, 50))
    for one, other in zip(whole.gradient(), parts.gradient(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-14, rtol=1e-10)


def test_adam_moves_every_parameter_and_lowers_the_residual(lines: LineList) -> None:
    target = misfit(lines, FixedWindows(WAVELENGTH, torch.from_numpy(lines.centre), window=300))
    before = [p.detach().clone() for p in free_parameters(target.lines)]
    start = float(target().detach()) ** 0.5
    history = minimise_with_adam(target, epochs=5)
    assert [step["epoch"] for step in history] == [1, 2, 3, 4, 5]
    assert history[-1]["residual_rms"] == pytest.approx(float(target().detach()) ** 0.5)
    assert history[-1]["residual_rms"] < start
    assert all(
        bool((now != then).all()) for now, then in zip(free_parameters(target.lines), before, strict=True)
    )
