"""The arrow of blocks and border against dense linear algebra."""

import numpy as np
import pytest

from blase.fit.arrow import Arrow


def _problem(seed, size=23):
    """Three pieces that share 0, 1 and 22 in different ways; parameter 21 is felt by none."""
    rng = np.random.default_rng(seed)
    places = [np.array([4, 0, 2, 3, 22]), np.r_[0, 1, 5:14], np.array([14, 15, 16, 22, 17, 18, 19, 20, 1])]
    roots = [rng.normal(size=(7, place.size)) for place in places]
    matrices = [root.T @ root for root in roots]
    dense = np.eye(size)
    for place, matrix in zip(places, matrices, strict=True):
        dense[np.ix_(place, place)] += matrix
    return Arrow(size, places, matrices), dense, rng


@pytest.mark.parametrize("seed", [0, 1])
def test_arrow_is_the_dense_matrix(seed):
    arrow, dense, rng = _problem(seed)
    right = rng.normal(size=23)
    np.testing.assert_allclose(arrow.solve(right), np.linalg.solve(dense, right), rtol=1e-10, atol=1e-12)
    several = np.stack([right, right[::-1], right**2], axis=1)
    np.testing.assert_allclose(arrow.solve(several), np.linalg.solve(dense, several), rtol=1e-10, atol=1e-12)
    assert arrow.log_determinant == pytest.approx(np.linalg.slogdet(dense)[1], rel=1e-12)


def test_inverse_within_and_across_blocks():
    arrow, dense, rng = _problem(2)
    inverse = np.linalg.inv(dense)
    rows, columns = rng.permutation(23)[:15], rng.permutation(23)[:9]
    np.testing.assert_allclose(arrow.inverse(rows, columns), inverse[np.ix_(rows, columns)], atol=1e-12)
    np.testing.assert_allclose(arrow.variance(), np.diag(inverse), rtol=1e-10)


def test_what_is_shared_is_the_corner():
    arrow, _, _ = _problem(3)
    np.testing.assert_array_equal(arrow.corner, [0, 1, 21, 22])


@pytest.mark.parametrize("places", [[], [np.zeros(0, dtype=np.int64)]])
def test_nothing_to_solve(places):
    arrow = Arrow(0, places, [np.zeros((0, 0)) for _ in places])
    assert arrow.solve(np.zeros(0)).size == 0
    assert arrow.log_determinant == 0.0
    nothing = np.zeros(0, dtype=np.int64)
    assert arrow.inverse(nothing, nothing).shape == (0, 0)


def test_blocks_without_a_border():
    place = [np.array([0, 1]), np.array([2])]
    arrow = Arrow(3, place, [np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[4.0]])])
    dense = np.array([[3.0, 1.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.0, 5.0]])
    every = np.arange(3)
    np.testing.assert_allclose(arrow.inverse(every, every), np.linalg.inv(dense), atol=1e-14)
    np.testing.assert_allclose(arrow.solve(np.ones(3)), np.linalg.solve(dense, np.ones(3)), rtol=1e-12)
