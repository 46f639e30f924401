import numpy as np
import pytest
import torch

from blase.errors import InputError
from blase.functional.convolution import apply_transfer


@pytest.mark.parametrize("n", [60, 45])
def test_equals_the_circular_sum(n):
    rng = np.random.default_rng(1)
    flux, kernel = rng.normal(size=(3, n)), rng.normal(size=n)
    shifts = (np.arange(n)[:, None] - np.arange(n)) % n
    expected = flux @ kernel[shifts].T
    result = apply_transfer(torch.tensor(flux), torch.fft.rfft(torch.tensor(kernel)))
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


def test_gradients():
    generator = torch.Generator().manual_seed(2)
    flux = torch.randn(2, 9, dtype=torch.float64, generator=generator, requires_grad=True)
    real = torch.randn(5, dtype=torch.float64, generator=generator, requires_grad=True)
    imaginary = torch.randn(5, dtype=torch.float64, generator=generator, requires_grad=True)

    def blur(flux, real, imaginary):
        return apply_transfer(flux, torch.complex(real, imaginary))

    torch.autograd.gradcheck(blur, (flux, real, imaginary), check_forward_ad=True)
    torch.autograd.gradcheck(apply_transfer, (flux, real), check_forward_ad=True)


def test_rejects_a_transfer_of_another_length():
    with pytest.raises(InputError, match="31 frequencies"):
        apply_transfer(torch.ones(60), torch.ones(30))
