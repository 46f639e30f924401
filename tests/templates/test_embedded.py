"""The embedded star and atmosphere: what they depend on, what they look like, how exactly."""

import time

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.special import voigt_profile

from blase.constants import RADIATION_CONSTANT_2, SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.templates.embedded import embedded_lines, embedded_template
from blase.templates.embedded_bands import Band
from blase.templates.line_rendering import render_optical_depth

KINDS = ["star", "telluric"]
COLUMNS = ["centre", "strength", "sigma", "gamma", "species", "lower_energy"]


def assert_same_lines(first: LineList, second: LineList) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("low, high", [(8633.7, 8641.2), (8599.9, 8610.0), (8650.0, 8700.0)])
def test_lines_do_not_depend_on_the_range(kind: str, low: float, high: float) -> None:
    wide = embedded_lines(kind, seed=4, wavelength_range=(8500.0, 8800.0))
    inside = (wide.centre >= low) & (wide.centre < high)
    assert inside.sum() > 1
    assert_same_lines(embedded_lines(kind, seed=4, wavelength_range=(low, high)), wide.take(inside))


@pytest.mark.parametrize("kind", KINDS)
def test_spectrum_does_not_depend_on_the_range(kind: str) -> None:
    wide = embedded_template(kind, wavelength_range=(8590.0, 8710.0))
    narrow = embedded_template(kind, wavelength_range=(8640.0, 8660.0))
    inside = slice(*np.searchsorted(narrow.wavelength, [8641.0, 8659.0]))
    interpolated = CubicSpline(wide.wavelength, wide.normalised)(narrow.wavelength[inside])
    np.testing.assert_allclose(interpolated, narrow.normalised[inside], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_give_other_lines_and_the_same_seed_the_same(kind: str) -> None:
    args = {"wavelength_range": (8600.0, 8650.0)}
    assert_same_lines(embedded_lines(kind, seed=1, **args), embedded_lines(kind, seed=1, **args))
    first, second = embedded_lines(kind, seed=1, **args), embedded_lines(kind, seed=2, **args)
    assert np.intersect1d(first.centre, second.centre).size <= 2  # the lines with real wavelengths


@pytest.mark.parametrize("seed", range(4))
def test_star_has_the_statistics_of_a_late_k_dwarf(seed: int) -> None:
    lines = embedded_lines("star", seed=seed, wavelength_range=(8600.0, 8700.0))
    depth = 1 - embedded_template("star", seed=seed).normalised.mean()
    assert 350 < len(lines) < 600
    assert 0.03 < depth < 0.10
    assert np.ptp(np.log10(lines.strength)) > 3.9
    assert np.median(lines.strength) < 0.005  # most are weak
    assert lines.species is not None
    atomic = lines.take(~np.isin(lines.species, ["H I", "Ca II"]))
    assert atomic.gamma.min() >= 0.05 and atomic.gamma.max() <= 0.6


def test_star_widths_are_thermal_and_microturbulent() -> None:
    lines = embedded_lines("star", wavelength_range=(8600.0, 8700.0))
    iron = lines.sigma[lines.species == "Fe I"]
    boltzmann, mass = 1.380649e-23, 55.845 * 1.66053906660e-27
    expected = np.sqrt(boltzmann * 4500 / mass + 1000.0**2 / 2) / 1000
    np.testing.assert_allclose(iron, expected, rtol=1e-5)


def test_boltzmann_factor_orders_strengths() -> None:
    lines = embedded_lines("star", wavelength_range=(8000.0, 9500.0))
    assert lines.lower_energy is not None
    iron = lines.take((lines.species == "Fe I") & (lines.lower_energy > 1.5))
    assert iron.lower_energy is not None
    slope = np.corrcoef(iron.lower_energy, np.log10(iron.strength))[0, 1]
    assert slope < -0.3


def test_hydrogen_and_calcium_lie_at_their_real_places() -> None:
    lines = embedded_lines("star", wavelength_range=(8400.0, 8900.0))
    np.testing.assert_allclose(lines.centre[lines.species == "Ca II"], [8500.36, 8544.44, 8664.52])
    hydrogen = lines.centre[lines.species == "H I"]
    for vacuum in (8600.75, 8667.40, 8752.88):  # Paschen 14, 13, 12, without fine structure
        assert np.abs(hydrogen - vacuum).min() < 0.1


def test_cyanogen_has_a_head_and_degrades_to_the_red() -> None:
    band = Band(12_000.0, 1.89, 1.69)
    wavelength, strength, energy = band.lines(4500.0)
    n_levels = wavelength.size // 3
    r_branch, p_branch = wavelength[:n_levels], wavelength[-n_levels:]
    head = r_branch.min()
    assert head < 1e8 / 12_000.0 and wavelength.min() == head
    assert 0 < np.argmin(r_branch) < n_levels - 1  # it turns round
    np.testing.assert_allclose(np.diff(1e8 / p_branch, 2), 2 * (1.69 - 1.89), atol=1e-6)
    assert strength.max() == 1.0 and energy.min() > 0


def test_water_is_strong_in_its_bands_and_present_between() -> None:
    inside = embedded_template("telluric", wavelength_range=(8200.0, 8300.0))
    between = embedded_template("telluric", wavelength_range=(8600.0, 8700.0))
    assert 0.01 < inside.normalised.min() < 0.2
    assert between.normalised.min() < 0.95 < between.normalised.mean()
    assert 20 <= len(embedded_lines("telluric", wavelength_range=(8600.0, 8700.0))) <= 80


def test_oxygen_a_band_begins_at_its_head() -> None:
    lines = embedded_lines("telluric", wavelength_range=(7550.0, 7750.0))
    oxygen = lines.take((lines.species == "O2") & (lines.strength > 0.05))
    assert abs(oxygen.centre.min() - 7596.0) < 3.0
    assert oxygen.centre.max() > 7660.0


@pytest.mark.parametrize("kind", KINDS)
def test_rendering_leaves_out_less_than_one_part_in_a_million(kind: str) -> None:
    template = embedded_template(kind)
    lines = embedded_lines(kind, wavelength_range=(6000.0, 12_000.0))
    at = np.arange(0, len(template), 397)
    wavelength = template.wavelength[at]
    sigma, gamma = (lines.centre * width / SPEED_OF_LIGHT for width in (lines.sigma, lines.gamma))
    tau = (lines.strength * voigt_profile(wavelength[:, None] - lines.centre, sigma, gamma)).sum(axis=1)
    assert np.abs(template.normalised[at] - np.exp(-tau)).max() < 1e-6


def test_one_line_is_its_voigt_profile() -> None:
    line = LineList(np.array([8650.0]), np.array([0.02]), np.array([1.1]), np.array([0.3]))
    wavelength = np.linspace(8649.0, 8651.0, 101)
    per_velocity = 8650.0 / SPEED_OF_LIGHT
    expected = 0.02 * voigt_profile(wavelength - 8650.0, 1.1 * per_velocity, 0.3 * per_velocity)
    np.testing.assert_allclose(render_optical_depth(wavelength, line), expected, rtol=1e-13)


def test_template_states_what_it_is() -> None:
    template = embedded_template("star", seed=3)
    assert template.effective_temperature == 4500.0 and template.resolving_power is None
    assert "synthetic" in template.notes[0] and "seed 3" in template.notes[0]
    steps = np.diff(np.log(template.wavelength))
    np.testing.assert_allclose(steps, 1 / 500_000, rtol=1e-8)
    assert template.wavelength[0] == 8600.0 and abs(template.wavelength[-1] - 8700.0) < 0.02
    ratio = template.continuum[-1] / template.continuum[0]
    x, y = (RADIATION_CONSTANT_2 / (4500.0 * template.wavelength[i]) for i in (0, -1))
    expected = (template.wavelength[0] / template.wavelength[-1]) ** 5 * np.expm1(x) / np.expm1(y)
    assert ratio == pytest.approx(expected, rel=1e-12)


def test_planck_flux_integrates_to_stefan_boltzmann() -> None:
    template = embedded_template("star", wavelength_range=(8600.0, 8601.0))
    si = 3.741771852e-16 / 8600e-10**5 / np.expm1(1.438776877e-2 / (8600e-10 * 4500))  # W m^-3
    assert template.continuum[0] == pytest.approx(10 * si, rel=1e-8)  # erg s^-1 cm^-3


def test_hundred_angstrom_take_less_than_two_seconds() -> None:
    start = time.process_time()
    embedded_template("star", seed=8)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    "kind, seed, wavelength_range, message",
    [
        ("galaxy", 0, (8600.0, 8700.0), "no such embedded template"),
        ("star", -1, (8600.0, 8700.0), "seed is negative"),
        ("star", 0, (8700.0, 8600.0), "does not cover"),
        ("telluric", 0, (860.0, 870.0), "does not cover"),
        ("telluric", 0, (float("nan"), 8700.0), "does not cover"),
    ],
)
def test_bad_input(kind: str, seed: int, wavelength_range: tuple[float, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        embedded_lines(kind, seed=seed, wavelength_range=wavelength_range)
    with pytest.raises(InputError, match=message):
        embedded_template(kind, seed=seed, wavelength_range=wavelength_range)
