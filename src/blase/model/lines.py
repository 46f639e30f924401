"""A set of Voigt lines whose physical parameters are free."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from blase.constants import SPEED_OF_LIGHT
from blase.functional.doppler import doppler_factor
from blase.functional.optical_depth import Sampling, optical_depth
from blase.model.core_floor import CoreFloors

UNKNOWN = "unknown"
"""Name under which lines without a species share a scale."""


def _identifier(name: str) -> str:
    """The species as part of the name of a parameter, which may have no dot in it."""
    return name.replace(".", "_") or UNKNOWN


class VoigtLines(nn.Module):
    """Lines of one absorber in its own rest frame; a call gives their optical depth seen at a velocity.

    The parameters are what the fit moves, each of shape (n_lines,): `centre_shift` [km/s] from the cloned
    centre, and the natural logarithms of `strength` [Angstrom], `sigma` and `gamma` [km/s]. The buffer
    `centre` holds the cloned centres [vacuum Angstrom]. `log_strength_scale`, `log_sigma_scale` and
    `log_gamma_scale` are shared by all lines, so that what is wrong with the whole template (a column
    density, a temperature, a turbulence) is learned from every line at once. A few strong lines may have
    `floors`, None where no line has one.

    Where the `species` (n_lines) of the lines are given, `species_scales` holds one more such logarithm for
    each of them, and for each of `among`: the column of a gas, which its weak lines learn from its strong
    ones. Lines of an unknown species, "", share one too, under the name `UNKNOWN`.
    """

    centre: Tensor
    species_index: Tensor

    def __init__(
        self,
        *,
        centre: Tensor,
        strength: Tensor,
        sigma: Tensor,
        gamma: Tensor,
        floors: CoreFloors | None = None,
        species: Sequence[str] | None = None,
        among: Sequence[str] = (),
    ) -> None:
        super().__init__()
        names = [_identifier(name) for name in species or ()]
        self.species = tuple(sorted({*names, *(_identifier(name) for name in among)}))
        numbers = [self.species.index(name) for name in names]
        self.register_buffer(
            "species_index", torch.tensor(numbers, dtype=torch.int64, device=centre.device), persistent=False
        )
        self.register_buffer("centre", centre.clone())
        self.centre_shift = nn.Parameter(torch.zeros_like(centre))
        self.log_strength = nn.Parameter(torch.log(strength))
        self.log_sigma = nn.Parameter(torch.log(sigma))
        self.log_gamma = nn.Parameter(torch.log(gamma))
        zero = torch.zeros((), dtype=torch.float64, device=centre.device)
        self.log_strength_scale, self.log_sigma_scale, self.log_gamma_scale = (
            nn.Parameter(zero.clone()) for _ in range(3)
        )
        self.species_scales = nn.ParameterDict({name: nn.Parameter(zero.clone()) for name in self.species})
        self.floors = floors

    def __len__(self) -> int:
        return self.centre.numel()

    @property
    def floored_centre(self) -> Tensor:
        """Cloned centres (n_floored,) of the lines with floors."""
        return self.centre[:0] if self.floors is None else self.centre[self.floors.index]

    def log_scale(self, index: Tensor) -> Tensor:
        """Logarithm of all that the strengths of the lines `index` (n,) share with others, (n,) or scalar."""
        if not self.species:
            return self.log_strength_scale
        scales = torch.stack([self.species_scales[name] for name in self.species])
        return self.log_strength_scale + scales[self.species_index[index]]

    def strength_scales(self) -> list[tuple[str, Tensor]]:
        """Names in this module of the scales of strengths that are to be learned, and the lines of each."""
        if not self.species:
            return [("log_strength_scale", torch.arange(len(self)))]
        return [
            (f"species_scales.{name}", torch.nonzero(self.species_index == k).reshape(-1))
            for k, name in enumerate(self.species)
        ]

    def observed(self, velocity: Tensor | float, index: Tensor) -> dict[str, Tensor]:
        """Centre, strength, sigma and gamma [Angstrom] of the lines `index` at a `velocity` [km/s].

        A receding absorber stretches all four alike, which leaves its optical depth at matching wavelengths
        as it was.
        """
        centre = self.centre[index] * doppler_factor(self.centre_shift[index]) * doppler_factor(velocity)
        per_velocity = centre / SPEED_OF_LIGHT
        return {
            "centre": centre,
            "strength": torch.exp(self.log_strength[index] + self.log_scale(index))
            * doppler_factor(velocity),
            "sigma": torch.exp(self.log_sigma[index] + self.log_sigma_scale) * per_velocity,
            "gamma": torch.exp(self.log_gamma[index] + self.log_gamma_scale) * per_velocity,
        }

    def forward(self, grid: Sampling, velocity: Tensor | float, index: Tensor) -> Tensor:
        """Optical depth (n,) on `grid` of the lines `index` (long tensor) moving at `velocity` [km/s].

        It is the effective one, -ln S, of those with a floor, so that S = exp(-sum) whatever the lines.
        """
        seen = self.observed(velocity, index)
        depth = optical_depth(
            grid,
            centre=seen["centre"],
            strength=seen["strength"],
            sigma=seen["sigma"],
            gamma=seen["gamma"],
        )
        if self.floors is None:
            return depth
        return depth + self.floors.departure(grid.wavelength, seen, index)
