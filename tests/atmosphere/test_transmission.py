"""Layered transmission against a slow sum with scipy, and its gradient against finite differences."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import voigt_profile

from blase.atmosphere import line_physics
from blase.atmosphere.conditions import Conditions
from blase.atmosphere.continuum import WaterContinuum, read_continuum
from blase.atmosphere.hitran import HitranLines, read_hitran
from blase.atmosphere.layers import Air, GasLayers, Layering
from blase.atmosphere.line_physics import line_tensors
from blase.atmosphere.pedestal import pedestal
from blase.atmosphere.standard import standard_profile
from blase.atmosphere.transmission import LayeredTransmission
from blase.errors import InputError
from blase.functional.grid import log_grid

FLOAT = torch.float64


def made_up_lines(n: int = 60, seed: int = 3) -> HitranLines:
    """Water and oxygen between 10500 and 10640 cm^-1, faint to saturated."""
    rng = np.random.default_rng(seed)
    water = rng.uniform(size=n) < 0.7
    return HitranLines(
        molecule=np.where(water, 1, 7),
        isotopologue=np.ones(n, dtype=np.int64),
        wavenumber=np.sort(rng.uniform(10500, 10640, n)),
        intensity=10 ** rng.uniform(-26, -21, n) * np.where(water, 1.0, 1e-3),
        air_width=rng.uniform(0.03, 0.1, n),
        self_width=rng.uniform(0.1, 0.5, n),
        lower_energy=rng.uniform(0, 1500, n),
        width_exponent=rng.uniform(0.4, 0.8, n),
        pressure_shift=rng.uniform(-0.02, 0.005, n),
    )


@pytest.fixture(scope="module")
def layering() -> Layering:
    return Layering(standard_profile(), altitude=2026.0, n_layers=12)


def slow_depth(
    wavelength: np.ndarray, lines: HitranLines, gas: GasLayers, *, cut: float | None = None
) -> np.ndarray:
    """Line by line and layer by layer, with scipy's profile at every sample."""
    nu, total, set_of_lines = 1e8 / wavelength, np.zeros(len(wavelength)), line_tensors(lines)
    strength = (line_physics.intensity(set_of_lines, gas.temperature) * gas.column).numpy()
    centre = line_physics.shifted_wavenumber(set_of_lines, gas.pressure).numpy()
    sigma = line_physics.doppler_sigma(set_of_lines, gas.temperature).numpy()
    gamma = line_physics.lorentz_width(
        set_of_lines,
        temperature=gas.temperature,
        pressure=gas.pressure,
        partial_pressure=gas.partial_pressure,
    ).numpy()
    for j, k in np.ndindex(strength.shape):
        x = nu - centre[j, k]
        profile = voigt_profile(x, sigma[j, k], gamma[j, k])
        if cut is not None:
            profile = np.where(np.abs(x) < cut, profile - voigt_profile(cut, sigma[j, k], gamma[j, k]), 0.0)
        total += strength[j, k] * profile
    return total


def test_depth_is_the_slow_sum(layering: Layering) -> None:
    lines = made_up_lines()
    wavelength = log_grid(9430.0, 9480.0, step=0.5)
    air = layering.air(Conditions(altitude=2026.0, temperature=283.0, water=8.0, airmass=1.7))
    model = LayeredTransmission(wavelength, lines=lines, layering=layering, air=air)
    found, gases = model.optical_depth(air), layering.gases(air)
    assert set(found) == {"H2O", "O2"}
    for name, number in (("H2O", 1), ("O2", 7)):
        expected = slow_depth(wavelength.numpy(), lines.take(lines.molecule == number), gases[name])
        error = np.exp(-found[name].numpy()) - np.exp(-expected)
        assert expected.max() > 0.1
        assert np.abs(error).max() < 5e-5
    torch.testing.assert_close(
        model.transmission(air), torch.exp(-(found["H2O"] + found["O2"])), rtol=1e-12, atol=0
    )


def flat_continuum(self_warm: float = 0.0, foreign: float = 0.0) -> WaterContinuum:
    nodes = torch.arange(2000.0, 12000.0, 10.0, dtype=FLOAT)
    full = torch.full_like(nodes, 1e-30 + self_warm)
    return WaterContinuum("flat", nodes, full, 2 * full, torch.full_like(nodes, foreign))


