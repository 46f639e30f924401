import numpy as np
import pytest
from scipy.sparse import csr_matrix

from blase.fit.arrowhead import band_storage, factor_arrowhead


def random_problem(n, m, bandwidth, seed=0):
    """A dense positive definite arrowhead and its pieces."""
    draw = np.random.default_rng(seed)
    local = np.zeros((3 * n + 5, n))
    for j in range(n):
        local[3 * j : 3 * j + 3 * bandwidth + 1, j] = draw.standard_normal(
            len(local[3 * j : 3 * j + 3 * bandwidth + 1])
        )
    border = draw.standard_normal((3 * n + 5, m))
    columns = np.hstack([local, border])
    return columns.T @ columns + np.eye(n + m)


def pieces(matrix, n):
    return band_storage(csr_matrix(matrix[:n, :n])), matrix[:n, n:], matrix[n:, n:]


CASES = [(12, 4, 2), (12, 0, 3), (0, 4, 0), (9, 2, 0), (1, 1, 0), (30, 5, 29)]


@pytest.mark.parametrize(("n", "m", "bandwidth"), CASES)
def test_solve_agrees_with_the_dense_matrix(n, m, bandwidth):
    matrix = random_problem(n, m, bandwidth)
    right = np.random.default_rng(1).standard_normal(n + m)
    found = np.concatenate(factor_arrowhead(*pieces(matrix, n)).solve(right[:n], right[n:]))
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("n", "m", "bandwidth"), CASES)
def test_inverse_diagonal_agrees_with_the_dense_matrix(n, m, bandwidth):
    matrix = random_problem(n, m, bandwidth)
    found = np.concatenate(factor_arrowhead(*pieces(matrix, n)).inverse_diagonal())
    np.testing.assert_allclose(found, np.diag(np.linalg.inv(matrix)), rtol=1e-9)


def test_covariance_of_the_border_is_its_block_of_the_inverse():
    matrix = random_problem(12, 4, 2)
    found = factor_arrowhead(*pieces(matrix, 12)).dense_inverse()
    np.testing.assert_allclose(found, np.linalg.inv(matrix)[12:, 12:], rtol=1e-9, atol=1e-14)


def test_band_storage_keeps_every_entry_of_the_lower_half():
    matrix = random_problem(12, 0, 2)
    band = band_storage(csr_matrix(matrix))
    assert band.shape == (3, 12)
    for d in range(3):
        np.testing.assert_array_equal(band[d, : 12 - d], np.diag(matrix, -d))


def test_band_storage_of_an_empty_matrix():
    assert band_storage(csr_matrix((0, 0))).shape == (1, 0)


@pytest.mark.parametrize("where", [0, 5])
def test_an_indefinite_matrix_is_refused(where):
    matrix = random_problem(5, 2, 1)
    matrix[where, where] = -1.0
    with pytest.raises(np.linalg.LinAlgError):
        factor_arrowhead(*pieces(matrix, 5))
