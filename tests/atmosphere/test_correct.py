"""The air fitted to simulated orders: physics, single lines, the corrected spectrum and its errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits
from scipy.ndimage import gaussian_filter1d

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.correct import Correction, correct_spectrum
from blase.atmosphere.corrected_file import summary, write_correction, write_fitted_air
from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.layers import Air, Layering
from blase.atmosphere.observed_order import ObservedOrder
from blase.atmosphere.physical_fit import fit_atmosphere
from blase.atmosphere.source import HotStar, LineSource, hydrogen_wavelength
from blase.atmosphere.standard import standard_profile
from blase.atmosphere.transmission import LayeredTransmission
from blase.containers import EchelleSpectrum, from_arrays
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.functional.grid import log_grid
from blase.templates import read_template

POWER, SNR = 60_000.0, 300.0
BARE = HotStar(upper=3)
"""A black body without lines."""
CONDITIONS = Conditions(altitude=2026.0, water=4.0, airmass=1.3)


def lines_between(low: float, high: float, n: int = 70) -> HitranLines:
    """Water and methane of all strengths."""
    rng = np.random.default_rng(5)
    water = rng.uniform(size=n) < 0.7
    return HitranLines(
        molecule=np.where(water, 1, 6),
        isotopologue=np.ones(n, dtype=np.int64),
        wavenumber=np.sort(rng.uniform(1e8 / high, 1e8 / low, n)),
        intensity=np.where(water, 10 ** rng.uniform(-25, -21.5, n), 10 ** rng.uniform(-22.5, -20.5, n)),
        air_width=rng.uniform(0.05, 0.1, n),
        self_width=rng.uniform(0.2, 0.5, n),
        lower_energy=rng.uniform(0, 900, n),
        width_exponent=rng.uniform(0.5, 0.8, n),
        pressure_shift=rng.uniform(-0.02, 0.0, n),
    )


@pytest.fixture(scope="module")
def lines() -> HitranLines:
    return lines_between(9995.0, 10045.0)


@pytest.fixture(scope="module")
def layering() -> Layering:
    return Layering(standard_profile(), altitude=2026.0)


TRUTH = {"log_water": np.log(6.5), "temperature_offset": 4.0, "log_CH4": 0.12, "wind_velocity": 0.15}


def pixels_of(flux: np.ndarray, grid: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Blurred by scipy on the logarithmic grid, averaged over pixels by a cumulative sum."""
    step = np.log(grid[1] / grid[0])
    blurred = gaussian_filter1d(flux, 1 / (2.35482 * POWER * step), truncate=8, mode="nearest")
    edges = np.concatenate([[1.5 * centres[0] - 0.5 * centres[1]], 0.5 * (centres[1:] + centres[:-1])])
    edges = np.concatenate([edges, [1.5 * centres[-1] - 0.5 * centres[-2]]])
    area = np.concatenate([[0.0], np.cumsum(0.5 * (blurred[1:] + blurred[:-1]) * np.diff(grid))])
    return np.diff(np.interp(edges, grid, area)) / np.diff(edges)


def simulated(
    lines: HitranLines, layering: Layering, *, seed: int = 0, star: bool = False
) -> tuple[EchelleSpectrum, np.ndarray]:
    """A noisy order behind air of the TRUTH, and the blurred star without it (times the continuum)."""
    grid = log_grid(9990.0, 10050.0, step=0.1)
    base = layering.air(CONDITIONS)
    model = LayeredTransmission(grid, lines=lines, layering=layering, air=base)
    water, offset, methane = (
        torch.tensor(TRUTH[k], dtype=torch.float64) for k in ("log_water", "temperature_offset", "log_CH4")
    )
    air = Air(base.temperature, base.pressure, water.exp(), base.airmass, offset, {"CH4": methane.exp()})
    telluric = model.transmission(air, wind_velocity=TRUTH["wind_velocity"]).numpy()
    x = grid.numpy()
    spectrum = np.ones_like(x)
    if star:
        v = 299_792.458 * np.log(x / (hydrogen_wavelength(3, 7) * (1 + 20 / 299_792.458))) / 300.0
        spectrum = np.exp(-0.5 / (1 + v**2) ** 1.25)
    centres = np.linspace(10000.0, 10040.0, 640)
    continuum = 1000 * (1 + 0.1 * (centres - 10020) / 20)
    clean = continuum * pixels_of(spectrum, x, centres)
    flux = continuum * pixels_of(spectrum * telluric, x, centres)
    error = np.sqrt(1000 * np.maximum(flux, 20)) / np.sqrt(1000 * 1000) * 1000 / SNR
    noisy = flux + error * np.random.default_rng(seed).normal(size=len(flux))
    observed = from_arrays(
        centres, noisy, error, wavelength_unit="Angstrom", medium="vacuum", frame="observatory"
    )
    return observed, clean


def observe(
    spectrum: EchelleSpectrum, lines: HitranLines, layering: Layering, *, star: bool = False
) -> ObservedOrder:
    return ObservedOrder(
        spectrum.orders[0],
        HotStar() if star else BARE,
        lines=lines,
        layering=layering,
        air=layering.air(CONDITIONS),
        continuum=None,
        resolving_power=POWER,
        degree=2,
    )


