"""Light of the night sky that is added to that of the star: emission lines of one order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blase.functional.optical_depth import Sampling, optical_depth


class Airglow(nn.Module):
    """Emission sum_g a_g sum_j r_j V(l - l_j; sigma_j, gamma_j), V of unit area; it does not pass the air.

    The parameter is `amplitudes` (n_groups,), the light [unit of the order's flux times Angstrom] of each
    group of lines; the model is linear in it. Places, widths and the shares r_j inside a group are fixed.

    Parameters
    ----------
    grid : samples of the order.
    centre, sigma, gamma : (n_lines,) in the frame of the data [Angstrom]; gamma above zero.
    share : (n_lines,) of the light of the group.
    group : (n_lines,) number of the group of each line, from 0 on, none left out.
    """

    profiles: Tensor

    def __init__(
        self, grid: Sampling, *, centre: Tensor, sigma: Tensor, gamma: Tensor, share: Tensor, group: Tensor
    ) -> None:
        super().__init__()
        count = int(group.max()) + 1 if group.numel() else 0
        rows = []
        for k in range(count):
            mine = group == k
            with torch.no_grad():
                rows.append(
                    optical_depth(
                        grid,
                        centre=centre[mine],
                        strength=share[mine],
                        sigma=sigma[mine],
                        gamma=gamma[mine],
                    )
                )
        empty = torch.zeros(0, grid.wavelength.numel(), dtype=torch.float64)
        self.register_buffer("profiles", torch.stack(rows) if rows else empty, persistent=False)
        self.amplitudes = nn.Parameter(torch.zeros(count, dtype=torch.float64))

    def forward(self) -> Tensor:
        """Emission (n_grid,) per Angstrom, before line spread and pixels."""
        return self.amplitudes @ self.profiles
