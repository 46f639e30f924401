"""The light above the atmosphere: what a telluric fit needs to know of the star.

A source has named parameters with starting values and priors, and is a function of them on the model grid.
Its continuum is that of the order and not its business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.constants import RADIATION_CONSTANT_2, SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.functional.doppler import doppler_factor
from blase.functional.optical_depth import optical_depth, sampling
from blase.functional.rotation import rotational_broadening

FloatArray = NDArray[np.float64]

RYDBERG_HYDROGEN = 109_677.583_41
"""Rydberg constant of hydrogen, R_infinity / (1 + m_e / m_p) [cm^-1]."""


@dataclass(frozen=True)
class SourceParameter:
    """Name, starting value and normal prior of one parameter."""

    name: str
    start: float
    width: float


class Source(Protocol):
    """Anything that gives a normalised spectrum on a grid."""

    def parameters(self, low: float, high: float) -> tuple[SourceParameter, ...]:
        """What is free between two wavelengths [vacuum Angstrom]."""

    def spectrum(self, wavelength: Tensor, step: float, values: dict[str, Tensor]) -> Tensor:
        """Flux over continuum (n,) on a grid uniform in ln(wavelength), `step` [km/s]; differentiable."""


def hydrogen_wavelength(lower: int, upper: int) -> float:
    """Vacuum wavelength [Angstrom] of a line of hydrogen, 1 / lambda = R_H (1/l^2 - 1/u^2)."""
    return 1e8 / (RYDBERG_HYDROGEN * (1 / lower**2 - 1 / upper**2))


@dataclass(frozen=True)
class HotStar:
    """A star of spectral type A or earlier: a black body with lines of hydrogen and nothing else.

    Each line of the Paschen, Brackett and Pfund series is exp(-tau_0 / (1 + (v/w)^2)^(5/4)), whose wings fall
    as v^(-5/2), the law of Holtsmark; depth and width of each are free, the velocity is common.

    Parameters
    ----------
    temperature : of the black body [K].
    radial_velocity : where the fit starts [km/s], in the frame of the data.
    upper : highest upper level; the lines above it have merged.
    """

    temperature: float = 9600.0
    radial_velocity: float = 0.0
    upper: int = 20
    _depth: float = field(default=0.4, repr=False)
    _width: float = field(default=250.0, repr=False)

    def parameters(self, low: float, high: float) -> tuple[SourceParameter, ...]:
        """The velocity, and ln depth and ln width [km/s] of every line that reaches the range."""
        reached = self._lines(low, high)
        if not reached:
            return ()
        found = [SourceParameter("star_velocity", self.radial_velocity, 50.0)]
        for name, lower, upper in reached:
            depth = self._depth * (6.0 / upper) * (3.0 / lower) ** 2
            found.append(SourceParameter(f"{name}_log_depth", float(np.log(depth)), 1.0))
            found.append(SourceParameter(f"{name}_log_width", float(np.log(self._width)), 0.7))
        return tuple(found)

    def spectrum(self, wavelength: Tensor, step: float, values: dict[str, Tensor]) -> Tensor:
        """Planck function relative to the middle of the grid, times the lines."""
        flux = self._black_body(wavelength)
        for name, lower, upper in self._lines(float(wavelength[0]), float(wavelength[-1])):
            if f"{name}_log_depth" not in values:
                continue
            centre = hydrogen_wavelength(lower, upper) * doppler_factor(values["star_velocity"])
            v = SPEED_OF_LIGHT * torch.log(wavelength / centre) / torch.exp(values[f"{name}_log_width"])
            flux = flux * torch.exp(-torch.exp(values[f"{name}_log_depth"]) / (1 + v**2) ** 1.25)
        return flux

    def _black_body(self, wavelength: Tensor) -> Tensor:
        x = RADIATION_CONSTANT_2 / (wavelength * self.temperature)
        middle = x[x.numel() // 2]
        return (x / middle) ** 5 * torch.expm1(middle) / torch.expm1(x)

    def _lines(self, low: float, high: float) -> list[tuple[str, int, int]]:
        """Name and levels of the lines within some widths of the range."""
        found = []
        for series, lower in (("paschen", 3), ("brackett", 4), ("pfund", 5)):
            for upper in range(lower + 1, self.upper + 1):
                centre = hydrogen_wavelength(lower, upper)
                reach = 3 * self._width / SPEED_OF_LIGHT * centre
                if low - reach < centre < high + reach:
                    found.append((f"{series}_{upper}", lower, upper))
        return found


@dataclass(frozen=True, eq=False)
class LineSource:
    """A star made of the lines of a clone, at a velocity that is free; rotation is held.

    Parameters
    ----------
    lines : of the clone, rest frame.
    radial_velocity : where the fit starts [km/s], in the frame of the data.
    vsini : of the rotation [km/s].
    """

    lines: LineList
    radial_velocity: float = 0.0
    vsini: float = 0.0

    def parameters(self, low: float, high: float) -> tuple[SourceParameter, ...]:
        """The velocity, and the logarithm of a factor on all strengths."""
        return (
            SourceParameter("star_velocity", self.radial_velocity, 5.0),
            SourceParameter("star_log_strength", 0.0, 0.5),
        )

    def spectrum(self, wavelength: Tensor, step: float, values: dict[str, Tensor]) -> Tensor:
        """exp(-tau) of all lines, rotated."""
        part = self.lines.in_range(0.995 * float(wavelength[0]), 1.005 * float(wavelength[-1]))
        shift = doppler_factor(values["star_velocity"])
        centre = torch.from_numpy(part.centre.copy()) * shift
        depth = optical_depth(
            sampling(wavelength),
            centre=centre,
            strength=torch.from_numpy(part.strength.copy()) * shift * torch.exp(values["star_log_strength"]),
            sigma=torch.from_numpy(part.sigma.copy()) * centre / SPEED_OF_LIGHT,
            gamma=torch.from_numpy(part.gamma.copy()) * centre / SPEED_OF_LIGHT,
        )
        flux = torch.exp(-depth)
        if self.vsini == 0:
            return flux
        squared = torch.tensor(self.vsini**2, dtype=torch.float64)
        limb = torch.tensor(0.6, dtype=torch.float64)
        return rotational_broadening(flux, step=step, vsini_squared=squared, limb_darkening=limb)
