"""Lines that are left out of a piece of spectrum are missed nowhere in it."""

import numpy as np
import pytest
from scipy.special import voigt_profile

from blase.functional.reach import LEAST_OPTICAL_DEPTH, reaching


@pytest.mark.parametrize("distance", [-60.0, -3.0, 0.0, 2.0, 8.0, 50.0, 400.0])
def test_a_line_matters_where_its_optical_depth_does(distance: float) -> None:
    grid = np.linspace(8600.0, 8620.0, 500)
    end = grid[-1] if distance > 0 else grid[0]
    strength, sigma, gamma = (
        a.ravel() for a in np.meshgrid([1e-5, 1e-2, 10.0], [0.02, 0.1], [1e-4, 0.03, 1.0])
    )
    lines = {
        "centre": np.full(strength.size, end + distance),
        "strength": strength,
        "sigma": sigma,
        "gamma": gamma,
    }
    kept = set(reaching(grid, **lines).tolist())
    for j in range(strength.size):
        most = (strength[j] * voigt_profile(grid - lines["centre"][j], sigma[j], gamma[j])).max()
        if j not in kept:
            assert most < 1.2 * LEAST_OPTICAL_DEPTH
        elif abs(distance) > 20:
            assert most > 0.8 * LEAST_OPTICAL_DEPTH
