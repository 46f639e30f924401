"""The Earth's atmosphere: absorption lines and one wind velocity."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blase.functional.optical_depth import Sampling
from blase.model.lines import VoigtLines


class Atmosphere(nn.Module):
    """Transmission T(l / D_wind); `wind_velocity` [km/s] is that of the air in the frame of the data."""

    def __init__(self, lines: VoigtLines, *, wind_velocity: float = 0.0) -> None:
        super().__init__()
        self.lines = lines
        self.wind_velocity = nn.Parameter(torch.tensor(wind_velocity, dtype=torch.float64))

    def forward(self, grid: Sampling, index: Tensor) -> Tensor:
        """Transmission (n,) of the lines `index`."""
        return torch.exp(-self.lines(grid, self.wind_velocity, index))
