"""Light of the night sky that is added to that of the star: emission lines of one order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blase.constants import SPEED_OF_LIGHT
from blase.functional.doppler import doppler_factor
from blase.functional.optical_depth import Sampling, optical_depth, optical_depth_tangents


class Airglow(nn.Module):
    """Emission sum_g a_g sum_j r_j V(l - l_j D_v; sigma_j, gamma_j), V of unit area, not through the air.

    The parameters are `amplitudes` (n_groups,), the light [unit of the order's flux times Angstrom] of each
    group of lines, in which the model is linear, and `velocity` [km/s], by which all of them are displaced.
    Widths and the shares r_j inside a group are fixed.

    Parameters
    ----------
    grid : samples of the order.
    centre, sigma, gamma : (n_lines,) in the frame of the data [Angstrom]; gamma above zero.
    share : (n_lines,) of the light of the group.
    group : (n_lines,) number of the group of each line, from 0 on, none left out.
    """

    centre: Tensor
    sigma: Tensor
    gamma: Tensor
    share: Tensor
    group: Tensor
    wavelength: Tensor

    def __init__(
        self, grid: Sampling, *, centre: Tensor, sigma: Tensor, gamma: Tensor, share: Tensor, group: Tensor
    ) -> None:
        super().__init__()
        self._levels = grid.levels
        lines = {"centre": centre, "sigma": sigma, "gamma": gamma, "share": share, "group": group}
        for name, tensor in {"wavelength": grid.wavelength, **lines}.items():
            self.register_buffer(name, tensor, persistent=False)
        self.count = int(group.max()) + 1 if group.numel() else 0
        self.amplitudes = nn.Parameter(torch.zeros(self.count, dtype=torch.float64))
        self.velocity = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def profiles(self, velocity: Tensor | None = None) -> Tensor:
        """Flux (n_groups, n_grid) of every group of unit light, where the lines are or at `velocity`."""
        if not self.count:
            return torch.zeros(0, self.wavelength.numel(), dtype=torch.float64)
        moved = self.centre * doppler_factor(self.velocity if velocity is None else velocity)
        grid = Sampling(self.wavelength, self._levels)
        rows = []
        for k in range(self.count):
            mine = self.group == k
            rows.append(
                optical_depth(
                    grid,
                    centre=moved[mine],
                    strength=self.share[mine],
                    sigma=self.sigma[mine],
                    gamma=self.gamma[mine],
                )
            )
        return torch.stack(rows)

    @torch.no_grad()
    def slope(self) -> Tensor:
        """Derivative (n_grid,) of the emission by the velocity [per km/s]; on the CPU, in any thread.

        Forward mode of torch has one state for all threads, in which orders would disturb each other.
        """
        grid, out = Sampling(self.wavelength, self._levels), torch.zeros_like(self.wavelength)
        moved = self.centre * doppler_factor(self.velocity)
        rate = 1.0 / (SPEED_OF_LIGHT * (1.0 - (float(self.velocity) / SPEED_OF_LIGHT) ** 2))
        lines = {"centre": moved, "strength": self.share, "sigma": self.sigma, "gamma": self.gamma}
        along = {name: torch.zeros_like(value) for name, value in lines.items()} | {"centre": moved * rate}
        for k in range(self.count):
            mine = self.group == k
            some, moving = ({n: value[mine] for n, value in part.items()} for part in (lines, along))
            out += self.amplitudes[k] * torch.from_numpy(optical_depth_tangents(grid, some, moving)[:, 0])
        return out

    def forward(self) -> Tensor:
        """Emission (n_grid,) per Angstrom, before line spread and pixels."""
        return self.amplitudes @ self.profiles()
