"""The quick stand-in for a transmission against the sum over all lines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.layers import Air, Layering
from blase.atmosphere.response import TransmissionResponse
from blase.atmosphere.standard import standard_profile
from blase.atmosphere.transmission import LayeredTransmission
from blase.errors import InputError
from blase.functional.grid import log_grid

AWAY = {
    "temperature": (2.5, -3.0),
    "pressure": (6.0, -6.0),
    "water": (1.3, -1.0),
    "airmass": (0.05, -0.05),
    "temperature_offset": (-2.0, 3.0),
    "wind": (0.1, -0.12),
}


def lines() -> HitranLines:
    """Water and oxygen, faint to saturated, from low and high levels."""
    rng, n = np.random.default_rng(8), 40
    water, air_width = rng.uniform(size=n) < 0.7, rng.uniform(0.03, 0.1, n)
    return HitranLines(
        molecule=np.where(water, 1, 7),
        isotopologue=np.ones(n, dtype=np.int64),
        wavenumber=np.sort(rng.uniform(10_570, 10_600, n)),
        intensity=10 ** rng.uniform(-25, -21.5, n) * np.where(water, 1.0, 3e-4),
        air_width=air_width,
        self_width=np.where(water, 5 * air_width, air_width),
        lower_energy=rng.uniform(0, 1500, n),
        width_exponent=rng.uniform(0.4, 0.8, n),
        pressure_shift=rng.uniform(-0.02, 0.005, n),
    )


@pytest.fixture(scope="module")
def exact() -> tuple[LayeredTransmission, Air]:
    layering = Layering(standard_profile(), altitude=2026.0, n_layers=12)
    air = layering.air(Conditions(altitude=2026.0, water=5.0, airmass=1.3))
    grid = log_grid(9434.0, 9461.0, step=0.5)
    return LayeredTransmission(grid, lines=lines(), layering=layering, air=air), air


def moved(air: Air, k: int) -> tuple[Air, torch.Tensor]:
    names = ("temperature", "pressure", "water", "airmass", "temperature_offset")
    values = [getattr(air, name) + AWAY[name][k] for name in names]
    tensors = [value.clone().requires_grad_() for value in values]
    wind = torch.tensor(AWAY["wind"][k], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    return Air(*tensors, {"O2": scale}), wind


@pytest.mark.parametrize("k", [0, 1])
def test_value_and_gradient_are_those_of_all_lines(exact: tuple[LayeredTransmission, Air], k: int) -> None:
    model, air = exact
    response = TransmissionResponse(model, air)
    values, gradients = [], []
    bar = torch.from_numpy(np.random.default_rng(2).normal(size=len(model.wavelength)))
    for source in (model, response):
        state, wind = moved(air, k)
        leaves = [state.temperature, state.pressure, state.water, state.airmass]
        leaves += [state.temperature_offset, wind, state.scale["O2"]]
        seen = source.transmission(state, wind_velocity=wind)
        gradients.append(torch.stack(torch.autograd.grad((bar * seen).sum(), leaves)))
        values.append(seen.detach())
    assert values[0].min() < 0.05  # saturated lines are there
    off = (values[1] - values[0]).abs()
    assert float(off.max()) < 1.5e-3 and float(off.quantile(0.9)) < 1e-4
    tolerance = torch.tensor([0.02, 0.02, 0.02, 0.02, 0.02, 0.15, 0.02]) * gradients[0].abs() + 2e-3
    assert torch.all((gradients[1] - gradients[0]).abs() < tolerance)


def test_where_it_was_made_it_is_exact(exact: tuple[LayeredTransmission, Air]) -> None:
    model, air = exact
    response = TransmissionResponse(model, air, parameters=("log_water",))
    with torch.no_grad():
        torch.testing.assert_close(response.transmission(air), model.transmission(air), rtol=0, atol=1e-7)


def test_an_unknown_parameter_is_refused(exact: tuple[LayeredTransmission, Air]) -> None:
    with pytest.raises(InputError, match="unknown parameter of the air"):
        TransmissionResponse(*exact, parameters=("humidity",))
