"""Lines of oxygen from constants, against microwave measurements, Wigner's symbols and HITRAN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blase.atmosphere.line_files import read_line_files
from blase.atmosphere.line_sources import find_lines
from blase.atmosphere.oxygen import BANDS, Band, _three_j_squared, ground_levels, oxygen_lines
from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError

GHZ = 1 / (SPEED_OF_LIGHT * 1e-4)  # [cm^-1]
# N, and frequencies [GHz] to J = N from N - 1 and N + 1 (Liebe, Rosenkranz & Hufford 1992, JQSRT 48, 629)
FINE_STRUCTURE = ((1, 118.750334, 56.264774), (3, 62.486253, 58.446588), (5, 60.306056, 59.590983))
STRENGTH = {"A": 0.01, "B": 0.005, "gamma": 0.005, "1.27 micron": 0.05}
"""By how much a sum of intensities may differ from that of HITRAN; of 1.27 micron by the errors of both."""


@pytest.mark.parametrize(("n", "below", "above"), FINE_STRUCTURE)
def test_fine_structure_is_that_of_microwaves(n: int, below: float, above: float) -> None:
    middle = ground_levels(n)[n][0]
    assert middle - ground_levels(n - 1)[n][0] == pytest.approx(below * GHZ, abs=2e-6)
    assert middle - ground_levels(n + 1)[n][0] == pytest.approx(above * GHZ, abs=2e-6)


# origin, B and D of the lowest vibrational level: nu_00, B_e - alpha_e / 2 and D_e (Huber & Herzberg 1979,
# Constants of Diatomic Molecules), beside which the lowest level of X lies 0.246 - 1.32 cm^-1 from its middle
HUBER_HERZBERG = {"1.27 micron": (7882.39, 1.41785, 4.86e-6), "A": (13120.91, 1.39127, 5.351e-6)}


@pytest.mark.parametrize("name", HUBER_HERZBERG)
def test_upper_states_have_the_constants_of_huber_and_herzberg(name: str) -> None:
    band = next(b for b in BANDS if b.name == name)
    origin, rotation, distortion = HUBER_HERZBERG[name]
    assert band.rotation[0] == pytest.approx(rotation, abs=3e-5)
    assert -band.rotation[1] == pytest.approx(distortion, rel=0.06)
    assert band.origin == pytest.approx(origin + 1.1, abs=0.1)


@pytest.mark.parametrize(("omega", "upper"), [(0, 0), (0, 2), (0, 8), (2, 2), (2, 3), (2, 9)])
def test_an_upper_level_decays_by_the_rate_of_its_band(omega: int, upper: int) -> None:
    branches = [
        (2 * lower + 1) * _three_j_squared(lower, upper, omega) * share
        for lower in range(max(upper - 1, 0), upper + 2)
        for n, (_, share) in ground_levels(lower).items()
        if n % 2
    ]
    assert sum(branches) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("band", BANDS, ids=lambda band: band.name)
def test_bands_are_those_of_hitran(shared_data: Path, band: Band) -> None:
    here = (band.origin - 200, band.origin + 60) if band.omega == 0 else (7750.0, 8010.0)
    theirs = read_line_files([shared_data / "hitran" / "antaress" / "O2"], wavenumber_range=here).lines
    mine = oxygen_lines()
    mine = mine.take((mine.wavenumber > here[0]) & (mine.wavenumber < here[1]))
    mine = mine.take(mine.intensity > 1e-2 * mine.intensity.max())
    energy = np.abs(mine.lower_energy[:, None] - theirs.lower_energy)
    apart = np.abs(mine.wavenumber[:, None] - theirs.wavenumber) + energy
    pair = (apart - 1e-3 * theirs.intensity / theirs.intensity.max()).argmin(axis=1)  # quadrupoles coincide
    theirs = theirs.take(pair)
    assert len(mine) > 50
    assert np.abs(mine.wavenumber - theirs.wavenumber).max() < 1e-3  # [cm^-1]
    assert np.abs(mine.lower_energy - theirs.lower_energy).max() < 5e-3
    weight = theirs.intensity / theirs.intensity.sum()
    ratio = mine.intensity / theirs.intensity
    assert weight @ ratio == pytest.approx(1.0, abs=STRENGTH[band.name])
    assert np.sqrt(weight @ (ratio / (weight @ ratio) - 1) ** 2) < 0.03
    assert weight @ (mine.air_width / theirs.air_width) == pytest.approx(1.0, abs=0.08)


def test_without_a_list_oxygen_is_known_and_the_rest_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path))
    found = find_lines(None, wavelength_range=(7590.0, 7700.0))
    assert set(found.lines.molecule) == {7}
    assert "hitran.org" in found.notes[0] and str(tmp_path / "line-lists") in found.notes[0]
    with pytest.raises(InputError, match="7596 to 7692, 12467 to 12932; H2O") as caught:
        find_lines(None, wavelength_range=(21_000.0, 21_100.0))
    assert "hitran.org" in str(caught.value) and str(tmp_path / "line-lists") in str(caught.value)
