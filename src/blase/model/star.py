"""The star: its lines, its radial velocity, its rotation and the streams on its surface."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blase.functional.convolution import apply_transfer
from blase.functional.grid import angular_frequency
from blase.functional.macroturbulence import macroturbulence_transfer
from blase.functional.optical_depth import Sampling
from blase.functional.rotation import rotation_transfer
from blase.model.lines import VoigtLines


class Star(nn.Module):
    """Normalised spectrum S_rot(l / D_RV) of a rotating star.

    `radial_velocity` [km/s] is positive when receding; rotation enters through `vsini_squared` [km^2/s^2], in
    which broadening is linear near zero; `limb_darkening` is the linear coefficient u (Gray 2008). A star
    made with a `macroturbulence` (radial-tangential, [km/s]) has `macroturbulence_squared` as a parameter.
    """

    def __init__(
        self,
        lines: VoigtLines,
        *,
        radial_velocity: float = 0.0,
        vsini: float = 0.0,
        limb_darkening: float = 0.6,
        macroturbulence: float = 0.0,
        rotates: bool = True,
    ) -> None:
        super().__init__()
        self.lines = lines
        self.rotates = rotates
        self.radial_velocity = nn.Parameter(torch.tensor(radial_velocity, dtype=torch.float64))
        self.vsini_squared = nn.Parameter(torch.tensor(vsini**2, dtype=torch.float64))
        self.limb_darkening = nn.Parameter(torch.tensor(limb_darkening, dtype=torch.float64))
        self.macroturbulence_squared = (
            nn.Parameter(torch.tensor(macroturbulence**2, dtype=torch.float64))
            if macroturbulence > 0
            else None
        )

    def intrinsic(self, grid: Sampling, index: Tensor) -> Tensor:
        """exp(-tau), unrotated, shape (n,)."""
        return torch.exp(-self.lines(grid, self.radial_velocity, index))

    def rotate(
        self,
        spectrum: Tensor,
        step: float,
        *,
        vsini_squared: Tensor | None = None,
        limb_darkening: Tensor | None = None,
        macroturbulence_squared: Tensor | None = None,
    ) -> Tensor:
        """Broaden `spectrum` (n,) sampled every `step` [km/s]; by its own motions unless told otherwise."""
        if not self.rotates:
            return spectrum
        k = angular_frequency(spectrum.shape[-1], step).to(spectrum.device)
        transfer = rotation_transfer(
            k,
            vsini_squared=self.vsini_squared if vsini_squared is None else vsini_squared,
            limb_darkening=self.limb_darkening if limb_darkening is None else limb_darkening,
        )
        streams = self.macroturbulence_squared if macroturbulence_squared is None else macroturbulence_squared
        if streams is not None:
            transfer = transfer * macroturbulence_transfer(k, macroturbulence_squared=streams)
        return apply_transfer(spectrum, transfer)

    def forward(self, grid: Sampling, index: Tensor, step: float) -> Tensor:
        """Rotated spectrum (n,) on a grid of velocity step `step` [km/s]."""
        return self.rotate(self.intrinsic(grid, index), step)
