"""Airglow without a star: simulated, and in the sky fibre of HPF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.special import erf

from blase.atmosphere.airglow import DOPPLER_SIGMA, airglow_lines
from blase.atmosphere.measure_airglow import Emission, measure_airglow
from blase.constants import SPEED_OF_LIGHT
from blase.containers.spectrum import Order

POWER = 53_000.0


def test_simulated_lines_are_measured_without_bias() -> None:
    lines = airglow_lines()
    wavelength = np.arange(10_820.0, 10_905.0, 0.045)
    here = lines.within(wavelength[0], wavelength[-1])
    rng, noise = np.random.default_rng(4), 1.0
    none = np.zeros(wavelength.size, dtype=bool)
    sigma_of = np.full(wavelength.size, noise)
    edges = Order(0, wavelength, sigma_of, sigma_of, none).edges()
    flux = 20.0 + 3e-3 * (wavelength - 10_860.0)
    for centre, light in zip(here.centre, here.intensity, strict=True):
        sigma = np.hypot(SPEED_OF_LIGHT / POWER / 2.3548200450309493, DOPPLER_SIGMA) * centre / SPEED_OF_LIGHT
        flux = flux + light * np.diff(0.5 * erf((edges - centre) / sigma / np.sqrt(2))) / np.diff(edges)
    flux[10] = 500.0  # a cosmic ray
    flux += noise * rng.standard_normal(flux.size)
    found = measure_airglow(Order(0, wavelength, flux, sigma_of, none), lines, resolving_power=POWER)
    truth = np.bincount(here.group, here.intensity)
    off = np.array([(row.flux - t) / row.error for row, t in zip(found, truth, strict=True)])
    assert np.all(np.abs(off) < 4) and np.std(off) > 0.3
    assert all(row.significance > 50 for row in found)


def sky_of(path: Path, row: int) -> Order:
    with fits.open(path) as hdus:
        flux, variance, wavelength = (
            np.array(hdus[f"Sky {name}"].data[row], dtype=np.float64) for name in ("Flux", "Variance", "Wavl")
        )
    good = np.isfinite(flux) & (variance > 0)
    return Order(
        row=row,
        wavelength=wavelength,
        flux=np.where(good, flux, 0.0),
        uncertainty=np.sqrt(np.where(good, variance, 1.0)),
        mask=~good,
    )


def test_lines_in_a_real_sky_are_named(shared_data: Path) -> None:
    folder = shared_data / "observed/HPF/hpf_pipeline"
    (path,) = folder.glob("*/Slope-20210423T055752_R01.optimal.fits")
    lines, seen = airglow_lines(), list[Emission]()
    for row in (2, 6, 16, 19, 25):
        found = measure_airglow(sky_of(path, row), lines, resolving_power=POWER)
        seen += [line for line in found if line.significance > 5]
    names = {name for line in seen for name in line.names}
    bright = ("8346.89", "8401.48", "8829.51", "8888.29", "10289.46", "10375.64", "10834.28", "12122.63")
    assert {f"OH {wavelength}" for wavelength in bright} <= names
    assert len(seen) > 20


def test_no_lines_are_seen_where_none_shine(shared_data: Path) -> None:
    folder = shared_data / "observed/HPF/hpf_pipeline"
    (path,) = folder.glob("*/Slope-20210423T055752_R01.optimal.fits")
    lines = airglow_lines()
    order = sky_of(path, 19)
    found = measure_airglow(order, lines, resolving_power=POWER, velocity=70.0)  # where they are not
    true = measure_airglow(order, lines, resolving_power=POWER)
    assert np.median([row.significance for row in found]) < 0.1 * np.median([r.significance for r in true])


def test_an_order_without_lines_has_no_light() -> None:
    order = Order(0, np.linspace(7000.0, 7100.0, 500), np.ones(500), np.ones(500), np.zeros(500, dtype=bool))
    assert measure_airglow(order, airglow_lines(), resolving_power=POWER) == []
