"""Emission of the night sky: put into data by error functions, found again by the fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

from blase.atmosphere.airglow import DOPPLER_SIGMA, airglow_lines
from blase.cloning import Clone
from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum
from blase.containers.spectrum import Order
from blase.errors import InputError
from blase.pipeline import fit_spectrum
from blase.results.files import write_result
from blase.results.read import read_result
from blase.results.result import FitResult
from blase.simulation import Simulation

POWER = 55_000.0
LINES = ((8228.5, 3.0), (8231.0, 1.0), (8231.4, 1.0), (8234.3, 0.5), (8238.7, 10.0))
"""Wavelength and light [median flux times Angstrom / 100]; the second and the third are a doublet."""


def with_emission(order: Order, light: tuple[tuple[float, float], ...]) -> tuple[Order, float]:
    """The order with lines blurred to `POWER` and integrated over its pixels, and its median flux."""
    level = float(np.nanmedian(order.flux))
    edges = order.edges()
    added = np.zeros_like(order.flux)
    for centre, flux in light:
        blur = SPEED_OF_LIGHT / POWER / 2.3548200450309493
        sigma = np.hypot(blur, DOPPLER_SIGMA) * centre / SPEED_OF_LIGHT
        below = 0.5 * (1 + erf((edges - centre) / sigma / np.sqrt(2)))
        added += 0.01 * flux * level * np.diff(below) / np.diff(edges)
    return replace(order, flux=order.flux + added), level


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sky") / "sky.txt"
    rows = "\n".join(f"{centre} {10 * light} line{k}" for k, (centre, light) in enumerate(LINES))
    path.write_text("wavelength intensity name\n" + rows + "\n")
    return path


@pytest.fixture(scope="module")
def lit(simulation: Simulation) -> tuple[EchelleSpectrum, float]:
    order, level = with_emission(simulation.spectrum.orders[0], LINES)
    return replace(simulation.spectrum, orders=(order,)), level


@pytest.fixture(scope="module")
def freed(lit: tuple[EchelleSpectrum, float], star: Clone, air: Clone, catalogue: Path) -> FitResult:
    return fit_spectrum(
        lit[0],
        star=star,
        telluric=air,
        airglow="free",
        airglow_list=catalogue,
        resolving_power=(POWER, 100.0),
        folds=0,
        curve=False,
        new_lines=False,
    )


def test_the_light_of_every_line_is_found(lit: tuple[EchelleSpectrum, float], freed: FitResult) -> None:
    rows = freed.summary["airglow"]
    assert [row["names"] for row in rows] == [["line0"], ["line1", "line2"], ["line3"], ["line4"]]
    truth = 0.01 * lit[1] * np.array([3.0, 2.0, 0.5, 10.0])
    found, error = (np.array([row[name] for row in rows]) for name in ("flux", "error"))
    assert np.all(np.abs(found - truth) < 4 * error)
    assert np.all(error < 0.003 * lit[1])


def test_lines_that_are_displaced_are_found_where_they_are(
    lit: tuple[EchelleSpectrum, float], star: Clone, air: Clone, tmp_path: Path
) -> None:
    """A list whose wavelengths are 0.3 km/s too short."""
    displaced = tmp_path / "sky.txt"
    rows = "\n".join(f"{centre * (1 - 0.3 / SPEED_OF_LIGHT):.6f} {light}" for centre, light in LINES)
    displaced.write_text("wavelength intensity\n" + rows + "\n")
    options = {"resolving_power": (POWER, 100.0), "folds": 0, "curve": False, "new_lines": False}
    moved = fit_spectrum(lit[0], star=star, telluric=air, airglow="free", airglow_list=displaced, **options)
    row = moved.summary["airglow"][-1]
    assert row["velocity"] == pytest.approx(0.3, abs=4 * row["velocity_error"])
    assert 0 < row["velocity_error"] < 0.05
    held = fit_spectrum(
        lit[0],
        star=star,
        telluric=air,
        airglow="free",
        airglow_list=displaced,
        fix={"airglow_velocity": None},
        **options,
    )
    assert held.summary["airglow"][-1]["velocity"] == 0.0
    assert held.summary["airglow"][-1]["velocity_error"] is None
    assert moved.summary["residual_rms"] < 0.95 * held.summary["residual_rms"]


def test_the_star_is_as_without_emission(
    simulation: Simulation, freed: FitResult, fitted: FitResult, tmp_path: Path
) -> None:
    for name in ("radial_velocity", "vsini"):
        dark, bright = fitted.summary[name], freed.summary[name]
        assert bright["value"] == pytest.approx(dark["value"], abs=3 * bright["error"])
    order, before = freed.orders[0], fitted.orders[0]
    assert order.airglow is not None
    good = ~order.telluric_free_mask & ~before.telluric_free_mask
    off = (order.telluric_free - before.telluric_free) / order.telluric_free_uncertainty
    assert np.sqrt(np.mean(off[good] ** 2)) < 0.5  # of the noise, which is the same in both
    write_result(freed, tmp_path / "fit")
    again = read_result(tmp_path / "fit").orders[0]
    np.testing.assert_allclose(again.airglow, order.airglow)


def test_intensities_may_be_believed(
    lit: tuple[EchelleSpectrum, float], star: Clone, air: Clone, catalogue: Path
) -> None:
    result = fit_spectrum(
        lit[0],
        star=star,
        telluric=air,
        airglow="fixed",
        airglow_list=catalogue,
        resolving_power=(POWER, 100.0),
        folds=0,
        curve=False,
        new_lines=False,
    )
    (row,) = result.summary["airglow"]
    total = 0.01 * lit[1] * sum(light for _, light in LINES)
    assert row["flux"] == pytest.approx(total, abs=4 * row["error"])
    assert len(row["names"]) == len(LINES)


def test_doublets_of_hydroxyl_share_a_group() -> None:
    lines = airglow_lines()
    for pair in ((10_527.346, 10_527.969), (17_008.426, 17_009.088)):
        groups = {int(lines.group[np.abs(lines.centre - c).argmin()]) for c in pair}
        assert len(groups) == 1
    near = lines.within(10_830.0, 10_850.0)
    assert near.names == ("OH 10832.24", "OH 10834.28", "OH 10844.72")
    assert set(near.together().group) == {0}


@pytest.mark.parametrize(
    ("text", "words"),
    [("a b\n1 2\n", "columns a, b"), ("wavelength intensity\n8000 -1\n", "not finite and positive")],
)
def test_a_list_that_is_none_is_explained(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(InputError, match=words):
        airglow_lines(tmp_path / "bad.txt")


def test_options_that_make_no_sense(simulation: Simulation, star: Clone, catalogue: Path) -> None:
    with pytest.raises(InputError, match="neither free nor fixed"):
        fit_spectrum(simulation.spectrum, star=star, airglow="loose")
    with pytest.raises(InputError, match="without airglow"):
        fit_spectrum(simulation.spectrum, star=star, airglow_list=catalogue)
