import numpy as np

from blase.functional.lagrange import BASIS, BEFORE, STENCIL, local_coordinate


def test_basis_is_one_at_its_own_sample_and_zero_at_the_others():
    samples = np.arange(7.0, 7.0 + STENCIL)
    values = np.vander(local_coordinate(samples, np.array(7.0)), STENCIL, increasing=True) @ BASIS
    np.testing.assert_allclose(values, np.eye(STENCIL), atol=1e-12)


def test_degree_nine_is_reproduced_inside_the_centred_cell():
    polynomial = np.polynomial.Polynomial(np.linspace(-1, 1, STENCIL), domain=[0, STENCIL - 1])
    x = BEFORE + np.linspace(0, 1, 11)
    weights = np.vander(local_coordinate(x, np.array(0.0)), STENCIL, increasing=True) @ BASIS
    np.testing.assert_allclose(weights @ polynomial(np.arange(STENCIL)), polynomial(x), atol=1e-13)
