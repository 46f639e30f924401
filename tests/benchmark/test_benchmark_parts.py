"""Exponents, comparison, memory: the small parts of a benchmark."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from blase.benchmark.compare import seconds_to_reach
from blase.benchmark.exponent import fitted_exponent
from blase.benchmark.memory import peak_memory
from blase.benchmark.orders import order_setups
from blase.benchmark.settings import Settings, quick
from blase.benchmark.table import duration, markdown_table
from blase.errors import InputError


@pytest.mark.parametrize("power", [0.0, 1.0, 1.37, 2.0])
def test_exponent_of_a_power_law(power: float) -> None:
    size = np.array([125, 250, 500, 1000, 4000])
    assert fitted_exponent(size.tolist(), (3e-5 * size**power).tolist()) == pytest.approx(power, abs=1e-12)


def test_exponent_is_least_squares_in_the_logarithms() -> None:
    size, noise = np.geomspace(10, 1e4, 7), np.random.default_rng(5).normal(0, 0.1, 7)
    x, y = np.log(size), np.log(2e-3 * size**1.2) + noise
    slope = np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
    assert fitted_exponent(size.tolist(), np.exp(y).tolist()) == pytest.approx(slope)


@pytest.mark.parametrize(("size", "seconds"), [([1, 2], [1, 0]), ([3, 3], [1, 2]), ([1, 2], [1]), ([], [])])
def test_no_exponent_without_two_sizes(size: list[float], seconds: list[float]) -> None:
    with pytest.raises(InputError, match="no exponent"):
        fitted_exponent(size, seconds)


def test_time_to_reach_a_residual() -> None:
    history = [{"seconds": float(k), "residual_rms": bound} for k, bound in enumerate((0.3, 0.02, 0.01), 1)]
    assert seconds_to_reach(history, 0.02) == 2.0
    assert seconds_to_reach(history, 0.001) is None


def test_peak_memory_is_that_of_the_process_alone() -> None:
    held = np.ones(40_000_000)  # 320 MB in this process, none in the other
    code = "from blase.benchmark.memory import peak_memory; a = b'1' * 100_000_000; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 100 < float(done.stdout) < 320 < peak_memory()
    assert held.size


def test_settings_survive_json() -> None:
    settings = quick(star="s.fits", wavelength_range=(8640.0, 8660.0), epochs=2)
    plain = settings.plain()
    assert Settings.from_plain(plain | {"fractions": list(plain["fractions"])}) == settings
    with pytest.raises(InputError, match="epochs"):
        Settings(epochs=0)


def test_orders_fit_into_the_template() -> None:
    """As wide as those of HPF where there is room, side by side where there is not."""
    for low, high, width in ((8052.0, 12_853.0, 0.0137), (8640.0, 8656.0, np.log(8656 / 8640) / 28)):
        spans = [setup.wavelength_range for setup in order_setups(low, high, 28)]
        assert len(spans) == 28 and low < spans[0][0] and spans[-1][1] < high
        relative = np.array([np.log(b / a) for a, b in spans])
        np.testing.assert_allclose(relative, min(width, relative[0]), rtol=1e-6)
        assert 0.7 * width < relative[0] <= width and all(
            a[1] <= b[0] * (1 + 1e-9) for a, b in pairwise(spans)
        )


def test_table_is_padded() -> None:
    assert markdown_table(("a", "bcd"), [("xy", "z")]) == "| a  | bcd |\n| -- | --- |\n| xy | z   |"
    assert [duration(t) for t in (0.0123, 12.34, None)] == ["12.3 ms", "12.3 s", "not reached"]
