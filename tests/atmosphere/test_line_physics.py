"""Intensities, widths, shifts and partition sums against hitran-api and published tables."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import voigt_profile

from blase.atmosphere import line_physics
from blase.atmosphere.hitran import read_hitran
from blase.atmosphere.isotopologues import ISOTOPOLOGUES
from blase.atmosphere.line_physics import LineTensors, line_tensors
from blase.atmosphere.partition import log_partition_sum

LINES = range(8)


def tensors(tmp_path: Path, oracle: SimpleNamespace, k: int) -> LineTensors:
    path = tmp_path / "one.par"
    path.write_text(oracle.record(*oracle.records[k]))
    return line_tensors(read_hitran(path))


def one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


@pytest.mark.parametrize("k", LINES)
def test_intensity_is_that_of_hapi(tmp_path: Path, oracle: SimpleNamespace, k: int) -> None:
    found = line_physics.intensity(tensors(tmp_path, oracle, k), one(oracle.temperature))
    assert float(found) == pytest.approx(oracle.hapi[k][0], rel=1e-4)


@pytest.mark.parametrize("k", LINES)
def test_profile_is_that_of_hapi(tmp_path: Path, oracle: SimpleNamespace, k: int) -> None:
    """Width in air, exponent, shift and Doppler width all enter."""
    lines, t, p = tensors(tmp_path, oracle, k), one(oracle.temperature), one(oracle.pressure)
    gamma = line_physics.lorentz_width(lines, temperature=t, pressure=p, partial_pressure=0 * p)
    x = oracle.records[k][2] + np.array(oracle.offsets) - float(line_physics.shifted_wavenumber(lines, p))
    profile = voigt_profile(x, float(line_physics.doppler_sigma(lines, t)), float(gamma))
    np.testing.assert_allclose(
        float(line_physics.intensity(lines, t)) * profile, oracle.hapi[k][1], rtol=2e-4
    )


@pytest.mark.parametrize("k", LINES)
def test_width_in_the_pure_gas_is_that_of_hapi(tmp_path: Path, oracle: SimpleNamespace, k: int) -> None:
    """Far out k = S gamma / (pi x^2); hitran-api shifts no line in its own gas."""
    lines, t, p = tensors(tmp_path, oracle, k), one(oracle.temperature), one(oracle.pressure)
    gamma = line_physics.lorentz_width(lines, temperature=t, pressure=p, partial_pressure=p)
    far = float(line_physics.intensity(lines, t)) * voigt_profile(
        oracle.offsets[-1], float(line_physics.doppler_sigma(lines, t)), float(gamma)
    )
    assert far == pytest.approx(oracle.hapi[k][2], rel=2e-4)


# TIPS-2021 at 150, 225, 275 and 310 K, none of which is a node of the interpolation
PUBLISHED = {
    (1, 1): (63.6776, 116.0198, 156.4119, 187.0777),
    (1, 4): (313.8033, 573.5487, 774.2976, 927.0135),
    (2, 1): (134.219, 206.3598, 260.9844, 303.648),
    (3, 1): (1197.491, 2229.4589, 3075.2909, 3757.711),
    (4, 1): (2258.656, 3524.9145, 4519.8383, 5312.541),
    (5, 1): (54.5815, 81.7187, 99.8167, 112.4911),
    (6, 1): (212.6596, 389.6676, 527.6192, 634.2302),
    (7, 1): (109.605, 164.06, 200.4261, 225.962),
}


@pytest.mark.parametrize("pair", PUBLISHED)
def test_partition_sums_between_the_nodes(pair: tuple[int, int]) -> None:
    temperature = torch.tensor([150.0, 225.0, 275.0, 310.0], dtype=torch.float64)
    found = log_partition_sum(temperature, molecule=pair[0], isotopologue=pair[1]).exp()
    np.testing.assert_allclose(found.numpy(), PUBLISHED[pair], rtol=1e-4)


@pytest.mark.parametrize(
    ("pair", "file"),
    [
        ((1, 1), "H2O/NIRPS/HITRAN2020/QT.txt"),
        ((2, 1), "CO2/NIRPS/HITRAN2020/QT.txt"),
        ((6, 1), "CH4/NIRPS/HITRAN2020/QT.txt"),
        ((7, 1), "O2/ESPRESSO/HITRAN2020/QT.txt"),
    ],
)
def test_partition_sums_against_tabulated_ones(shared_data: Path, pair: tuple[int, int], file: str) -> None:
    temperature, expected = np.loadtxt(shared_data / "hitran/antaress" / file).T
    part = (temperature >= 150) & (temperature <= 350)
    found = log_partition_sum(torch.from_numpy(temperature[part]), molecule=pair[0], isotopologue=pair[1])
    np.testing.assert_allclose(found.exp().numpy(), expected[part], rtol=1e-3)


def test_partition_sum_slopes() -> None:
    temperature = torch.tensor([180.0, 255.0, 301.0], dtype=torch.float64, requires_grad=True)
    for m, i in ISOTOPOLOGUES:
        assert torch.autograd.gradcheck(
            lambda t, m=m, i=i: log_partition_sum(t, molecule=m, isotopologue=i), (temperature,)
        )
