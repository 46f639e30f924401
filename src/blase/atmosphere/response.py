"""Transmission near one state of the air, from a few evaluations of all lines: value and slopes at once.

The logarithm of the optical depth of a gas hardly curves in anything that is fitted: in the logarithm of its
own column it is a straight line but for self-broadening, in temperature nearly a parabola. So

    ln tau_g(x) = ln tau_g(x0) + sum_k (a_gk d_k + b_gk d_k^2 / 2) + c_g d_0 d_1 + ln(scale of g),

d = x - x0, with a, b and c (of the two temperatures) from central differences of `LayeredTransmission`. To
set it up takes 15 sums over all lines, fewer where fewer parameters are asked for; after that no line is
touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from blase.atmosphere.layers import Air
from blase.atmosphere.transmission import CONTINUUM, WATER, LayeredTransmission
from blase.errors import InputError

STEPS = {
    "temperature_offset": 2.0,
    "temperature": 2.0,
    "log_pressure": 0.01,
    "log_water": 0.2,
    "log_airmass": 0.05,
    "wind_velocity": 0.1,
}
"""Parameters and the steps of the differences by them: two in K, three logarithms, one in km/s."""
_TEMPERATURES = ("temperature_offset", "temperature")
_FLOOR = 1e-7
"""Optical depth that is added under the logarithm, so that where there is none nothing happens."""


class TransmissionResponse:
    """A stand-in for `model` near the state `air`, moving at `wind_velocity` [km/s].

    Parameters
    ----------
    parameters : names out of `STEPS` that may change; scales of gases always may.

    Within 3 K, a quarter of the water, 1 % of the pressure and 5 % of the airmass it is within 1e-5 in
    transmission, within 0.12 km/s of wind 5e-4, in all of these together 1e-3. Scales of gases are taken to
    leave their widths alone, as they do where lines are as broad in the gas itself as in air. `InputError`
    on an unknown parameter.
    """

    def __init__(
        self,
        model: LayeredTransmission,
        air: Air,
        *,
        wind_velocity: float = 0.0,
        parameters: Sequence[str] = tuple(STEPS),
    ) -> None:
        unknown = [name for name in parameters if name not in STEPS]
        if unknown:
            raise InputError(
                "unknown parameter of the air",
                value=", ".join(unknown),
                expected=f"some of {', '.join(STEPS)}",
                fix="choose among these",
            )
        self.air, self.wind_velocity = air, wind_velocity
        self.parameters = tuple(name for name in STEPS if name in parameters)
        base = self._log_depth(model, {})
        self._base = base
        self._slope: dict[str, list[Tensor]] = {name: [] for name in base}
        self._curvature: dict[str, list[Tensor]] = {name: [] for name in base}
        for parameter in self.parameters:
            h = STEPS[parameter]
            up, down = (self._log_depth(model, {parameter: sign * h}) for sign in (1.0, -1.0))
            for gas, middle in base.items():
                self._slope[gas].append((up[gas] - down[gas]) / (2 * h))
                self._curvature[gas].append((up[gas] + down[gas] - 2 * middle) / h**2)
        self._cross = self._crossed(model) if set(_TEMPERATURES) <= set(self.parameters) else {}

    def optical_depth(self, air: Air, *, wind_velocity: Tensor | float = 0.0) -> dict[str, Tensor]:
        """By gas, as `LayeredTransmission.optical_depth`; what is not among `parameters` must not change."""
        d = self._departure(air, wind_velocity)
        found = {}
        for gas, base in self._base.items():
            log_depth = base
            for k in range(len(self.parameters)):
                log_depth = log_depth + d[k] * (self._slope[gas][k] + 0.5 * d[k] * self._curvature[gas][k])
            if self._cross:
                log_depth = log_depth + d[0] * d[1] * self._cross[gas]
            if gas not in (WATER, CONTINUUM):
                log_depth = log_depth + _log_scale(air, gas) - _log_scale(self.air, gas)
            found[gas] = torch.exp(log_depth) - _FLOOR
        return found

    def transmission(self, air: Air, *, wind_velocity: Tensor | float = 0.0) -> Tensor:
        """exp(-sum of all optical depths), (n,)."""
        depths = self.optical_depth(air, wind_velocity=wind_velocity)
        return torch.exp(-sum(depths.values(), torch.zeros_like(next(iter(self._base.values())))))

    def _departure(self, air: Air, wind_velocity: Tensor | float) -> list[Tensor]:
        """Of every parameter from where the differences were taken."""
        known = {
            "temperature_offset": air.temperature_offset - self.air.temperature_offset,
            "temperature": air.temperature - self.air.temperature,
            "log_pressure": torch.log(air.pressure / self.air.pressure),
            "log_water": torch.log(air.water / self.air.water),
            "log_airmass": torch.log(air.airmass / self.air.airmass),
            "wind_velocity": torch.as_tensor(wind_velocity, dtype=torch.float64) - self.wind_velocity,
        }
        return [known[name] for name in self.parameters]

    def _log_depth(self, model: LayeredTransmission, steps: dict[str, float]) -> dict[str, Tensor]:
        """ln of the optical depth of every gas, `steps` away."""
        air, wind = self.air, self.wind_velocity + steps.get("wind_velocity", 0.0)
        moved = replace(
            air,
            temperature_offset=air.temperature_offset + steps.get("temperature_offset", 0.0),
            temperature=air.temperature + steps.get("temperature", 0.0),
            **{
                name: getattr(air, name) * float(torch.exp(torch.tensor(steps.get(f"log_{name}", 0.0))))
                for name in ("pressure", "water", "airmass")
            },
        )
        with torch.no_grad():
            depths = model.optical_depth(moved, wind_velocity=wind)
        return {gas: torch.log(depth.clamp(min=0.0) + _FLOOR) for gas, depth in depths.items()}

    def _crossed(self, model: LayeredTransmission) -> dict[str, Tensor]:
        """Mixed derivative by the two temperatures."""
        first, second = (STEPS[name] for name in _TEMPERATURES)
        both, apart = (
            self._log_depth(model, dict(zip(_TEMPERATURES, (first, sign * second), strict=True)))
            for sign in (1.0, -1.0)
        )
        return {
            gas: (both[gas] - apart[gas]) / (2 * first * second) - self._slope[gas][1] / first
            for gas in self._base
        }


def _log_scale(air: Air, gas: str) -> Tensor:
    return torch.log(torch.as_tensor(air.scale.get(gas, 1.0), dtype=torch.float64))
