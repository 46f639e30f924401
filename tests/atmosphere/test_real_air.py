"""Another code's spectrum, and a hot star seen through real air."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.correct import correct_spectrum
from blase.atmosphere.layers import Layering
from blase.atmosphere.line_files import read_line_files
from blase.atmosphere.observed_order import ObservedOrder
from blase.atmosphere.physical_fit import fit_atmosphere
from blase.atmosphere.source import HotStar
from blase.atmosphere.standard import standard_profile
from blase.containers import from_arrays
from blase.instruments import read_spectrum


def test_water_of_telfit_is_reproduced(shared_data: Path) -> None:
    """TelFit at 286 K and 50 % humidity, airmass and profile unknown: within 0.5 %, water of such weather.

    TelFit calls LBLRTM with a line list and a continuum of its own. Fitted are water, oxygen, a temperature
    offset, the wind, the resolving power and a cubic continuum.
    """
    table = np.loadtxt(
        shared_data / "telluric/muler/telfit_HPFtemplate_temp286_hum050.csv", delimiter=",", skiprows=1
    )
    part = (table[:, 0] > 8240) & (table[:, 0] < 8290)
    spectrum = from_arrays(
        table[part, 0],
        table[part, 1],
        np.full(int(part.sum()), 0.003),
        wavelength_unit="Angstrom",
        medium="vacuum",
        frame="observatory",
    )
    layering = Layering(standard_profile(), altitude=2026.0)
    weather = layering.air(Conditions(altitude=2026.0, temperature=286.0, humidity=50.0))
    start = layering.air(Conditions(altitude=2026.0, water=6.0))
    lines = read_line_files([shared_data / "hitran"], wavenumber_range=(11900, 12300)).lines
    order = ObservedOrder(
        spectrum.orders[0],
        HotStar(temperature=1e6, upper=3),
        lines=lines,
        layering=layering,
        air=start,
        continuum=None,
        resolving_power=55_000.0,
        degree=3,
    )
    fit = fit_atmosphere([order], start, resolving_power=55_000.0, resolving_power_error=8000.0)
    state = fit.orders[0]
    residual = order.flux - state.continuum * state.light.both
    assert state.light.both.min() < 0.6
    assert np.sqrt(np.mean(residual**2)) < 0.005
    assert np.exp(fit.values["log_water"]) == pytest.approx(float(weather.water), rel=0.4)


@pytest.mark.slow
def test_a_hot_star_is_met_within_twice_the_noise(shared_data: Path) -> None:
    """HPF, A0V, 1.27 micron band of oxygen with some water: where transmission exceeds 0.2."""
    path = next((shared_data / "observed/HPF/goldilocks").glob("*.fits"))
    spectrum = read_spectrum(path).select([27]).crop(12650.0, 12720.0)
    correction = correct_spectrum(
        spectrum,
        Conditions(altitude=2026.0, water=6.0, airmass=1.25),
        line_lists=[shared_data / "hitran"],
    )
    (order,) = correction.orders
    seen = order.model / order.continuum / order.star
    part = order.used & (seen > 0.2)
    scatter = np.std((order.flux - order.model)[part] / order.uncertainty[part])
    assert scatter < 2
    assert (order.used & ~order.mask).sum() > 0.98 * (~order.mask).sum()
    assert correction.physical.values["log_O2"] == pytest.approx(0.0, abs=0.15)
    assert abs(correction.physical.values["wind_velocity"]) < 0.2
