"""The velocity a fit starts from, for slow and fast rotators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blase.cloning import clone_template
from blase.containers import from_arrays
from blase.instruments import read_spectrum
from blase.pipeline.prepare import to_pixels
from blase.pipeline.start import starting_point
from blase.simulation import simulate_observation
from blase.templates import read_template
from blase.templates.embedded import embedded_lines

RANGE = (8640.0, 8670.0)


@pytest.mark.parametrize(
    ("vsini", "velocity", "guess"),
    [(2.0, 20.0, None), (8.0, -150.0, None), (30.0, 45.0, 75.0), (80.0, -20.0, None), (80.0, -20.0, 10.0)],
)
def test_radial_velocity_and_vsini(vsini: float, velocity: float, guess: float | None) -> None:
    lines = embedded_lines("star", wavelength_range=(RANGE[0] - 40, RANGE[1] + 40))
    seen = simulate_observation(
        lines, seed=3, wavelength_range=RANGE, n_pixels=600, vsini=vsini, radial_velocity=velocity
    )
    found = starting_point(
        [to_pixels(seen.spectrum.orders[0])],
        lines,
        None,
        resolving_power=55_000.0,
        wind_velocity=0.0,
        continuum_degree=5,
        guess=guess,
    )
    assert found.radial_velocity == pytest.approx(velocity, abs=1.0 + 0.1 * vsini)
    assert found.vsini == pytest.approx(vsini, abs=2.0 + 0.35 * vsini)
    assert found.gain > 0.1


def test_lines_that_are_not_there_gain_nothing() -> None:
    lines = embedded_lines("star", wavelength_range=(RANGE[0] - 40, RANGE[1] + 40))
    wavelength = np.linspace(*RANGE, 600)
    noise = 1 + 0.005 * np.random.default_rng(0).standard_normal(600)
    blank = from_arrays(wavelength, noise, np.full(600, 0.005), wavelength_unit="Angstrom")
    found = starting_point(
        [to_pixels(blank.orders[0])],
        lines,
        None,
        resolving_power=55_000.0,
        wind_velocity=0.0,
        continuum_degree=5,
        guess=0.0,
    )
    assert 0 <= found.gain < 0.02


def test_a_star_hundreds_of_kelvin_warmer_than_its_template(shared_data: Path) -> None:
    """VRAD of the header is -67.47 km/s; lines as strong as at 3900 K fit best with a false 100 km/s."""
    phoenix = shared_data / "models" / "PHOENIX" / "lte03900-4.50-0.0_bands_from_eniric.fits"
    span = (15300.0, 15450.0)
    template = read_template(phoenix, wavelength_range=(span[0] * 0.999, span[1] * 1.001))
    visit = next((shared_data / "observed" / "APOGEE").glob("apVisit-*.fits"))
    found = starting_point(
        [to_pixels(order) for order in read_spectrum(visit).crop(*span).orders],
        clone_template(template).lines,
        None,
        resolving_power=22_500.0,
        wind_velocity=0.0,
        continuum_degree=5,
    )
    assert found.radial_velocity == pytest.approx(-67.5, abs=2.0)
    assert found.vsini < 20.0
