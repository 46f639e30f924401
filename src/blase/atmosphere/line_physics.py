"""How lines change with temperature and pressure: intensity, width, shift, Doppler width.

Everything is in wavenumber [cm^-1], pressure in atmospheres, widths are half widths at half maximum; the
definitions are HITRAN's (Rothman et al. 1998, JQSRT 60, 665, appendix).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.isotopologues import ISOTOPOLOGUES
from blase.atmosphere.partition import REFERENCE_TEMPERATURE, log_partition_sum
from blase.constants import BOLTZMANN_OVER_AMU, RADIATION_CONSTANT_2, SPEED_OF_LIGHT

C2 = RADIATION_CONSTANT_2 * 1e-8
"""Second radiation constant hc/k [cm K]."""


@dataclass(frozen=True)
class LineTensors:
    """Lines at 296 K as tensors (n,), and which of `pairs`, (molecule, isotopologue), each belongs to."""

    wavenumber: Tensor
    intensity: Tensor
    air_width: Tensor
    self_width: Tensor
    lower_energy: Tensor
    width_exponent: Tensor
    pressure_shift: Tensor
    mass: Tensor
    pair: Tensor
    pairs: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return self.wavenumber.numel()


def line_tensors(lines: HitranLines) -> LineTensors:
    """The lines of HITRAN isotopologues whose partition sums are known."""
    pairs, inverse = np.unique(np.stack([lines.molecule, lines.isotopologue]), axis=1, return_inverse=True)
    known = tuple((int(m), int(i)) for m, i in pairs.T)
    mass = np.array([ISOTOPOLOGUES[pair][1] for pair in known])[inverse.ravel()]
    names = ("wavenumber", "intensity", "air_width", "self_width", "lower_energy", "width_exponent")
    columns = {name: torch.from_numpy(getattr(lines, name).copy()) for name in (*names, "pressure_shift")}
    return LineTensors(
        **columns,
        mass=torch.from_numpy(mass.reshape(-1)),
        pair=torch.from_numpy(inverse.ravel().astype(np.int64)),
        pairs=known,
    )


def intensity(lines: LineTensors, temperature: Tensor) -> Tensor:
    """S(T) [cm^-1 / (molecule cm^-2)], (n, l), at `temperature` (l,) [K].

    S(T) = S(T0) Q(T0)/Q(T) exp(-c2 E'' (1/T - 1/T0)) (1 - exp(-c2 nu / T)) / (1 - exp(-c2 nu / T0)).
    """
    inverse = 1 / temperature - 1 / REFERENCE_TEMPERATURE
    boltzmann = torch.exp(-C2 * lines.lower_energy[:, None] * inverse)
    nu = C2 * lines.wavenumber[:, None]
    emission = torch.expm1(-nu / temperature) / torch.expm1(-nu / REFERENCE_TEMPERATURE)
    return lines.intensity[:, None] * _partition_ratio(lines, temperature) * boltzmann * emission


def _partition_ratio(lines: LineTensors, temperature: Tensor) -> Tensor:
    """Q(T0)/Q(T), (n, l)."""
    reference = torch.full_like(temperature[:1], REFERENCE_TEMPERATURE)
    log_ratio = [
        log_partition_sum(reference, molecule=m, isotopologue=i)
        - log_partition_sum(temperature, molecule=m, isotopologue=i)
        for m, i in lines.pairs
    ]
    return torch.exp(torch.stack(log_ratio))[lines.pair]


def lorentz_width(
    lines: LineTensors, *, temperature: Tensor, pressure: Tensor, partial_pressure: Tensor
) -> Tensor:
    """Half width (n, l) [cm^-1] in layers (l,) of pressure p and partial pressure p_s of the absorber [atm].

    gamma = (T0/T)^n (gamma_air (p - p_s) + gamma_self p_s); the exponent is that of air, the only one given.
    """
    warm = torch.exp(-lines.width_exponent[:, None] * torch.log(temperature / REFERENCE_TEMPERATURE))
    collisions = lines.air_width[:, None] * (pressure - partial_pressure)
    return warm * (collisions + lines.self_width[:, None] * partial_pressure)


def shifted_wavenumber(lines: LineTensors, pressure: Tensor) -> Tensor:
    """nu + delta p, (n, l), at `pressure` (l,) [atm]."""
    return lines.wavenumber[:, None] + lines.pressure_shift[:, None] * pressure


def doppler_sigma(lines: LineTensors, temperature: Tensor) -> Tensor:
    """Standard deviation (n, l) [cm^-1] of the thermal profile, nu / c sqrt(k T / m)."""
    velocity = torch.sqrt(BOLTZMANN_OVER_AMU * temperature / lines.mass[:, None])
    return lines.wavenumber[:, None] / SPEED_OF_LIGHT * velocity