def test_water_is_cut_where_a_continuum_takes_over(layering: Layering) -> None:
    """25 cm^-1 from the centre and less the pedestal, but for water alone."""
    lines = made_up_lines()
    wavelength = log_grid(9425.0, 9500.0, step=0.5)
    air = layering.air(Conditions(altitude=2026.0, water=15.0, airmass=2.0))
    model = LayeredTransmission(
        wavelength, lines=lines, layering=layering, air=air, continuum=flat_continuum()
    )
    found, gases = model.optical_depth(air), layering.gases(air)
    whole = LayeredTransmission(wavelength, lines=lines, layering=layering, air=air).optical_depth(air)
    expected = slow_depth(wavelength.numpy(), lines.take(lines.molecule == 1), gases["H2O"], cut=25.0)
    np.testing.assert_allclose(np.exp(-found["H2O"].numpy()), np.exp(-expected), atol=5e-5)
    assert float((whole["H2O"] - found["H2O"]).max()) > 1e-3
    torch.testing.assert_close(found["O2"], whole["O2"], rtol=1e-9, atol=1e-12)


def test_pedestal_is_the_plain_sum() -> None:
    rng = np.random.default_rng(1)
    centre, weight = rng.uniform(9990, 10110, 40), rng.uniform(0, 1, 40)
    nu = np.sort(rng.uniform(10000, 10100, 300))
    expected = (weight / np.maximum((nu[:, None] - centre) ** 2, 625.0)).sum(axis=1)
    found = pedestal(torch.from_numpy(nu), centre=torch.from_numpy(centre), weight=torch.from_numpy(weight))
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-4)
    variables = [torch.from_numpy(x).requires_grad_() for x in (centre[:5], weight[:5])]
    assert torch.autograd.gradcheck(
        lambda c, w: pedestal(torch.from_numpy(nu[:20]), centre=c, weight=w), variables, eps=1e-4, atol=1e-7
    )


def test_continuum_is_its_formula() -> None:
    """One layer by hand: 1e22 molecules of water, 280 K, 0.7 atm of which 0.01 of water, at 10000 cm^-1."""
    one = [torch.tensor([x], dtype=FLOAT) for x in (1e22, 280.0, 0.7, 0.01)]
    table = flat_continuum(self_warm=3e-9, foreign=2e-12)
    found = table.optical_depth(torch.tensor([9999.0, 10000.0], dtype=FLOAT), GasLayers(*one))
    own = 3e-9 * 2 ** ((280 - 296) / (260 - 296))
    radiation = 10000 * np.tanh(0.5 * 1.4387769 * 10000 / 280)
    by_hand = 1e22 * radiation * 1e-20 * (own * 0.01 + 2e-12 * 0.69) * 296 / 280
    assert float(found[1]) == pytest.approx(by_hand, rel=1e-9)


def test_continuum_interpolates_and_has_limits(tmp_path: Path) -> None:
    nodes = np.arange(2000.0, 9000.0, 10.0)
    smooth = 1e-9 * (2 + np.sin(nodes / 500))
    path = tmp_path / "continuum.npz"
    np.savez(path, wavenumber_cm=nodes, self_296=smooth, self_260=smooth, foreign_296=0 * smooth)
    one = GasLayers(*(torch.tensor([x], dtype=FLOAT) for x in (1e24, 296.0, 0.5, 0.5)))
    nu = torch.tensor([5003.0, 5005.0, 5017.3], dtype=FLOAT)
    found = read_continuum(path).optical_depth(nu, one).numpy()
    expected = 0.5e24 * 1e-29 * nu.numpy() * (2 + np.sin(nu.numpy() / 500))
    np.testing.assert_allclose(found, expected * np.tanh(0.5 * 1.4387769 * nu.numpy() / 296), rtol=1e-6)
    with pytest.raises(InputError, match="does not cover"):
        read_continuum(path).optical_depth(nu + 5000, one)
    path.write_text("1 2 3\n")
    with pytest.raises(InputError, match="not a table of the water continuum"):
        read_continuum(path)


