"""Which lines have a floor, and how high: a few strong ones, beside the many that absorb as exp(-tau)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blase.functional.core_floor import departure, effective_depth
from blase.functional.window_depth import window_depth

FLOOR_PARAMETERS = ("logit_core_floor", "logit_wing_floor", "log_core_opacity", "log_wing_power")
"""Free parameters of a floor, in the order of its columns."""
FELT = 1e-6
"""Change of the optical depth by a floor that the model still follows."""


class CoreFloors(nn.Module):
    """Floors of the lines `index` (n_floored,), increasing (`blase.functional.core_floor`).

    The parameters are what the fit moves, each (n_floored,): `logit_core_floor`, `logit_wing_floor`,
    `log_core_opacity` and `log_wing_power`.
    """

    index: Tensor

    def __init__(
        self,
        index: Tensor,
        *,
        core_floor: Tensor,
        wing_floor: Tensor,
        core_opacity: Tensor,
        wing_power: Tensor,
    ) -> None:
        super().__init__()
        self.register_buffer("index", index.clone())
        self.logit_core_floor = nn.Parameter(torch.logit(core_floor))
        self.logit_wing_floor = nn.Parameter(torch.logit(wing_floor))
        self.log_core_opacity = nn.Parameter(torch.log(core_opacity))
        self.log_wing_power = nn.Parameter(torch.log(wing_power))

    def __len__(self) -> int:
        return self.index.numel()

    def among(self, lines: Tensor) -> tuple[Tensor, Tensor]:
        """Which of the `lines` (indices) have a floor, and which floor each of those has, both (k,)."""
        where, which = torch.nonzero(lines[:, None] == self.index, as_tuple=True)
        return where, which

    def levels(self, which: Tensor) -> dict[str, Tensor]:
        """Core floor, wing floor, core opacity and wing power of the floors `which` (k,)."""
        return {
            "core_floor": torch.sigmoid(self.logit_core_floor[which]),
            "wing_floor": torch.sigmoid(self.logit_wing_floor[which]),
            "core_opacity": torch.exp(self.log_core_opacity[which]),
            "wing_power": torch.exp(self.log_wing_power[which]),
        }

    def departure(self, wavelength: Tensor, seen: dict[str, Tensor], lines: Tensor) -> Tensor:
        """What the floors add to the optical depth (n,) at `wavelength` of the `lines`, as `seen` there.

        Only the samples near the lines are touched: far out a floor changes nothing, since there
        tau_eff - tau is of the order of tau^2.
        """
        added, sample = [wavelength[:0]], [torch.arange(0, device=wavelength.device)]
        for window, line, levels in self.windows(wavelength, seen, lines, tolerance=FELT):
            tau = window_depth(wavelength[window], **line)
            added.append(effective_depth(tau, **levels) - tau)
            sample.append(torch.arange(window.start, window.stop, device=wavelength.device))
        return torch.zeros_like(wavelength).index_add(0, torch.cat(sample), torch.cat(added))

    def windows(
        self, wavelength: Tensor, seen: dict[str, Tensor], lines: Tensor, *, tolerance: float
    ) -> list[tuple[slice, dict[str, Tensor], dict[str, Tensor]]]:
        """Of every one of the `lines` with a floor: the samples of `wavelength` (n,) outside which the floor
        changes the optical depth by less than `tolerance`, the line as `seen`, and its levels, each (1,).
        """
        out = []
        for i, k in zip(*(part.tolist() for part in self.among(lines)), strict=True):
            line = {name: value[i : i + 1] for name, value in seen.items()}
            levels = self.levels(torch.tensor([k], device=wavelength.device))
            half = _half_width(line, levels, tolerance)
            ends = torch.cat([line["centre"] - half, line["centre"] + half]).detach()
            lo, hi = torch.searchsorted(wavelength, ends).tolist()
            out.append((slice(lo, hi), line, levels))
        return out


@torch.no_grad()
def _half_width(line: dict[str, Tensor], levels: dict[str, Tensor], tolerance: float) -> Tensor:
    """Distance [Angstrom] beyond which a floor changes the optical depth by less than `tolerance`, (1,)."""
    a, s, g = (line[name] for name in ("strength", "sigma", "gamma"))
    weak = torch.sqrt(tolerance / departure(**levels))
    core = s * torch.sqrt(2 * torch.log((a / (s * (2 * torch.pi) ** 0.5 * weak)).clamp(min=1.0)))
    return torch.maximum(torch.maximum(torch.sqrt(a * g / (torch.pi * weak)), core), 4 * (s + g))
