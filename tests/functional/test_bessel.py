import numpy as np
import pytest
import torch
from scipy.special import jv

from blase.functional.bessel import bessel_j0_j1


@pytest.mark.parametrize("around", [(1e-3, 3), (3, 24.999), (24.99, 25.01), (25, 200), (1000, 3000)])
def test_matches_scipy(around):
    s = np.linspace(*around, 2001)
    envelope = np.hypot(jv(0, s), jv(1, s))
    for order, value in enumerate(bessel_j0_j1(torch.tensor(s))):
        assert np.max(np.abs(value.numpy() - jv(order, s)) / envelope) < 2e-14
