"""The velocity a fit starts from, for slow and fast rotators."""

from __future__ import annotations

import numpy as np
import pytest

from blase.containers import from_arrays
from blase.pipeline.prepare import to_pixels
from blase.pipeline.start import starting_point
from blase.simulation import simulate_observation
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
