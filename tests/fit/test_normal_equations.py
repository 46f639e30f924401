"""Steps and second moments against the dense matrix they stand for."""

import numpy as np
import pytest

import blase.fit.jacobian as of_jacobian
from blase.errors import InputError
from blase.fit.band import factor_band, inverse_in_band, log_determinant, reach_of_runs, solve_band
from blase.fit.covariance import Covariance
from blase.fit.data_space import DataSpace
from blase.fit.jacobian import jacobian
from blase.fit.line_blocks import LineBlocks
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.normal_equations import NormalEquations
from blase.fit.pair_covariance import pair_covariance
from blase.fit.parameters import ParameterSpace
from blase.fit.skyline import Skyline

EDGES = np.arange(8630.0, 8637.0, 0.06)
CASES = {
    "one order": {},
    "fast rotation": {"vsini": 15.0},
    "no atmosphere": {"telluric": np.zeros((0, 4))},
    "overlapping orders": {"edges": (EDGES[:66], EDGES[56:])},
    "separate orders": {"edges": (EDGES[66:], EDGES[:50])},
    "a line elsewhere": {"stellar": np.array([[8632.0, 0.1, 2.0, 0.2], [8700.0, 0.1, 2.0, 0.2]])},
}


@pytest.fixture(scope="module", params=CASES, ids=list(CASES))
def pair(request, make_scene):
    """The normal equations of a scene, and the same as a dense matrix."""
    scene = make_scene(**CASES[request.param])
    derivative = jacobian(scene.model, scene.objective.data, scene.space)
    matrix = derivative.to_dense()
    return NormalEquations(derivative), matrix.T @ matrix + np.eye(derivative.size)


@pytest.mark.parametrize("damping", [0.0, 1.0, 1e6])
def test_steps(pair, damping):
    normal, dense = pair
    draw = np.random.default_rng(3)
    right, added = draw.standard_normal(len(dense)), damping * draw.uniform(0, 1, len(dense))
    added[::7] = 1e18  # as for a parameter held at its bound
    expected = np.linalg.solve(dense + np.diag(added), right)
    np.testing.assert_allclose(normal.solve(added, right), expected, rtol=1e-7, atol=1e-10)


