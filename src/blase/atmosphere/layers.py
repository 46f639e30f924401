"""From a profile and the weather to layers: column, temperature and pressures of every gas, differentiable.

The air is in hydrostatic equilibrium, d ln p / dz = -g(z) M / (R T), upwards from the pressure at the
telescope. A temperature measured there moves the profile by the difference, less and less up to ten
kilometres above. Every layer has the temperature and pressure of the mean molecule *of each gas* in it
(Curtis-Godson), taken over eight sublayers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.humidity import MOLECULES_PER_MM, saturation_pressure
from blase.atmosphere.profile import Profile
from blase.errors import InputError

FloatArray = NDArray[np.float64]

N_LAYERS = 40
HPA_PER_ATMOSPHERE = 1013.25
WEATHER_DEPTH = 10.0
"""Height [km] above the telescope at which the weather there no longer shows."""

_SUBLAYERS = 8
_FIRST = 0.25  # thickness of the lowest layer [km]
_EARTH_RADIUS = 6371.0  # [km]
_GRAVITY = 9.80665e-3  # [km/s^2]
_DRY_MASS, _WATER_MASS = 28.9647e-3, 18.01528e-3  # [kg/mol]
_GAS_CONSTANT = 8.314462618e-6  # [kg km^2 s^-2 mol^-1 K^-1]
_AVOGADRO = 6.02214076e23
_HPA_TO_KG = 100 * 1e3  # [hPa] to [kg km^-1 s^-2]
_CM2_PER_KM2 = 1e10
_LEAST_RATIO = 1e-15
_WATER_PASSES = 3


@dataclass(frozen=True)
class Air:
    """The adjustable state of the atmosphere as float64 tensors without dimension.

    Attributes
    ----------
    temperature, pressure : at the telescope [K], [hPa].
    water : precipitable, at the zenith [mm].
    airmass : secant of the zenith angle.
    temperature_offset : added to all layers alike [K], on top of the weather at the telescope.
    scale : of every other gas, by molecule; 1 where it is not named.
    """

    temperature: Tensor
    pressure: Tensor
    water: Tensor
    airmass: Tensor
    temperature_offset: Tensor
    scale: dict[str, Tensor]


@dataclass(frozen=True)
class GasLayers:
    """One gas in every layer, each (l,): slant column [cm^-2], temperature [K], pressures [atm]."""

    column: Tensor
    temperature: Tensor
    pressure: Tensor
    partial_pressure: Tensor

    def merged(self, factor: int) -> GasLayers:
        """The same gas in layers `factor` times as thick (the last may be thinner)."""
        if factor == 1:
            return self
        mean = [self.temperature, self.pressure, self.partial_pressure]
        column = _grouped(self.column, factor)
        return GasLayers(column, *(_grouped(self.column * x, factor) / column for x in mean))


class Layering:
    """Layers above one telescope, of one profile.

    Parameters
    ----------
    profile : the atmosphere by altitude.
    altitude : of the telescope [m].
    n_layers : from there to the top of the profile, thicker and thicker.

    Raises `InputError` where the telescope is not below the top of the profile.
    """

    def __init__(self, profile: Profile, *, altitude: float, n_layers: int = N_LAYERS) -> None:
        ground, top = altitude / 1000, float(profile.altitude[-1])
        if top - ground < 20:
            raise InputError(
                "the profile ends too low above the telescope",
                path=profile.name,
                value=f"{top:g} km",
                expected=f"at least 20 km above the {ground:g} km of the telescope",
                fix="give a profile that reaches higher, or leave --profile away",
            )
        edges = _edges(ground, top, n_layers * _SUBLAYERS)
        self.n_layers = n_layers
        self._edges = torch.from_numpy(edges)
        self._middle = 0.5 * (self._edges[1:] + self._edges[:-1])
        self._temperature = torch.from_numpy(_at(profile, profile.temperature, edges))
        self._pressure = float(np.exp(_at(profile, np.log(profile.pressure), edges[:1])[0]))
        middle = self._middle.numpy()
        self._ratio = {
            name: torch.from_numpy(np.exp(_at(profile, np.log(np.maximum(ratio, _LEAST_RATIO)), middle)))
            for name, ratio in profile.mixing_ratio.items()
        }
        self._ground_water = float(_at(profile, profile.mixing_ratio["H2O"], edges[:1])[0])

    @property
    def molecules(self) -> tuple[str, ...]:
        """Names of the gases in the profile."""
        return tuple(self._ratio)

    def air(self, conditions: Conditions) -> Air:
        """The state for these conditions; what they leave open is that of the profile."""
        temperature = torch.tensor(
            float(self._temperature[0]) if conditions.temperature is None else conditions.temperature,
            dtype=torch.float64,
        )
        pressure = torch.tensor(
            self._pressure if conditions.pressure is None else conditions.pressure, dtype=torch.float64
        )
        zero = torch.zeros((), dtype=torch.float64)
        air = Air(temperature, pressure, zero, zero + conditions.airmass, zero, {})
        return Air(temperature, pressure, self._water(air, conditions), air.airmass, zero, {})

    def gases(self, air: Air) -> dict[str, GasLayers]:
        """Slant columns, temperatures and pressures (l,) of every gas."""
        temperature = self._temperatures(air)
        water, count, pressure = self._balance(air, temperature)
        middle_temperature = 0.5 * (temperature[1:] + temperature[:-1])
        middle_pressure = 0.5 * (pressure[1:] + pressure[:-1]) / HPA_PER_ATMOSPHERE
        slant = self._slant(air.airmass)
        found = {}
        for name, ratio in self._ratio.items():
            part = water if name == "H2O" else ratio * air.scale.get(name, 1.0) * (1 - water)
            column = count * part * slant
            total = _grouped(column, _SUBLAYERS)
            weighted = [middle_temperature, middle_pressure, middle_pressure * part]
            found[name] = GasLayers(total, *(_grouped(column * x, _SUBLAYERS) / total for x in weighted))
        return found

    def air_column(self, air: Air) -> Tensor:
        """Molecules of all of the air above the telescope at the zenith [cm^-2]."""
        return self._balance(air, self._temperatures(air))[1].sum()

    def relative_humidity(self, air: Air) -> Tensor:
        """At the telescope, over liquid water [per cent]."""
        water = self._balance(air, self._temperatures(air))[0]
        ground = self._ground_water * water[0] / self._ratio["H2O"][0]
        return 100 * ground * air.pressure / saturation_pressure(air.temperature)

    def _temperatures(self, air: Air) -> Tensor:
        """At the edges of the sublayers [K]."""
        height = self._edges - self._edges[0]
        share = torch.clamp(1 - height / WEATHER_DEPTH, min=0.0)
        return self._temperature + (air.temperature - self._temperature[0]) * share + air.temperature_offset

    def _water(self, air: Air, conditions: Conditions) -> Tensor:
        """Precipitable water [mm] for the conditions."""
        if conditions.water is not None:
            return torch.tensor(conditions.water, dtype=torch.float64)
        scale = torch.ones((), dtype=torch.float64)
        if conditions.humidity is not None:
            vapour = conditions.humidity / 100 * saturation_pressure(air.temperature)
            scale = vapour / (self._ground_water * air.pressure)
        ratio = scale * self._ratio["H2O"]
        return (self._hydrostatic(air, self._temperatures(air), ratio)[0] * ratio).sum() / MOLECULES_PER_MM

    def _balance(self, air: Air, temperature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fraction of water and count of molecules [cm^-2] in, and pressure [hPa] at, the sublayers."""
        shape = self._ratio["H2O"]
        water = shape
        for _ in range(_WATER_PASSES):
            count, pressure = self._hydrostatic(air, temperature, water)
            water = shape * air.water * MOLECULES_PER_MM / (count * shape).sum()
        return water, count, pressure

    def _hydrostatic(self, air: Air, temperature: Tensor, water: Tensor) -> tuple[Tensor, Tensor]:
        """Molecules in the sublayers [cm^-2] and pressure at their edges [hPa]."""
        gravity = _GRAVITY * (_EARTH_RADIUS / (_EARTH_RADIUS + self._middle)) ** 2
        mass = _DRY_MASS + (_WATER_MASS - _DRY_MASS) * water
        inverse = 0.5 * (1 / temperature[1:] + 1 / temperature[:-1])
        fall = gravity * mass / _GAS_CONSTANT * inverse * torch.diff(self._edges)
        pressure = air.pressure * torch.exp(
            -torch.cumsum(torch.cat([torch.zeros_like(fall[:1]), fall]), dim=0)
        )
        per_area = -torch.diff(pressure) * _HPA_TO_KG / (gravity * mass)  # [mol km^-2]
        return per_area * _AVOGADRO / _CM2_PER_KM2, pressure

    def _slant(self, airmass: Tensor) -> Tensor:
        """Length of the ray in a sublayer over its thickness, 1/sqrt(1 - (r0 sin z / r)^2)."""
        ratio = (_EARTH_RADIUS + self._edges[0]) / (_EARTH_RADIUS + self._middle)
        return 1 / torch.sqrt(1 - ratio**2 * (1 - 1 / airmass**2))


def _edges(ground: float, top: float, count: int) -> FloatArray:
    """Altitudes of `count` + 1 edges, spacing growing by a constant factor from the lowest layer's."""
    first = _FIRST / _SUBLAYERS
    low, high = 1.0, 1.2
    for _ in range(100):
        growth = 0.5 * (low + high)
        reach = first * (growth**count - 1) / (growth - 1)
        low, high = (growth, high) if reach < top - ground else (low, growth)
    steps = growth ** np.arange(count)
    return ground + (top - ground) * np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])


def _at(profile: Profile, values: FloatArray, altitude: FloatArray) -> FloatArray:
    """`values` of the levels at `altitude`, linear; below the lowest level its line goes on."""
    z = profile.altitude
    slope = (values[1] - values[0]) / (z[1] - z[0])
    below = values[0] + slope * (altitude - z[0])
    return np.where(altitude < z[0], below, np.interp(altitude, z, values))


def _grouped(values: Tensor, size: int) -> Tensor:
    """Sums of `size` neighbours each, the last group of what is left."""
    left = -values.numel() % size
    return torch.cat([values, values.new_zeros(left)]).reshape(-1, size).sum(dim=1)