def test_the_published_continuum_is_read(shared_data: Path) -> None:
    table = read_continuum(shared_data / "atmosphere_profiles/lblrtm_v12_11_h2o_continuum.npz")
    near = int(torch.argmin((table.wavenumber - 10000).abs()))
    assert 0 < float(table.foreign[near]) < float(table.self_warm[near])


@pytest.mark.parametrize("with_continuum", [False, True])
def test_gradient_is_that_of_finite_differences(layering: Layering, with_continuum: bool) -> None:
    """By temperature and pressure at the telescope, water, airmass, offset, a gas and the wind."""
    wavelength = log_grid(9440.0, 9460.0, step=1.0)
    air = layering.air(Conditions(altitude=2026.0, water=5.0, airmass=1.3))
    model = LayeredTransmission(
        wavelength,
        lines=made_up_lines(),
        layering=layering,
        air=air,
        continuum=flat_continuum(1e-9, 1e-12) if with_continuum else None,
    )
    bar = torch.from_numpy(np.random.default_rng(2).normal(size=len(wavelength)))

    def value(x: torch.Tensor) -> torch.Tensor:
        state = Air(*x[:5], {"O2": x[5]})
        return (bar * model.transmission(state, wind_velocity=x[6])).sum()

    start = torch.tensor(
        [float(air.temperature), float(air.pressure), 5.0, 1.3, 1.0, 1.1, 0.3],
        dtype=FLOAT,
        requires_grad=True,
    )
    (gradient,) = torch.autograd.grad(value(start), start)
    _, forward = torch.func.jvp(value, (start.detach(),), (torch.ones_like(start),))
    assert float(forward) == pytest.approx(float(gradient.sum()), rel=1e-9)
    for k, step in enumerate((0.1, 0.1, 1e-3, 1e-4, 0.1, 1e-2, 1e-3)):
        shift = torch.zeros_like(start)
        shift[k] = step
        with torch.no_grad():
            difference = (value(start + shift) - value(start - shift)) / (2 * step)
        assert float(gradient[k]) == pytest.approx(float(difference), rel=5e-4, abs=5e-5)


def test_wind_is_a_doppler_shift(layering: Layering) -> None:
    """Air that recedes shows its lines at longer wavelengths."""
    lines = made_up_lines().take(np.array([20]))
    nu = float(lines.wavenumber[0])
    wavelength = log_grid(1e8 / (nu + 2), 1e8 / (nu - 2), step=0.1)
    air = layering.air(Conditions(altitude=2026.0, water=5.0))
    model = LayeredTransmission(wavelength, lines=lines, layering=layering, air=air)

    def centroid(wind: float) -> float:
        (depth,) = model.optical_depth(air, wind_velocity=wind).values()
        return float((depth * wavelength).sum() / depth.sum())

    shift = (centroid(1.0) / centroid(0.0) - 1) * 299_792.458
    assert shift == pytest.approx(1.0, abs=0.05)


def test_lines_left_out_do_not_matter(shared_data: Path, layering: Layering) -> None:
    """Real water in a dense band: all lines in all layers, against those selected, within 5e-5."""
    path = shared_data / "hitran/antaress/H2O/NIRPS/HITRAN2020/H2_16O__9000_18000.txt"
    lines = read_hitran(path)
    lines = lines.take((lines.wavenumber > 10600) & (lines.wavenumber < 10700))
    wavelength = log_grid(1e8 / 10652, 1e8 / 10650, step=0.5)
    air = layering.air(Conditions(altitude=2026.0, water=8.0, airmass=1.2))
    model = LayeredTransmission(wavelength, lines=lines, layering=layering, air=air)
    assert model.n_lines["H2O"] < len(lines)
    expected = np.exp(-slow_depth(wavelength.numpy(), lines, layering.gases(air)["H2O"]))
    np.testing.assert_allclose(model.transmission(air).numpy(), expected, atol=5e-5)


def test_no_line_no_absorption(layering: Layering, oracle: SimpleNamespace) -> None:
    wavelength = log_grid(5000.0, 5001.0, step=1.0)
    air = layering.air(Conditions(altitude=2026.0))
    lines = made_up_lines().take(np.zeros(0, dtype=np.int64))
    model = LayeredTransmission(wavelength, lines=lines, layering=layering, air=air)
    assert model.molecules == ()
    assert torch.equal(model.transmission(air), torch.ones_like(wavelength))