def test_covariance_of_any_entries(pair):
    normal, dense = pair
    draw, wanted = np.random.default_rng(5), np.linalg.inv(dense)
    known = Covariance(DataSpace(normal.derivative))
    first, second = draw.permutation(len(dense))[: len(dense) // 2], draw.permutation(len(dense))
    np.testing.assert_allclose(known(first, second), wanted[np.ix_(first, second)], rtol=1e-6, atol=1e-9)
    assert known(first, second[:0]).shape == (first.size, 0)
    with pytest.raises(InputError, match="no such entry"):
        known(first, np.array([len(dense)]))


def test_covariance_of_pairs(pair):
    normal, dense = pair
    draw, wanted = np.random.default_rng(7), np.linalg.inv(dense)
    first, second = draw.integers(0, len(dense), (2, 40 * len(dense)))
    second[:10] = first[:10]
    found = pair_covariance(Covariance(DataSpace(normal.derivative)), first, second)
    np.testing.assert_allclose(found, wanted[first, second], rtol=1e-6, atol=1e-9)


def test_posterior(pair):
    normal, dense = pair
    covariance, found = np.linalg.inv(dense), normal.posterior
    np.testing.assert_allclose(found.variance, np.diag(covariance), rtol=1e-8)
    every = np.arange(found.dense_index.size)
    dense_part = covariance[np.ix_(found.dense_index, found.dense_index)]
    np.testing.assert_allclose(found.dense.inverse(every, every), dense_part, rtol=1e-6, atol=1e-10)
    assert found.log_determinant == pytest.approx(np.linalg.slogdet(dense)[1], rel=1e-10)
    for entry, line, cross in zip(found.entry, found.lines, found.cross, strict=True):
        free = entry >= 0
        inner = covariance[np.ix_(entry[free], entry[free])]
        np.testing.assert_allclose(line[np.ix_(free, free)], inner, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(
            cross[free], covariance[np.ix_(entry[free], found.shared_index)], rtol=1e-6, atol=1e-9
        )
        assert not line[~free].any() and not cross[~free].any()


@pytest.mark.parametrize(
    "others", [[], ["line_spread.log_resolving_power"], ["star.vsini_squared", "h3", "h4"]]
)
def test_few_parameters_border_the_skyline_of_the_lines(make_scene, monkeypatch, others):
    """As in a blurred template: lines, and at most a few parameters that all pixels feel."""
    monkeypatch.setattr(of_jacobian, "LONGEST_RUN", 30)  # nobody cares about broad lines here
    scene = make_scene(hermite=(0.02, 0.01))
    kept = {
        name: prior for name, prior in scene.space.priors.items() if name.rsplit(".", 1)[1] in LINE_PARAMETERS
    }
    kept |= {name: p for name, p in scene.space.priors.items() for other in others if name.endswith(other)}
    space = ParameterSpace(scene.model, kept)
    derivative = jacobian(scene.model, scene.objective.data, space)
    assert derivative.dense_index.size == len(others)
    matrix, draw = derivative.to_dense(), np.random.default_rng(5)
    right, damping = draw.standard_normal(space.size), draw.uniform(0, 3, space.size)
    damping[::11] = 1e18
    normal = NormalEquations(derivative)
    found = normal.solve(damping, right)
    expected = np.linalg.solve(matrix.T @ matrix + np.eye(space.size) + np.diag(damping), right)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(found, DataSpace(derivative).solve(damping, right), rtol=1e-6, atol=1e-9)


def random_blocks(count: int, n_pixels: int, seed: int) -> LineBlocks:
    """Narrow and broad lines with frozen parameters among them, one beyond all pixels."""
    draw = np.random.default_rng(seed)
    first = draw.integers(0, n_pixels - 2, count)
    length = np.minimum(draw.choice([1, 5, 9, 40], count), n_pixels - first)
    first[-1], length[-1] = 0, 0
    entry = draw.permutation(4 * count).reshape(count, 4)
    entry[draw.uniform(size=entry.shape) < 0.2] = -1
    blocks = LineBlocks.empty(first, length, entry)
    for j, (at, n) in enumerate(zip(blocks.offset, length, strict=False)):
        values = draw.standard_normal((4, n)) * (entry[j] >= 0)[:, None]
        blocks.values[at : at + 4 * n] = values.ravel()
    return blocks


@pytest.mark.parametrize("seed", range(5))
def test_skyline_solves_what_the_dense_matrix_solves(seed):
    blocks = random_blocks(25, 120, seed)
    skyline = Skyline.of(blocks)
    ordered = blocks.take(skyline.order).to_dense(120)
    draw = np.random.default_rng(seed)
    diagonal, right = draw.uniform(0.1, 5, ordered.shape[1]), draw.standard_normal(ordered.shape[1])
    expected = np.linalg.solve(ordered.T @ ordered + np.diag(diagonal), right)
    np.testing.assert_allclose(skyline.solve(diagonal, right), expected, rtol=1e-8, atol=1e-10)
    with pytest.raises(np.linalg.LinAlgError, match="no positive pivot"):
        skyline.solve(np.full(ordered.shape[1], -1e3), right)


def test_a_broad_line_does_not_widen_the_rows_of_its_neighbours():
    first = np.concatenate([[0], np.arange(0, 990, 10)])
    length = np.concatenate([[1000], np.full(99, 12)])
    blocks = LineBlocks.empty(first, length, np.arange(400).reshape(100, 4))
    skyline = Skyline.of(blocks)
    width = np.arange(400) - skyline.begin + 1
    assert skyline.order[-1] == 0 and width[-1] == 400
    assert width[:-4].max() <= 8


def test_blocks_multiply_like_their_dense_matrix():
    blocks = random_blocks(20, 80, 9)
    matrix, draw = blocks.to_dense(80), np.random.default_rng(1)
    step, vector = draw.standard_normal(80), draw.standard_normal(80)
    np.testing.assert_allclose(
        blocks.along(step, 80), matrix @ blocks.weights(step).ravel(), rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(blocks.adjoint(vector).ravel(), matrix.T @ vector, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        blocks.squared().adjoint(np.ones(80)).ravel(), (matrix**2).sum(axis=0), rtol=1e-10
    )


@pytest.mark.parametrize(("n", "longest"), [(1, 1), (12, 4), (40, 40), (7, 1), (90, 17)])
@pytest.mark.parametrize("wanted", [0, 23])
def test_band_of_runs(n, longest, wanted):
    """Sums of outer products over runs of pixels, some places with none, against dense algebra."""
    draw = np.random.default_rng(n)
    first = draw.integers(0, n, 1 + n // 3)
    length = np.minimum(draw.integers(0, longest + 1, first.size), n - first)
    reach = reach_of_runs(first, length, n)
    dense, band = np.eye(n), np.zeros((n, reach.max()))
    for low, count in zip(first, length, strict=True):
        values = np.zeros(n)
        values[low : low + count] = draw.normal(size=count)
        dense += np.outer(values, values)
    for d in range(reach.max()):
        band[: n - d, d] = np.diag(dense, -d)
    outside = np.arange(n)[:, None] - np.arange(n) >= reach
    assert not dense[outside].any()
    factor = factor_band(band.copy())
    right = draw.standard_normal((n, 3))
    np.testing.assert_allclose(solve_band(factor, reach, right), np.linalg.solve(dense, right), rtol=1e-9)
    assert log_determinant(factor) == pytest.approx(np.linalg.slogdet(dense)[1], rel=1e-10, abs=1e-12)
    inverse, found = np.linalg.inv(dense), inverse_in_band(factor, reach, wanted)
    for j in range(n):
        known = min(max(reach[j], wanted), n - j)
        np.testing.assert_allclose(found[j, :known], inverse[j, j : j + known], rtol=1e-8, atol=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        factor_band(-band)
