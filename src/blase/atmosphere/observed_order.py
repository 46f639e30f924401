"""One observed order behind a layered atmosphere: expected flux and derivatives by a handful of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.atmosphere.continuum import WaterContinuum
from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.layers import Air, Layering
from blase.atmosphere.source import Source, SourceParameter
from blase.atmosphere.transmission import CONTINUUM, WATER, LayeredTransmission
from blase.constants import SPEED_OF_LIGHT
from blase.containers.order import Order
from blase.functional.continuum import legendre_basis, normalised_coordinate
from blase.functional.forward_mode import directional
from blase.functional.grid import log_grid
from blase.functional.line_spread import line_spread_broadening, velocity_sigma
from blase.functional.pixels import integrate_pixels, pixel_weights

FloatArray = NDArray[np.float64]
Values = dict[str, float]

GRID_STEP = 0.2
"""Spacing of the model grid [km/s]."""
_MARGIN = 30.0  # [km/s] beyond the pixels and the reach of the line spread


@dataclass(frozen=True)
class Light:
    """Expected light of one order over its continuum, and its derivatives, each (n_pixels,).

    `star` and `telluric` are blurred alone; their product is not `both`.
    """

    both: FloatArray
    star: FloatArray
    telluric: FloatArray
    slopes: dict[str, FloatArray]


class ObservedOrder:
    """Pixels, grid, lines and source of one order.

    Parameters
    ----------
    order : the data.
    source : the star.
    lines, layering, air, continuum : of the atmosphere, as in `LayeredTransmission`.
    resolving_power : about that of the instrument, for the margin of the grid.
    degree : of the Legendre polynomial that is the continuum.
    """

    def __init__(
        self,
        order: Order,
        source: Source,
        *,
        lines: HitranLines,
        layering: Layering,
        air: Air,
        continuum: WaterContinuum | None,
        resolving_power: float,
        degree: int,
    ) -> None:
        self.order, self.source = order, source
        good = ~order.mask
        blaze = np.ones_like(order.flux) if order.blaze is None else np.nan_to_num(order.blaze, nan=1.0)
        self.scale = float(np.median(order.flux[good] / blaze[good]))
        self.flux = np.where(good, order.flux, 0.0) / self.scale
        self.sigma = np.where(good, order.uncertainty, 1.0) / self.scale
        self.used = good.copy()
        edges = order.edges()
        reach = 1 + (_MARGIN + 7 * velocity_sigma(resolving_power)) / SPEED_OF_LIGHT
        self.grid = log_grid(float(edges[0]) / reach, float(edges[-1]) * reach, step=GRID_STEP)
        self._weights = pixel_weights(self.grid, order.bounds())
        coordinate = normalised_coordinate(torch.from_numpy(order.wavelength))
        self.basis = legendre_basis(coordinate, degree).numpy() * blaze[:, None]
        self.atmosphere = LayeredTransmission(
            self.grid, lines=lines, layering=layering, air=air, continuum=continuum
        )

    @property
    def molecules(self) -> tuple[str, ...]:
        """Gases that absorb here."""
        return self.atmosphere.molecules

    def source_parameters(self) -> tuple[SourceParameter, ...]:
        """What is free of the star here."""
        return self.source.parameters(float(self.grid[0]), float(self.grid[-1]))

    def light(self, values: Values, air_of: Callable[[dict[str, Tensor]], Air]) -> Light:
        """Expected light at `values`, with derivatives by all of them that matter here.

        `air_of` makes the state of the air of the tensors of `log_water`, `temperature_offset` and
        `log_<gas>`.
        """
        transmission, air_slopes = self._transmission(values, air_of)
        star, star_slopes = self._star(values)
        rows = [star * transmission, star, transmission]
        rows += [star * slope for slope in air_slopes.values()]
        rows += [transmission * slope for slope in star_slopes.values()]
        power = torch.tensor(values["log_resolving_power"], dtype=torch.float64)
        seen = self._detect(torch.stack(rows), power)
        names = (*air_slopes, *star_slopes)
        slopes = {name: seen[k].numpy() for k, name in enumerate(names, start=3)}
        slopes["log_resolving_power"] = self.detect_with_slope(rows[0].numpy(), power)[1]
        return Light(seen[0].numpy(), seen[1].numpy(), seen[2].numpy(), slopes)

    def optical_depth(self, values: Values, air: Air) -> FloatArray:
        """Of all absorbers on the grid (n,)."""
        return sum(self.optical_depths(values, air).values(), np.zeros(self.grid.numel()))

    def optical_depths(self, values: Values, air: Air) -> dict[str, FloatArray]:
        """By absorber, each (n,) on the grid."""
        with torch.no_grad():
            depths = self.atmosphere.optical_depth(air, wind_velocity=values["wind_velocity"])
        return {name: depth.numpy() for name, depth in depths.items()}

    def star(self, values: Values) -> FloatArray:
        """Of the source, on the grid (n,)."""
        return self._star(values)[0].numpy()

    def detect(self, rows: FloatArray, log_resolving_power: float) -> FloatArray:
        """Blur `rows` (..., n) on the grid and integrate over the pixels (..., n_pixels)."""
        power = torch.tensor(log_resolving_power, dtype=torch.float64)
        return self._detect(torch.from_numpy(rows), power).numpy()

    def detect_with_slope(self, row: FloatArray, log_power: Tensor) -> tuple[FloatArray, FloatArray]:
        """`row` (n,) as the pixels see it, and the derivative of that by ln R, (n_pixels,) each."""
        light = torch.from_numpy(row)
        seen, slope = directional(lambda x: self._detect(light, x), log_power, torch.ones_like(log_power))
        return seen.numpy(), slope.numpy()

    def continuum(self, light: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
        """The continuum that fits the `used` pixels best behind the blurred `light`, (n_pixels,) each."""
        design = (self.basis * light[:, None] / self.sigma[:, None])[used]
        coefficients = np.linalg.lstsq(design, (self.flux / self.sigma)[used], rcond=None)[0]
        return np.asarray(self.basis @ coefficients)

    def _transmission(
        self, values: Values, air_of: Callable[[dict[str, Tensor]], Air]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Transmission on the grid and its derivatives, (n,) each.

        Water and temperature by autodiff in forward mode; a well-mixed gas scales its own optical depth, and
        wind moves the spectrum.
        """
        wind = values["wind_velocity"]
        physical = torch.tensor([values["log_water"], values["temperature_offset"]], dtype=torch.float64)
        gases = {name: torch.tensor(values[f"log_{name}"], dtype=torch.float64) for name in self._gases}

        def depths(x: Tensor) -> dict[str, Tensor]:
            air = air_of(
                {"log_water": x[0], "temperature_offset": x[1], **{f"log_{g}": gases[g] for g in gases}}
            )
            return self.atmosphere.optical_depth(air, wind_velocity=wind)

        with torch.no_grad():
            along = torch.tensor([0.0, 1.0], dtype=torch.float64)
            depth, warmer = directional(depths, physical, along)
            wetter = directional(depths, physical, 1 - along)[1]
        zero = torch.zeros_like(self.grid)
        total = torch.exp(-sum(depth.values(), zero))
        slopes = {
            "log_water": -total * sum((wetter[name] for name in wetter if name in (WATER, CONTINUUM)), zero),
            "temperature_offset": -total * sum(warmer.values(), zero),
            **{f"log_{name}": -total * depth[name] for name in self._gases},
            "wind_velocity": -torch.gradient(total, spacing=GRID_STEP)[0],
        }
        return total, slopes

    @property
    def _gases(self) -> tuple[str, ...]:
        return tuple(name for name in self.molecules if name != WATER)

    def _star(self, values: Values) -> tuple[Tensor, dict[str, Tensor]]:
        names = [parameter.name for parameter in self.source_parameters()]
        start = torch.tensor([values[name] for name in names], dtype=torch.float64)

        def spectrum(x: Tensor) -> Tensor:
            return self.source.spectrum(self.grid, GRID_STEP, dict(zip(names, x, strict=True)))

        flux = spectrum(start)
        slopes = {}
        for k, name in enumerate(names):
            along = torch.zeros_like(start)
            along[k] = 1.0
            slopes[name] = directional(spectrum, start, along)[1]
        return flux, slopes

    def _detect(self, rows: Tensor, log_power: Tensor) -> Tensor:
        blurred = line_spread_broadening(rows, step=GRID_STEP, resolving_power=torch.exp(log_power))
        return integrate_pixels(blurred, self._weights)
