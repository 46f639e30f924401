"""Variance of the optical depth against the dense covariance it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from blase.fit import jacobian as of_jacobian
from blase.fit import line_columns
from blase.fit.data_space import DataSpace
from blase.fit.depth_variance import depth_variance
from blase.fit.jacobian import jacobian
from blase.fit.parameters import ParameterSpace
from blase.functional.core_floor import effective_depth
from blase.functional.voigt import optical_depth_reference

EDGES = np.arange(8630.0, 8637.0, 0.06)
BROAD = np.array([[8631.0, 0.05, 2.0, 0.2], [8633.0, 0.8, 4.0, 2.0], [8635.0, 0.1, 2.0, 0.2]])
MEETING = np.array(
    [[8631.0, 0.05, 2.0, 0.2], [8632.2, 0.05, 1.5, 0.95], [8634.4, 0.05, 1.5, 0.95], [8635.0, 0.1, 2.0, 0.2]]
)
STRONG = np.array([[8631.5, 3.0, 2.0, 0.2], [8632.6, 0.1, 2.0, 0.2], [8634.0, 20.0, 2.0, 0.3]])
ELSEWHERE = np.array([[8632.0, 0.1, 2.0, 0.2], [8640.5, 0.1, 2.0, 0.2]])
CASES = {
    "one order": {},
    "no atmosphere": {"telluric": np.zeros((0, 4))},
    "overlapping orders": {"edges": (EDGES[:66], EDGES[56:])},
    "separate orders": {"edges": (EDGES[66:], EDGES[:50])},
    "a gap that wings cross": {"edges": (EDGES[:50], EDGES[56:]), "stellar": BROAD},
    "wings that meet in a gap": {"edges": (EDGES[:41], EDGES[70:]), "stellar": MEETING},
    "a line no pixel sees": {"stellar": ELSEWHERE},
    "floors": {"stellar": STRONG, "floors": {0: (0.3, 0.31, 2.0, 1.0), 2: (0.12, 0.45, 100.0, 0.5)}},
}
STELLAR_WIDTHS = np.array([0.3, 0.5, 0.15, 0.3])
"""Of the scene's priors."""
WAVELENGTH = 8629.0 * np.exp(np.arange(420) / 299_792.458)


def dense_variance(scene, space: ParameterSpace, derivative, wavelength: np.ndarray) -> np.ndarray:
    """The same from the inverse of the whole Hessian and from slopes by autograd, without any window."""
    lines, matrix = scene.model.star.lines, derivative.to_dense()
    covariance = np.linalg.inv(matrix.T @ matrix + np.eye(space.size))

    def depth(z: torch.Tensor) -> torch.Tensor:
        named = {n.removeprefix("star.lines."): v for n, v in space.unpack(z).items() if "star.lines." in n}
        seen = torch.func.functional_call(_Observed(lines), {f"lines.{n}": v for n, v in named.items()}, ())
        levels = seen.pop("levels")
        at, depth = torch.from_numpy(wavelength), 0.0
        for j in range(len(lines)):
            own = optical_depth_reference(at, **{name: value[j : j + 1] for name, value in seen.items()})
            depth = depth + (effective_depth(own, **levels[j]) if j in levels else own)
        return depth

    slopes = torch.autograd.functional.jacobian(depth, space.pack(scene.model)).numpy()
    return np.einsum("ni,ij,nj->n", slopes, covariance, slopes)


class _Observed(torch.nn.Module):
    """Lines at rest, so that `functional_call` can replace their parameters."""

    def __init__(self, lines: torch.nn.Module) -> None:
        super().__init__()
        self.lines = lines

    def forward(self) -> dict[str, torch.Tensor]:
        seen = self.lines.observed(0.0, torch.arange(len(self.lines)))
        floors = self.lines.floors
        rows = [] if floors is None else list(enumerate(floors.index.tolist()))
        return {**seen, "levels": {j: floors.levels(torch.tensor([k])) for k, j in rows}}


