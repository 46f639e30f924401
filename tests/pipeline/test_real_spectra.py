"""Stretches of real spectra: WASP-69 (no atmosphere to speak of) and GJ 699 behind deep water lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blase.cloning import Clone, clone_template
from blase.containers import EchelleSpectrum
from blase.instruments import read_spectrum
from blase.pipeline import fit_spectrum
from blase.templates import read_template


@pytest.mark.slow
def test_wasp_69(shared_data: Path) -> None:
    """Published: -9.6 km/s for this order, vsini 2.2 km/s. Pixels that were held out count most."""
    spectrum = read_spectrum(
        shared_data / "observed" / "HPF" / "WASP_69_hpf_stack.fits",
        medium="vacuum",
        frame="barycentric",
        berv=-27.5,
    )
    star = read_template(shared_data / "models" / "turbospectrum" / "T4750_g4.5_z0.0_8052-12853A.npz")
    air = read_template(
        shared_data / "telluric" / "muler" / "telfit_HPFtemplate_temp286_hum050.csv", resolving_power="fit"
    )
    result = fit_spectrum(spectrum, star=star, telluric=air, orders=[0], folds=5)
    summary = result.summary
    assert summary["residual_rms"] <= 0.006
    assert summary["residual_rms_heldout"] <= 0.008
    assert summary["radial_velocity"]["value"] == pytest.approx(-9.6, abs=0.5)
    assert 0.01 < summary["radial_velocity"]["error"] < 0.3
    assert summary["n_effective"] < 0.4 * summary["n_pixels"]
    assert result.converged


@pytest.fixture(scope="module")
def gj_699(shared_data: Path) -> EchelleSpectrum:
    folder = shared_data / "observed" / "HPF" / "hpf_pipeline" / "GJ_699"
    return read_spectrum(sorted(folder.glob("Slope-*.optimal.fits"))[0])


@pytest.fixture(scope="module")
def gj_699_clones(shared_data: Path) -> tuple[Clone, Clone]:
    models = shared_data / "models" / "PHOENIX"
    star = read_template(
        models / "lte03900-4.50-0.0_bands_from_eniric.fits", wavelength_range=(8222.0, 8260.0)
    )
    air = read_template(
        shared_data / "telluric" / "muler" / "telfit_HPFtemplate_temp286_hum050.csv",
        wavelength_range=(8223.0, 8252.0),
        resolving_power="fit",
    )
    return clone_template(star), clone_template(air, kind="telluric")


def test_gj_699_is_read_with_its_frame(gj_699: EchelleSpectrum) -> None:
    assert len(gj_699.orders) == 28 and gj_699.metadata.frame == "observatory"
    assert abs(gj_699.metadata.barycentric_velocity or 0.0) > 1
    order = gj_699.select(1).orders[0]
    assert order.wavelength[0] == pytest.approx(8188, abs=3)
    assert order.wavelength[-1] == pytest.approx(8294, abs=3)
    assert order.blaze is not None


def test_gj_699_needs_its_atmosphere(gj_699: EchelleSpectrum, gj_699_clones: tuple[Clone, Clone]) -> None:
    star, air = gj_699_clones
    span = (8230.0, 8246.0)
    guess = -110.5 - (gj_699.metadata.barycentric_velocity or 0.0)
    options: dict[str, Any] = {"orders": [1], "wavelength_range": span, "folds": 0, "rv_guess": guess}
    held: dict[str, Any] = {"fix": {"stellar_lines": None}}  # free ones would bend to fit the water
    with_air = fit_spectrum(gj_699, star=star, telluric=air, **options, **held)
    without = fit_spectrum(gj_699, star=star, **options, **held)
    assert with_air.summary["residual_rms"] < 0.5 * without.summary["residual_rms"]
    assert with_air.summary["residual_rms"] < 0.031
    assert np.min(with_air.orders[0].telluric) < 0.5
