"""Transmission of a layered atmosphere, line by line: exact Voigt profiles in every layer, differentiable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import voigt_profile
from torch import Tensor

from blase.atmosphere import line_physics
from blase.atmosphere.continuum import WaterContinuum
from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.isotopologues import MOLECULES
from blase.atmosphere.layers import Air, GasLayers, Layering
from blase.atmosphere.line_physics import LineTensors
from blase.atmosphere.pedestal import pedestal
from blase.atmosphere.selection import LineGroup, select_lines
from blase.functional.doppler import doppler_factor
from blase.functional.optical_depth import Sampling, optical_depth, sampling

FloatArray = NDArray[np.float64]

WATER = "H2O"
CONTINUUM = "continuum"
TOLERANCE = 1e-8
"""Optical depth that one line in one layer may lose at the edge of its window; all of them 1e-5 in flux."""


@dataclass(frozen=True)
class SingleLine:
    """One line in all layers (l,): centre, strength, sigma, gamma [cm^-1]; `wavelength` [vacuum Angstrom]."""

    molecule: str
    wavelength: float
    centre: FloatArray
    strength: FloatArray
    sigma: FloatArray
    gamma: FloatArray

    def optical_depth(self, wavenumber: FloatArray, *, wider: float = 1.0) -> FloatArray:
        """Sum over the layers (n,) at `wavenumber` (n,), all half widths `wider` times what they are."""
        x = wavenumber[:, None] - self.centre
        return np.asarray(voigt_profile(x, self.sigma, wider * self.gamma) @ self.strength)

    def reach(self, least: float) -> float:
        """Distance from the centre [cm^-1] at which its wing falls below an optical depth of `least`."""
        wing = float(np.sqrt((self.strength * self.gamma).sum() / (np.pi * least)))
        return max(wing, 8 * float(self.sigma.max() + self.gamma.max()))


class LayeredTransmission:
    """Optical depths of the gases above one telescope at fixed wavelengths, for any state of the air.

    Parameters
    ----------
    wavelength : (n,) increasing vacuum Angstrom.
    lines : of all molecules.
    layering : the layers above the telescope.
    air : a typical state, which decides what lines may be left out (by `LEAST_DEPTH`, with a margin of three
        in every column) and which layers may be merged for weak ones.
    continuum : of water; water lines then end 25 cm^-1 from their centres. Without it no wing is cut.
    molecules : those wanted; None for all that lines and profile have.
    """

    def __init__(
        self,
        wavelength: Tensor,
        *,
        lines: HitranLines,
        layering: Layering,
        air: Air,
        continuum: WaterContinuum | None = None,
        molecules: tuple[str, ...] | None = None,
    ) -> None:
        self.wavelength = wavelength.detach()
        self.layering = layering
        self.continuum = continuum
        self._wavenumber = torch.flip(1e8 / self.wavelength, (0,))
        self._grid: Sampling = sampling(self._wavenumber)
        limits = float(self._wavenumber[0]), float(self._wavenumber[-1])
        gases = layering.gases(air)
        self._groups: dict[str, list[LineGroup]] = {}
        for number, name in MOLECULES.items():
            if name not in gases or (molecules is not None and name not in molecules):
                continue
            mine = lines.take(np.flatnonzero(lines.molecule == number))
            self._groups[name] = select_lines(
                mine, gases[name], wavenumber=limits, cut=name == WATER and continuum is not None
            )

    @property
    def molecules(self) -> tuple[str, ...]:
        """Names of the gases that absorb here."""
        return tuple(name for name, groups in self._groups.items() if groups)

    @property
    def n_lines(self) -> dict[str, int]:
        """Lines summed, by molecule."""
        return {name: sum(len(group.lines) for group in self._groups[name]) for name in self.molecules}

    def optical_depth(self, air: Air, *, wind_velocity: Tensor | float = 0.0) -> dict[str, Tensor]:
        """By molecule, and of the continuum under that name, each (n,) at the wavelengths.

        `wind_velocity` [km/s] is that of the air along the ray, positive where it recedes. First derivatives
        by everything in `air` and by the wind, in reverse and in forward mode.
        """
        gases = self.layering.gases(air)
        found = {name: self._of_gas(name, gases[name], wind_velocity) for name in self.molecules}
        if self.continuum is not None:
            found[CONTINUUM] = self.continuum.optical_depth(self._wavenumber, gases[WATER])
        return {name: torch.flip(depth, (0,)) for name, depth in found.items()}

    def transmission(self, air: Air, *, wind_velocity: Tensor | float = 0.0) -> Tensor:
        """exp(-sum of all optical depths), (n,)."""
        depths = self.optical_depth(air, wind_velocity=wind_velocity)
        return torch.exp(-sum(depths.values(), torch.zeros_like(self.wavelength)))

    def single_lines(self, air: Air, *, least: float) -> list[SingleLine]:
        """Lines inside the range whose integrated optical depth is above `least` [Angstrom]."""
        gases, found = self.layering.gases(air), []
        low, high = float(self._wavenumber[0]), float(self._wavenumber[-1])
        with torch.no_grad():
            for name in self.molecules:
                for group in self._groups[name]:
                    gas = gases[name].merged(group.factor)
                    shape = (len(group.lines), -1)
                    parts = {
                        key: part.reshape(shape).numpy()
                        for key, part in _voigt_lines(group.lines, gas, 0.0).items()
                    }
                    nu = group.lines.wavenumber.numpy()
                    seen = (parts["strength"].sum(axis=1) * 1e8 / nu**2 > least) & (nu > low) & (nu < high)
                    for j in np.flatnonzero(seen):
                        found.append(SingleLine(name, 1e8 / nu[j], **{key: x[j] for key, x in parts.items()}))
        return found

    def _of_gas(self, name: str, gas: GasLayers, wind_velocity: Tensor | float) -> Tensor:
        parts = [
            _voigt_lines(group.lines, gas.merged(group.factor), wind_velocity) for group in self._groups[name]
        ]
        together = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        depth = optical_depth(
            self._grid,
            centre=together["centre"],
            strength=together["strength"],
            sigma=together["sigma"],
            gamma=together["gamma"],
            tolerance=TOLERANCE,
        )
        if name == WATER and self.continuum is not None:
            weight = together["strength"] * together["gamma"] / torch.pi
            depth = depth - pedestal(self._wavenumber, centre=together["centre"], weight=weight)
        return depth


def _voigt_lines(lines: LineTensors, gas: GasLayers, wind_velocity: Tensor | float) -> dict[str, Tensor]:
    """Every line in every layer as a Voigt line (n * l,): centre, strength, sigma and gamma [cm^-1]."""
    blue = 1 / doppler_factor(wind_velocity)
    gamma = line_physics.lorentz_width(
        lines, temperature=gas.temperature, pressure=gas.pressure, partial_pressure=gas.partial_pressure
    )
    parts = {
        "centre": line_physics.shifted_wavenumber(lines, gas.pressure) * blue,
        "strength": line_physics.intensity(lines, gas.temperature) * gas.column,
        "sigma": line_physics.doppler_sigma(lines, gas.temperature),
        "gamma": gamma,
    }
    return {name: values.reshape(-1) for name, values in parts.items()}
