"""A template at its native sampling as the target of a model: its misfit and the gradient of that."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from blase.functional.optical_depth import optical_depth, sampling
from blase.model.lines import VoigtLines

OpticalDepth = Callable[..., Tensor]
"""Takes `centre`, `strength`, `sigma` and `gamma` (n_lines,) [Angstrom], gives (n,)."""


def our_optical_depth(wavelength: Tensor) -> OpticalDepth:
    """The sum over lines that blasé uses, on `wavelength` (n,) [Angstrom]."""
    grid = sampling(wavelength)

    def tau(*, centre: Tensor, strength: Tensor, sigma: Tensor, gamma: Tensor) -> Tensor:
        return optical_depth(grid, centre=centre, strength=strength, sigma=sigma, gamma=gamma)

    return tau


def free_parameters(lines: VoigtLines) -> list[Tensor]:
    """What is fitted of every line: centre shift, and logarithms of strength, sigma and gamma."""
    return [lines.centre_shift, lines.log_strength, lines.log_sigma, lines.log_gamma]


class NativeMisfit:
    """Mean square of exp(-tau) - `target` (n,); a call gives the scalar, differentiable."""

    def __init__(self, lines: VoigtLines, tau: OpticalDepth, target: Tensor) -> None:
        self.lines, self.tau, self.target = lines, tau, target
        self._index = torch.arange(len(lines))

    def __call__(self) -> Tensor:
        """The misfit at the present parameters."""
        flux = torch.exp(-self.tau(**self.lines.observed(0.0, self._index)))
        return ((flux - self.target) ** 2).mean()

    def gradient(self) -> tuple[Tensor, ...]:
        """Gradient by the four parameters of every line, each (n_lines,)."""
        return torch.autograd.grad(self(), free_parameters(self.lines))
