import numpy as np
import pytest
import torch
from numpy.polynomial import legendre

from blase.errors import InputError
from blase.functional.continuum import legendre_basis, normalised_coordinate


@pytest.mark.parametrize("degree", [0, 1, 5, 12])
def test_matches_numpy(degree):
    x = np.linspace(-1, 1, 101)
    basis = legendre_basis(torch.tensor(x), degree)
    np.testing.assert_allclose(basis.numpy(), legendre.legvander(x, degree), atol=1e-13)


def test_coordinate_is_linear_in_wavelength():
    x = normalised_coordinate(torch.tensor([8000.0, 8010.0, 8030.0, 8040.0], dtype=torch.float64))
    np.testing.assert_allclose(x.numpy(), [-1.0, -0.5, 0.5, 1.0], atol=1e-14)


def test_gradient():
    x = torch.tensor([-1.0, -0.3, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: legendre_basis(x, 4), x, check_forward_ad=True)


def test_rejects_bad_input():
    with pytest.raises(InputError):
        legendre_basis(torch.zeros(3), -1)
    for wavelength in (torch.ones(1), torch.ones(4)):
        with pytest.raises(InputError):
            normalised_coordinate(wavelength)
