"""Lines of water from term values and rigid rotors, against closed formulas, Wigner's symbols and HITRAN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blase.atmosphere.asymmetric_rotor import Rotor, strength_along_a
from blase.atmosphere.line_files import read_line_files
from blase.atmosphere.line_sources import find_lines
from blase.atmosphere.water import BANDS, WaterBand, levels, rotor, water_lines
from blase.atmosphere.water_levels import GROUND
from blase.errors import InputError

WATER = Rotor(27.877, 14.512, 9.285)
FILES = {"(1 1 1)": "antaress/H2O", "(2 0 1)": "antaress/H2O", "(2 1 1)": "H2O_hitran2012_7400-9200A.par"}
# term values J = 0 (Tennyson et al. 2013, JQSRT 117, 29)
ORIGINS = {"(1 1 1)": 8806.999, "(2 0 1)": 10_613.356, "(2 1 1)": 12_151.254}


def test_levels_of_low_j_are_those_of_closed_formulas() -> None:
    """King, Hainer & Cross 1943, table: J = 1 and the three levels of J = 2 that do not mix."""
    a, b, c = WATER.a, WATER.b, WATER.c
    one = {name: energy for name, (energy, _) in WATER.states(1).items()}
    assert one == pytest.approx({(1, 0, 1): b + c, (1, 1, 1): a + c, (1, 1, 0): a + b})
    two = {name: energy for name, (energy, _) in WATER.states(2).items()}
    assert two[2, 1, 2] == pytest.approx(a + b + 4 * c)
    assert two[2, 1, 1] == pytest.approx(a + 4 * b + c)
    assert two[2, 2, 1] == pytest.approx(4 * a + b + c)
    root = 2 * np.sqrt((b - c) ** 2 + (a - c) * (a - b))
    assert two[2, 0, 2] == pytest.approx(2 * (a + b + c) - root)
    assert two[2, 2, 0] == pytest.approx(2 * (a + b + c) + root)


@pytest.mark.parametrize("j", [0, 1, 4, 9])
def test_strengths_from_a_level_add_up_to_its_weight(j: int) -> None:
    upper_rotor = Rotor(25.08, 14.17, 8.98)
    for _, lower in WATER.states(j).values():
        total = sum(
            strength_along_a(upper, lower)
            for higher in range(max(j - 1, 0), j + 2)
            for _, upper in upper_rotor.states(higher).values()
        )
        assert total == pytest.approx(2 * j + 1, rel=1e-12)


@pytest.mark.parametrize(("j", "k"), [(3, 1), (5, 4)])
def test_a_symmetric_top_has_the_factors_of_hoenl_and_london(j: int, k: int) -> None:
    """Parallel bands: (J+1)^2 - K^2 over J + 1, K^2 (2 J + 1) over J (J + 1), and J^2 - K^2 over J."""
    top = Rotor(30.0, 10.0, 10.0 - 1e-9)

    def strength(difference: int) -> float:
        return sum(
            strength_along_a(upper, lower)
            for name, (_, upper) in top.states(j + difference).items()
            for below, (_, lower) in top.states(j).items()
            if name[1] == below[1] == k
        )

    assert strength(1) == pytest.approx(2 * ((j + 1) ** 2 - k**2) / (j + 1))
    assert strength(0) == pytest.approx(2 * k**2 * (2 * j + 1) / (j * (j + 1)))
    assert strength(-1) == pytest.approx(2 * (j**2 - k**2) / j)


@pytest.mark.parametrize("band", BANDS, ids=lambda band: band.name)
def test_band_origins_are_those_of_the_evaluation_of_iupac(band: WaterBand) -> None:
    assert levels(band.levels)[0, 0, 0] == pytest.approx(ORIGINS[band.name], abs=3e-3)


def test_constants_of_the_ground_state_are_those_of_microwaves() -> None:
    """De Lucia, Helminger & Kirchhoff 1974, JPCRD 3, 211, whose centrifugal distortion is apart."""
    found = rotor(levels(GROUND))
    ghz = 29.979_245_8
    assert found.a * ghz == pytest.approx(835.84, rel=2e-3)
    assert found.b * ghz == pytest.approx(435.35, rel=2e-3)
    assert found.c * ghz == pytest.approx(278.14, rel=2e-3)


@pytest.mark.parametrize("band", BANDS, ids=lambda band: band.name)
def test_bands_are_those_of_hitran(shared_data: Path, band: WaterBand) -> None:
    origin = ORIGINS[band.name]
    here = (origin - 300.0, origin + 300.0)
    theirs = read_line_files([shared_data / "hitran" / FILES[band.name]], wavenumber_range=here).lines
    mine = water_lines()
    mine = mine.take((mine.wavenumber > here[0]) & (mine.wavenumber < here[1]))
    energy = np.abs(mine.lower_energy[:, None] - theirs.lower_energy)
    apart = np.abs(mine.wavenumber[:, None] - theirs.wavenumber) + energy
    bright = np.log10(theirs.intensity / theirs.intensity.max())
    theirs = theirs.take((apart - 1e-3 * bright).argmin(axis=1))  # lines of other bands coincide
    assert len(mine) > 150
    apart = np.abs(mine.wavenumber - theirs.wavenumber)
    assert np.quantile(apart, 0.95) < 1e-3  # [cm^-1]
    assert apart.max() < 0.03
    weight = theirs.intensity / theirs.intensity.sum()
    assert mine.intensity.sum() == pytest.approx(theirs.intensity.sum(), rel=0.02)
    assert 1.48 * np.median(np.abs(mine.intensity / theirs.intensity - 1)) < 0.12
    assert np.sqrt(np.sum((mine.intensity - theirs.intensity) ** 2) / np.sum(theirs.intensity**2)) < 0.15
    assert weight @ (mine.air_width / theirs.air_width) == pytest.approx(1.0, abs=0.05)


def test_without_a_list_water_is_known_and_the_rest_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path))
    found = find_lines(None, wavelength_range=(9300.0, 9400.0))
    assert set(found.lines.molecule) == {1}
    assert "hitran.org" in found.notes[0] and str(tmp_path / "line-lists") in found.notes[0]
    with pytest.raises(InputError, match="H2O 8066 to 8402, 9198 to 9671, 11031 to 11659") as caught:
        find_lines(None, wavelength_range=(21_000.0, 21_100.0))
    assert "hitran.org" in str(caught.value) and str(tmp_path / "line-lists") in str(caught.value)