def test_physics_is_found(lines: HitranLines, layering: Layering) -> None:
    """Water, methane, temperature, wind and resolving power within their errors, and these of sane size."""
    spectrum, _ = simulated(lines, layering, star=True)
    order = observe(spectrum, lines, layering, star=True)
    fit = fit_atmosphere(
        [order], layering.air(CONDITIONS), resolving_power=57_000.0, resolving_power_error=3000.0
    )
    assert fit.converged
    assert fit.chi2_reduced == pytest.approx(1.0, abs=0.2)
    truth = {**TRUTH, "log_resolving_power": np.log(POWER), "star_velocity": 20.0}
    for name, value in truth.items():
        assert abs(fit.values[name] - value) < 3.5 * fit.errors[name], name
    assert fit.errors["log_water"] < 0.01
    assert fit.errors["log_CH4"] < 0.02
    assert fit.errors["wind_velocity"] < 0.03


def test_errors_cover(lines: HitranLines, layering: Layering) -> None:
    """Pulls of the column of water over independent draws of the noise."""
    pulls = []
    for seed in range(4):
        order = observe(simulated(lines, layering, seed=100 + seed)[0], lines, layering)
        fit = fit_atmosphere(
            [order],
            layering.air(CONDITIONS),
            resolving_power=POWER,
            resolving_power_error=600.0,
            held={"log_resolving_power": np.log(POWER)},
        )
        names = ("log_water", "log_CH4", "wind_velocity")
        pulls += [(fit.values[k] - TRUTH[k]) / fit.errors[k] for k in names]
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.6


def test_slopes_are_those_of_finite_differences(lines: HitranLines, layering: Layering) -> None:
    order = observe(simulated(lines, layering)[0], lines, layering, star=True)
    base = layering.air(CONDITIONS)
    values = {**TRUTH, "log_resolving_power": np.log(POWER), "star_velocity": 0.0}
    values |= {parameter.name: parameter.start for parameter in order.source_parameters()}

    def air_of(x: dict[str, torch.Tensor]) -> Air:
        gases = {"CH4": x["log_CH4"].exp()}
        return replace(
            base, water=x["log_water"].exp(), temperature_offset=x["temperature_offset"], scale=gases
        )

    light = order.light(values, air_of)
    for name in light.slopes:
        step = 0.05 if name == "star_velocity" else 2e-3
        high, low = (order.light({**values, name: values[name] + s}, air_of).both for s in (step, -step))
        difference = (high - low) / (2 * step)
        assert np.abs(difference).max() > 0
        tolerance = 0.02 if name in ("wind_velocity", "log_CH4") else 5e-3
        assert np.abs(light.slopes[name] - difference).max() < tolerance * np.abs(difference).max(), name


@pytest.fixture(scope="module")
def corrected(lines: HitranLines, layering: Layering) -> Correction:
    return correct(lines, layering)


def correct(lines: HitranLines, layering: Layering, *, refine: bool = True) -> Correction:
    """The list that is fitted has one line a fifth too weak; the data know better."""
    spectrum, _ = simulated(lines, layering, seed=3)
    wrong = lines.intensity.copy()
    wrong[changed_line(lines)] *= 0.8
    with pytest.MonkeyPatch.context() as patch:
        files = replace_lines(lines, wrong)
        patch.setattr("blase.atmosphere.correct.find_lines", lambda *_, **__: files)
        return correct_spectrum(
            spectrum,
            CONDITIONS,
            source=BARE,
            resolving_power=(POWER, 600.0),
            continuum_degree=2,
            least_transmission=0.1,
            refine=refine,
        )


def replace_lines(lines: HitranLines, intensity: np.ndarray):
    from blase.atmosphere.line_files import LineFiles

    return LineFiles(replace(lines, intensity=intensity), ("made up",))


def changed_line(lines: HitranLines) -> int:
    """A line of water of middling strength, well inside the order."""
    inside = (lines.wavenumber > 1e8 / 10035) & (lines.wavenumber < 1e8 / 10005) & (lines.molecule == 1)
    return int(np.flatnonzero(inside)[np.argmin(np.abs(np.log10(lines.intensity[inside]) + 23.2))])


def test_a_wrong_line_is_mended(corrected: Correction, lines: HitranLines) -> None:
    (order,) = corrected.orders
    wanted = 1e8 / lines.wavenumber[changed_line(lines)]
    where = int(np.argmin([abs(line.wavelength - wanted) for line in order.refined.lines]))
    found, error = order.refined.departure[where, 0], order.refined.error[where, 0]
    assert error < 0.08
    assert found == pytest.approx(np.log(1 / 0.8), abs=3 * error)
    others = np.delete(order.refined.departure[:, 0] / order.refined.error[:, 0], where)
    assert np.sqrt(np.mean(others**2)) < 2


