import math

import numpy as np
import pytest
import torch
from scipy.fft import next_fast_len

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.functional.grid import angular_frequency, log_grid, velocity_step


def test_covers_the_range_with_the_exact_step_and_a_fast_length():
    grid = log_grid(8630.0, 8800.0, step=0.25)
    assert grid.dtype == torch.float64
    assert grid[0] == 8630.0 and grid[-1] >= 8800.0
    assert next_fast_len(len(grid), real=True) == len(grid)
    np.testing.assert_allclose(np.diff(np.log(grid.numpy())), 0.25 / SPEED_OF_LIGHT, rtol=1e-8)
    shortest = math.log(8800.0 / 8630.0) * SPEED_OF_LIGHT / 0.25
    assert shortest < len(grid) < 1.1 * shortest


def test_velocity_step_inverts_log_grid():
    assert velocity_step(log_grid(5000.0, 5050.0, step=0.37)) == pytest.approx(0.37, rel=1e-11)


def test_angular_frequency_is_that_of_the_fft():
    n, step, harmonic = 90, 0.4, 7
    k = angular_frequency(n, step)
    wave = torch.cos(k[harmonic] * step * torch.arange(n))
    power = torch.fft.rfft(wave).abs()
    assert len(k) == n // 2 + 1
    assert int(power.argmax()) == harmonic
    assert float(power.sum() - power.max()) < 1e-10


@pytest.mark.parametrize(
    ("lower", "upper", "step"), [(2.0, 1.0, 0.1), (-1.0, 1.0, 0.1), (1.0, math.inf, 0.1), (1.0, 2.0, 0.0)]
)
def test_rejects_bad_ranges(lower, upper, step):
    with pytest.raises(InputError):
        log_grid(lower, upper, step=step)


def test_one_sample_has_no_step():
    with pytest.raises(InputError):
        velocity_step(torch.ones(1))
