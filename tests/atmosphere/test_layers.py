"""Profiles, the standard atmosphere, humidity and layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.humidity import saturation_pressure
from blase.atmosphere.layers import Air, Layering
from blase.atmosphere.profile import Profile
from blase.atmosphere.profile_files import read_profile
from blase.atmosphere.sites import site_altitude
from blase.atmosphere.standard import standard_air, standard_profile
from blase.errors import InputError


def test_standard_air_is_that_of_the_published_tables() -> None:
    """U.S. Standard Atmosphere 1976, table I, geometric altitude."""
    temperature, pressure = standard_air(np.array([0.0, 2.0, 5.0, 11.0, 20.0, 30.0, 50.0, 70.0]))
    published = [288.150, 275.154, 255.676, 216.774, 216.650, 226.509, 270.650, 219.585]
    np.testing.assert_allclose(temperature, published, atol=2e-3)
    hectopascal = [1013.25, 795.01, 540.48, 226.99, 55.293, 11.970, 0.79779, 0.052209]
    np.testing.assert_allclose(pressure, hectopascal, rtol=1e-4)


def test_saturation_pressure_of_water() -> None:
    """Wagner & Pruss 2002 (IAPWS), to the 0.1 % that Murphy & Koop state."""
    found = saturation_pressure(torch.tensor([273.16, 283.15, 293.15, 303.15], dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), [6.11657, 12.282, 23.393, 42.470], rtol=1e-3)


def test_the_standard_atmosphere_holds_what_is_known_of_it() -> None:
    """14.2 mm of water, 343 Dobson units of ozone, 8.00 km atm of air at 273.15 K."""
    layering = Layering(standard_profile(), altitude=0.0)
    air = layering.air(Conditions(altitude=0.0))
    gases = layering.gases(air)
    assert float(air.water) == pytest.approx(14.2, abs=0.1)
    assert float(gases["O3"].column.sum()) / 2.6868e16 == pytest.approx(343, rel=0.02)
    assert float(layering.air_column(air)) / 2.6868e19 / 1e5 == pytest.approx(8.00, rel=4e-3)


def test_pressure_is_hydrostatic() -> None:
    """What presses on the telescope is the weight above it: an integral over the profile."""
    layering = Layering(standard_profile(), altitude=2500.0)
    air = layering.air(Conditions(altitude=2500.0, water=0.0))
    pressure = standard_air(np.array([2.5]))[1][0]
    assert float(air.pressure) == pytest.approx(pressure, rel=3e-4)

    def density(z: float) -> float:
        t, p = standard_air(np.array([z]))
        return float(100 * p[0] / (1.380649e-23 * t[0]))

    column = quad(density, 2.5, 80.0, limit=200)[0] * 1e3 * 1e-4
    assert float(layering.air_column(air)) == pytest.approx(column, rel=1e-3)


@pytest.mark.parametrize("n_layers", [10, 40])
def test_means_of_a_gas_are_those_of_its_molecules(n_layers: int) -> None:
    """Columns do not depend on the number of layers, nor does the mean temperature of the water."""
    conditions = Conditions(altitude=2026.0, temperature=280.0, water=5.0, airmass=1.5)
    fine = Layering(standard_profile(), altitude=2026.0, n_layers=200)
    coarse = Layering(standard_profile(), altitude=2026.0, n_layers=n_layers)
    mine, theirs = (x.gases(x.air(conditions))["H2O"] for x in (coarse, fine))
    assert float(mine.column.sum()) == pytest.approx(float(theirs.column.sum()), rel=1e-5)
    for name in ("temperature", "pressure", "partial_pressure"):
        means = [float((x.column * getattr(x, name)).sum() / x.column.sum()) for x in (mine, theirs)]
        assert means[0] == pytest.approx(means[1], rel=1e-3)


def test_weather_is_met() -> None:
    layering = Layering(standard_profile(), altitude=2635.0)
    air = layering.air(Conditions(altitude=2635.0, temperature=285.0, pressure=743.0, humidity=12.0))
    assert (float(air.temperature), float(air.pressure)) == (285.0, 743.0)
    assert float(layering.relative_humidity(air)) == pytest.approx(12.0, rel=1e-3)
    wet = layering.air(Conditions(altitude=2635.0, temperature=285.0, pressure=743.0, water=3.0))
    slant = layering.gases(Air(**{**wet.__dict__, "airmass": wet.airmass * 2}))["H2O"]
    zenith = layering.gases(wet)["H2O"]
    assert float(zenith.column.sum()) == pytest.approx(3 * 3.3428e21, rel=1e-4)
    ratio = float(slant.column.sum() / zenith.column.sum())
    assert ratio == pytest.approx(2, rel=2e-3)
    assert ratio < 2


def test_gases_scale_and_slopes_are_right() -> None:
    layering = Layering(standard_profile(), altitude=0.0, n_layers=5)
    state = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (290, 1000, 9, 1.4, 3, 1.1)]

    def columns(*x: torch.Tensor) -> torch.Tensor:
        gases = layering.gases(Air(*x[:5], {"O2": x[5]}))
        parts = [(g.column.log(), g.temperature, g.pressure, g.partial_pressure) for g in gases.values()]
        return torch.cat([value for part in parts for value in part])

    assert torch.autograd.gradcheck(columns, state)
    both = [layering.gases(Air(*state[:5], {"O2": state[5] * k}))["O2"].column for k in (1, 2)]
    torch.testing.assert_close(both[1], 2 * both[0])


def test_merged_layers_keep_the_column() -> None:
    layering = Layering(standard_profile(), altitude=0.0)
    gas = layering.gases(layering.air(Conditions(altitude=0.0)))["O2"]
    thick = gas.merged(7)
    assert thick.column.numel() == 6
    torch.testing.assert_close(thick.column.sum(), gas.column.sum())
    torch.testing.assert_close((thick.column * thick.pressure).sum(), (gas.column * gas.pressure).sum())


@pytest.mark.parametrize("name", ["tropical.atm", "equ.fits", "std.fits", "table_1f.csv"])
def test_real_profiles_are_read(shared_data: Path, name: str) -> None:
    profile = read_profile(shared_data / "atmosphere_profiles" / name)
    assert 1000 < profile.pressure[0] < 1020
    assert 280 < profile.temperature[0] < 310
    assert 5e-3 < profile.mixing_ratio["H2O"][0] < 0.03
    assert profile.mixing_ratio["CO2"][0] == pytest.approx(370e-6, rel=0.15)
    assert profile.altitude[-1] >= 99


def test_hydrostatic_pressure_agrees_with_a_measured_profile(shared_data: Path) -> None:
    """The tropical MIPAS profile states pressures at every level; they are not used above the telescope."""
    profile = read_profile(shared_data / "atmosphere_profiles/tropical.atm")
    layering = Layering(profile, altitude=0.0, n_layers=120)
    gas = layering.gases(layering.air(Conditions(altitude=0.0)))["CO2"]
    for altitude in (5.0, 16.0, 30.0):
        level = np.argmin(np.abs(profile.altitude - altitude))
        above = float(gas.column[gas.pressure * 1013.25 < profile.pressure[level]].sum() / gas.column.sum())
        assert above == pytest.approx(profile.pressure[level] / profile.pressure[0], rel=0.06)


def test_a_profile_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "mine.atm"
    path.write_text(
        "! three levels\n 3\n*HGT [km]\n0, 10, 40\n*PRE [mb]\n1000, 260, 3\n*TEM [K]\n290 220 250\n"
        "*H2O [ppmv]\n 9000 40 5\n*CO2 [ppmv]\n 410 410 410 ! dry\n*END\n"
    )
    profile = read_profile(path)
    assert profile.temperature.tolist() == [290, 220, 250]
    np.testing.assert_allclose(profile.mixing_ratio["H2O"], [9e-3, 4e-5, 5e-6])
    np.testing.assert_allclose(profile.mixing_ratio["O2"], 0.20946)
    path.write_text("a b\n1 2\n")
    with pytest.raises(InputError, match="not an atmospheric profile"):
        read_profile(path)


def test_impossible_conditions_are_refused() -> None:
    with pytest.raises(InputError, match="temperature is not possible"):
        Conditions(altitude=0.0, temperature=15.0)
    with pytest.raises(InputError, match="--pwv, not both"):
        Conditions(altitude=0.0, humidity=10.0, water=2.0)
    with pytest.raises(InputError, match="ends too low"):
        low = Profile("low", np.array([0.0, 15.0]), np.array([1e3, 1e2]), np.array([280.0, 220.0]), {})
        Layering(low, altitude=0.0)


def test_sites() -> None:
    assert site_altitude("Paranal Observatory") == site_altitude("paranal") == 2635
    assert site_altitude("McDonald") == 2070