def test_the_corrected_spectrum_is_the_star(
    corrected: Correction, lines: HitranLines, layering: Layering
) -> None:
    _, clean = simulated(lines, layering, seed=3)
    (order,) = corrected.orders
    assert order.telluric_free_mask.any()
    good = ~order.telluric_free_mask
    assert np.isnan(order.telluric_free[~good]).all()
    seen = order.model / order.continuum / order.star
    assert (seen[good] >= 0.1).all()
    assert (seen[~good & ~order.mask] < 0.1).all()
    pull = (order.telluric_free / clean - 1)[good] * clean[good] / order.telluric_free_uncertainty[good]
    assert 0.8 < np.sqrt(np.mean(pull**2)) < 1.25
    deep = good & (seen < 0.5)
    shallow = good & (seen > 0.9)
    median = [np.median(order.telluric_free_uncertainty[part]) for part in (deep, shallow)]
    assert median[0] > 1.5 * median[1]
    for row in order.quality():
        assert 0.7 < row["residual_over_noise"] < 1.3


def test_what_is_written(corrected: Correction, tmp_path: Path) -> None:
    write_correction(corrected, tmp_path / "out.fits", flux_unit="electron/s", least=0.1)
    with fits.open(tmp_path / "out.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "ORDER_0", "PARAMETERS", "LINES"]
        table = hdus["ORDER_0"].data
        np.testing.assert_array_equal(table["telluric_free_mask"], corrected.orders[0].telluric_free_mask)
        assert hdus[0].header["LEAST_T"] == 0.1
        assert len(hdus["LINES"].data) == len(corrected.orders[0].refined.lines)
        water = hdus["PARAMETERS"].data["value"][list(hdus["PARAMETERS"].data["name"]).index("log_water")]
    facts = summary(corrected)
    assert facts["pwv"] == pytest.approx(np.exp(water))
    assert facts["orders"][0]["quality"]


def test_the_fitted_air_is_a_template(corrected: Correction, tmp_path: Path) -> None:
    """Unblurred, so deeper than what the pixels saw, and of the same equivalent width."""
    write_fitted_air(corrected, tmp_path / "air.fits")
    template = read_template(tmp_path / "air.fits")
    (order,) = corrected.orders
    assert template.normalised.min() < order.telluric.min()
    inside = (template.wavelength > order.wavelength[0]) & (template.wavelength < order.wavelength[-1])
    mean = np.trapezoid(template.normalised[inside], template.wavelength[inside])
    seen = np.trapezoid(order.telluric, order.wavelength)
    assert mean == pytest.approx(seen, rel=1e-3)
    assert template.absorbers is not None and set(template.absorbers.depth) == {"H2O", "CH4"}


def test_physics_alone_may_be_asked_for(
    corrected: Correction, lines: HitranLines, layering: Layering, tmp_path: Path
) -> None:
    """The air is then that of the physical fit, the same as with lines, and the wrong line stays wrong."""
    alone = correct(lines, layering, refine=False)
    (order,), (refined,) = alone.orders, corrected.orders
    assert alone.physical.values == corrected.physical.values
    assert not order.refined.lines
    product = np.prod(list(order.refined.by_molecule.values()), axis=0)
    np.testing.assert_allclose(order.refined.transmission, product, atol=1e-12)
    assert np.abs(order.refined.transmission - refined.refined.transmission).max() > 0.02
    write_correction(alone, tmp_path / "alone.fits")
    with fits.open(tmp_path / "alone.fits") as hdus:
        assert len(hdus["LINES"].data) == 0


def test_lines_of_hydrogen_are_where_they_are() -> None:
    """Vacuum wavelengths of Paschen beta, gamma, delta and Brackett gamma (NIST, means of fine structure)."""
    found = [hydrogen_wavelength(3, n) for n in (5, 6, 7)] + [hydrogen_wavelength(4, 7)]
    np.testing.assert_allclose(found, [12821.6, 10941.1, 10052.1, 21661.2], rtol=1e-5)


def test_a_star_of_lines_moves_and_rotates() -> None:
    lines = LineList(
        centre=np.array([10020.0]), strength=np.array([0.1]), sigma=np.array([1.5]), gamma=np.array([0.3])
    )
    grid = log_grid(10010.0, 10030.0, step=0.2)
    values = {"star_velocity": torch.tensor(30.0), "star_log_strength": torch.tensor(0.0)}
    still, fast = (LineSource(lines, vsini=v).spectrum(grid, 0.2, values) for v in (0.0, 8.0))
    assert float(grid[still.argmin()]) == pytest.approx(10020 * (1 + 30 / 299_792.458), abs=0.01)
    assert fast.min() > still.min() + 0.1
    assert float((1 - fast).sum()) == pytest.approx(float((1 - still).sum()), rel=1e-3)


def test_a_spectrum_in_another_frame_is_refused(lines: HitranLines, layering: Layering) -> None:
    spectrum, _ = simulated(lines, layering)
    moved = replace(spectrum, metadata=replace(spectrum.metadata, frame="barycentric"))
    with pytest.raises(InputError, match="frame of the observatory"):
        correct_spectrum(moved, CONDITIONS, resolving_power=POWER)
    with pytest.raises(InputError, match="--resolving-power"):
        correct_spectrum(spectrum, CONDITIONS)