def compare(
    scene, space: ParameterSpace, *, rtol: float, atol: float, windows: float = line_columns.FINE_WINDOWS
) -> tuple[np.ndarray, DataSpace]:
    derivative = jacobian(scene.model, scene.objective.data, space, windows=windows)
    system = DataSpace(derivative)
    dense = system.posterior.dense
    found = depth_variance(system, space, scene.model.star.lines, WAVELENGTH, dense=dense, windows=windows)
    expected = dense_variance(scene, space, derivative, WAVELENGTH)
    np.testing.assert_allclose(np.sqrt(found), np.sqrt(expected), rtol=rtol, atol=atol)
    return found, system


DENSE_LINES = ("floors", "separate orders", "a gap that wings cross", "wings that meet in a gap")
"""Where lines have floors, or reach from one order to the next."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("longest", [240, 30], ids=["single", "broad lines dense"])
def test_against_the_dense_covariance(make_scene, monkeypatch, case, longest) -> None:
    """With wide windows of single lines the two agree; with those of the fit, to 1e-4 in optical depth."""
    monkeypatch.setattr(of_jacobian, "LONGEST_RUN", longest)
    scene = make_scene(**CASES[case])
    compare(scene, scene.space, rtol=0.0, atol=1e-4)
    _, system = compare(scene, scene.space, rtol=1e-4, atol=1e-6, windows=1e-8)
    strengths = np.arange(scene.space.size)[scene.space.slices["star.lines.log_strength"]]
    assert np.isin(strengths, system.dense_index).any() == (longest == 30 or case in DENSE_LINES)


def test_samples_that_two_pieces_tell_of(make_scene) -> None:
    """Lines left and right of a gap meet at one wavelength, though no pixel sees both."""
    scene = make_scene(**CASES["wings that meet in a gap"])
    coarse = line_columns.COARSE_WINDOWS
    _, system = compare(scene, scene.space, rtol=0.01, atol=1e-4, windows=coarse)
    assert len(system.pieces) == 2
    slopes = line_columns.line_slopes(
        WAVELENGTH, scene.model.star.lines, 0.0, torch.arange(4), windows=coarse
    )
    assert slopes.hi[1] > slopes.lo[2] + 5


@pytest.mark.parametrize(
    "frozen",
    [
        ("log_sigma",),
        ("log_gamma", "log_gamma_scale", "log_strength_scale"),
        ("log_strength_scale", "log_sigma_scale", "log_gamma_scale"),
        ("centre_shift", "log_strength", "log_sigma", "log_gamma"),
    ],
)
def test_frozen_classes(make_scene, frozen) -> None:
    scene = make_scene(**CASES["overlapping orders"])
    names = {f"star.lines.{kind}" for kind in frozen}
    priors = {name: prior for name, prior in scene.space.priors.items() if name not in names}
    compare(scene, ParameterSpace(scene.model, priors), rtol=0.0, atol=2e-4)


def test_what_is_known_has_no_variance(make_scene) -> None:
    scene = make_scene()
    priors = {name: prior for name, prior in scene.space.priors.items() if not name.startswith("star.lines")}
    found, _ = compare(scene, ParameterSpace(scene.model, priors), rtol=0.0, atol=1e-12)
    assert not found.any()


def test_beyond_the_pixels_the_prior_is_left(make_scene) -> None:
    """A line that no pixel sees keeps its prior, but for the scales, which its fellows determine."""
    scene = make_scene(**CASES["a line no pixel sees"])
    found, system = compare(scene, scene.space, rtol=1e-3, atol=2e-4)
    at = np.argmin(np.abs(WAVELENGTH - ELSEWHERE[1, 0]))
    slopes = line_columns.line_slopes(WAVELENGTH[at : at + 2], scene.model.star.lines, 0.0, torch.arange(2))
    tangent = slopes.values[:, slopes.window[1]] * slopes.factor[1]
    own = float(((tangent * STELLAR_WIDTHS) ** 2).sum())
    scales = [
        scene.space.slices[f"star.lines.log_{kind}_scale"].start for kind in ("strength", "sigma", "gamma")
    ]
    place = np.searchsorted(system.dense_index, scales)
    common = system.posterior.dense.inverse(place, place) * 0.1**2
    assert found[at] == pytest.approx(own + tangent[1:] @ common @ tangent[1:], rel=2e-3)
