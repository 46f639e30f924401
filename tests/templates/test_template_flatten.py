"""Continuum of templates against known ones: a synthetic star, a synthesised spectrum with its own `norm`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.special import voigt_profile

from blase.errors import InputError
from blase.functional.planck import planck_per_wavelength
from blase.templates.flatten import _pseudo, chosen_method, flatten, padded_slice
from blase.templates.read import read_template
from blase.templates.template import Template

BROAD = 8542.0  # Angstrom


def lines_of(wavelength: np.ndarray, *, with_broad: bool = True) -> np.ndarray:
    """exp(-tau) of 400 narrow Voigt lines and one whose damping wings reach 20 Angstrom."""
    rng = np.random.default_rng(4)
    tau = np.zeros_like(wavelength)
    for centre, strength in zip(rng.uniform(8010, 8990, 400), rng.exponential(0.08, 400), strict=True):
        near = slice(*np.searchsorted(wavelength, [centre - 8, centre + 8]))
        tau[near] += strength * voigt_profile(wavelength[near] - centre, 0.05, 0.02)
    if with_broad:
        tau += 6.0 * voigt_profile(wavelength - BROAD, 0.1, 1.0)
    return np.exp(-tau)


def slow_continuum(wavelength: np.ndarray, temperature: float) -> np.ndarray:
    """Black body times a departure of 10 % over 1000 Angstrom."""
    x = (wavelength - 8500) / 500
    return planck_per_wavelength(wavelength, temperature) * (1 + 0.03 * x - 0.02 * x**2)


@pytest.fixture(scope="module")
def grid() -> np.ndarray:
    return np.arange(8000.0, 9000.0, 0.02)


def equivalent_width(wavelength: np.ndarray, normalised: np.ndarray, centre: float, half: float) -> float:
    near = np.abs(wavelength - centre) < half
    return float(np.trapezoid(1 - normalised[near], wavelength[near]))


@pytest.mark.parametrize("temperature", [4750.0, None])
def test_synthetic_continuum_and_broad_line_are_recovered(
    grid: np.ndarray, temperature: float | None
) -> None:
    true = lines_of(grid)
    normalised, continuum, notes = flatten(grid, slow_continuum(grid, 4750.0) * true, temperature)
    assert np.abs(normalised / true - 1).max() < 0.002
    width, expected = (equivalent_width(grid, y, BROAD, 20) for y in (normalised, true))
    assert width == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(normalised * continuum, slow_continuum(grid, 4750.0) * true, rtol=1e-12)
    assert ("fitted" in notes[0]) == (temperature is None)


def test_small_scale_eats_the_broad_line(grid: np.ndarray) -> None:
    flux = slow_continuum(grid, 4750.0) * lines_of(grid)
    widths = [
        equivalent_width(grid, flatten(grid, flux, 4750.0, scale=s)[0], BROAD, 20) for s in (300.0, 20_000.0)
    ]
    assert widths[0] < 0.9 * widths[1]


def test_each_segment_has_its_own_envelope(grid: np.ndarray) -> None:
    true = lines_of(grid, with_broad=False)
    flux = slow_continuum(grid, 4000.0) * true
    flux[grid > 8700] *= 3.0  # a jump that one smooth curve cannot follow
    keep = (grid < 8500) | (grid > 8700)
    normalised, _, notes = flatten(grid[keep], flux[keep], 4000.0)
    assert np.abs(normalised / true[keep] - 1).max() < 0.006
    assert "2 segment" in notes[1]


def test_fitted_temperature_is_that_of_a_wide_black_body() -> None:
    wavelength = np.geomspace(4000, 20000, 20_000)
    notes = flatten(wavelength, planck_per_wavelength(wavelength, 5200.0))[2]
    fitted = float(re.search(r"([\d.]+) K", notes[0]).group(1))  # type: ignore[union-attr]
    assert fitted == pytest.approx(5200.0, abs=5.0)


def test_values_above_one_are_kept(grid: np.ndarray) -> None:
    flux = slow_continuum(grid, 4750.0)
    flux[20_000:20_005] *= 1.5  # an emission line
    assert flatten(grid, flux, 4750.0)[0].max() == pytest.approx(1.5, rel=0.01)


@pytest.mark.parametrize("n", [2, 3, 7, 200])
def test_short_pieces(n: int) -> None:
    normalised, continuum, _ = flatten(np.linspace(8000, 8000.1, n), np.full(n, 5.0), 4000.0)
    np.testing.assert_allclose(normalised, 1.0, atol=1e-3)
    np.testing.assert_allclose(continuum, 5.0, rtol=1e-3)


def test_dark_flux_and_bad_scale_are_refused() -> None:
    wavelength = np.linspace(8000, 8100, 500)
    with pytest.raises(InputError, match="nowhere positive"):
        flatten(wavelength, np.zeros(500), 4000.0)
    with pytest.raises(InputError, match="scale"):
        flatten(wavelength, np.ones(500), 4000.0, scale=0.0)


@pytest.mark.parametrize("option", [{"span": 0.0}, {"method": "lowest"}])
def test_a_bad_span_or_method_is_refused(option: dict) -> None:
    with pytest.raises(InputError, match="span|kind of continuum"):
        flatten(np.linspace(8000, 8100, 500), np.ones(500), 3000.0, **option)


@pytest.mark.parametrize(
    ("method", "temperature", "chosen"),
    [
        ("auto", 3999.0, "pseudo"),
        ("auto", 4000.0, "smooth"),
        ("auto", None, "smooth"),
        ("smooth", 2000.0, "smooth"),
        ("pseudo", None, "pseudo"),
    ],
)
def test_the_kind_of_continuum_follows_the_temperature_unless_asked(
    method: str, temperature: float | None, chosen: str
) -> None:
    assert chosen_method(method, temperature) == chosen


def test_pseudo_continuum_is_the_lowest_of_all_parabolas_above() -> None:
    """Against qhull for the corners, and against brute force: the parabolas through all pairs of points."""
    rng = np.random.default_rng(7)
    span, u = 30_000.0, np.log(np.geomspace(7000.0, 9000.0, 200))
    y = -0.3 * np.cos(25 * (u - u[0])) + rng.normal(0, 0.03, u.size)
    lit = rng.random(u.size) > 0.1
    found = _pseudo(u, y, lit, u, span=span)

    x = (u - u[0]) * 299_792.458
    curvature = 8 * 0.01 / span**2
    z = y - curvature * x**2 / 2
    inside = slice(int(np.flatnonzero(lit)[0]), int(np.flatnonzero(lit)[-1]) + 1)
    first, second = (np.flatnonzero(lit)[i] for i in np.triu_indices(lit.sum(), k=1))
    slopes = (z[second] - z[first]) / (x[second] - x[first])
    lines = z[first, None] + slopes[:, None] * (x - x[first, None])
    above = (lines - z)[:, lit].min(axis=1) > -1e-10
    lowest = lines[above].min(axis=0) + curvature * x**2 / 2
    np.testing.assert_allclose(found[inside], lowest[inside], atol=1e-9)

    points = np.stack([x, z], axis=1)[lit]
    hull = ConvexHull(points)
    upper = np.unique(hull.simplices[hull.equations[:, 1] > 0])
    np.testing.assert_allclose(found[lit][upper], y[lit][upper], atol=1e-12)


def brown_dwarf(wavelength: np.ndarray, *, with_broad: bool) -> np.ndarray:
    """1800 K with nothing between its lines: a haze of 10 to 25 %, and wide doublets of K and Na."""
    rng = np.random.default_rng(2)
    x = np.log(wavelength / 8000.0)
    haze = 0.175 + 0.075 * np.sin(60 * x) + 0.02 * rng.random(wavelength.size)
    tau = haze.copy()
    if with_broad:
        for centre, half_width, depth in ((7667.0, 12.0, 30.0), (7701.0, 12.0, 15.0), (8185.5, 3.0, 20.0)):
            tau += depth / (1 + ((wavelength - centre) / half_width) ** 2)
    return planck_per_wavelength(wavelength, 1800.0) * np.exp(-tau)


@pytest.mark.parametrize("limits", [(6500.0, 9500.0), (6800.0, 9000.0)])
def test_pseudo_continuum_leaves_the_wings_of_alkali_lines_alone(limits: tuple[float, float]) -> None:
    """Of the light that the doublets take under a tenth is taken for continuum; smooth: over a fifth."""
    wavelength = np.arange(*limits, 0.05)
    plain, broad = (brown_dwarf(wavelength, with_broad=b) for b in (False, True))
    eaten = {}
    for method in ("smooth", "pseudo"):
        before, after = (flatten(wavelength, f, 1800.0, method=method)[1] for f in (plain, broad))  # type: ignore[arg-type]
        eaten[method] = np.trapezoid(1 - after / before, wavelength) / np.trapezoid(
            1 - broad / plain, wavelength
        )
    assert eaten["pseudo"] < 0.1
    assert eaten["smooth"] > 0.2


def test_a_range_has_the_pseudo_continuum_of_the_whole() -> None:
    wavelength = np.arange(6000.0, 11_000.0, 0.02)
    flux = brown_dwarf(wavelength, with_broad=True)
    whole = flatten(wavelength, flux, 1800.0)[0]
    template = read_template(
        (wavelength, flux),
        wavelength_unit="A",
        effective_temperature=1800.0,
        wavelength_range=(8150.0, 8230.0),
    )
    assert isinstance(template, Template)
    np.testing.assert_allclose(
        template.normalised, np.interp(template.wavelength, wavelength, whole), rtol=0.02
    )


def test_dark_blocks_weigh_nothing() -> None:
    wavelength = np.linspace(8000, 9000, 50_000)
    flux = planck_per_wavelength(wavelength, 4000.0)
    flux[20_000:25_000] = 0.0
    normalised = flatten(wavelength, flux, 4000.0)[0]
    np.testing.assert_allclose(normalised[flux > 0], 1.0, atol=2e-3)


def test_padded_slice_reaches_one_scale_further() -> None:
    wavelength = np.arange(5000.0, 10_000.0)
    part = padded_slice(wavelength, 7000.0, 7100.0, reach=3000.0)
    assert wavelength[part][0] == pytest.approx(7000 * (1 - 0.01), abs=2)
    assert wavelength[part][-1] == pytest.approx(7100 * (1 + 0.01), abs=2)


@pytest.mark.parametrize("limits", [None, (8600.0, 8900.0), (8500.0, 8600.0)])
def test_synthesised_k_dwarf_against_its_own_norm(
    shared_data: Path, limits: tuple[float, float] | None
) -> None:
    """True continuum of a 4750 K star known: rms far below 1 %, the Ca II triplet keeps its wings."""
    path = shared_data / "models/turbospectrum/T4750_g4.5_z0.0_8052-12853A.npz"
    with np.load(path) as store:
        wave, norm, flux = (store[k].astype(float) for k in ("wave_vac", "norm", "flux"))
    template = read_template(
        (wave, flux), wavelength_unit="A", effective_temperature=4750.0, wavelength_range=limits
    )
    assert isinstance(template, Template)
    true = np.interp(template.wavelength, wave, norm)
    assert np.std(template.normalised - true) < 0.002
    centre = 8664.5 if limits == (8600.0, 8900.0) else 8544.4
    width, expected = (
        equivalent_width(template.wavelength, y, centre, 15) for y in (template.normalised, true)
    )
    assert width == pytest.approx(expected, rel=0.02)


def test_phoenix_m_dwarf_gets_a_pseudo_continuum(shared_data: Path) -> None:
    template = read_template(shared_data / "models/PHOENIX/lte03900-4.50-0.0_bands_from_eniric.fits")
    assert isinstance(template, Template)
    assert template.effective_temperature == 3900.0
    assert len(template.segments()) == 5
    assert 1.0 < template.normalised.max() < 1.02
    assert template.normalised.min() > 0
    for part in template.segments():
        assert np.quantile(template.normalised[part], 0.98) > 0.985
        assert np.mean(template.normalised[part] > 1) < 0.03


@pytest.mark.parametrize(
    ("centre", "half_width", "depth"),
    [(8544.4, 1.0, 10.0), (8544.4, 3.0, 30.0), (12_525.0, 2.0, 20.0)],
)
def test_lines_injected_into_an_m_dwarf_keep_their_wings(
    shared_data: Path, centre: float, half_width: float, depth: float
) -> None:
    """Lorentzian lines of 11 to 56 Angstrom equivalent width lose under 3 % to the pseudo-continuum."""
    path = shared_data / "models/PHOENIX/lte03900-4.50-0.0_bands_from_eniric.fits"
    template = read_template(path)
    assert isinstance(template, Template)
    wavelength, flux = template.wavelength, template.normalised * template.continuum
    line = np.exp(-depth / (1 + ((wavelength - centre) / half_width) ** 2))
    near = np.abs(wavelength - centre) < 400
    taken = np.trapezoid((1 - line)[near], wavelength[near])
    lost = {}
    for method in ("smooth", "pseudo"):
        before, after = (
            flatten(wavelength, f, 3900.0, method=method)[1]  # type: ignore[arg-type]
            for f in (flux, flux * line)
        )
        lost[method] = np.trapezoid((1 - after / before)[near], wavelength[near]) / taken
    assert lost["pseudo"] < 0.03
    assert lost["smooth"] > 0.05
