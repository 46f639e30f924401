"""Optical depth of a single line on a window of its own, with the exact profile at every sample.

The compiled path on the CPU, with first derivatives in reverse and in forward mode; plain torch elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from blase.functional.optical_depth_numba import window_derivatives
from blase.functional.voigt import voigt_profile


def depth_slopes(wavelength: np.ndarray, *line: np.ndarray) -> np.ndarray:
    """Derivatives (4, n) of A V by centre, strength, sigma and gamma, each (1,), at `wavelength` (n,)."""
    centre, strength, sigma, gamma = line
    lo, hi, start = np.array([0]), np.array([wavelength.size]), np.array([0, wavelength.size])
    return np.asarray(window_derivatives(wavelength, centre, strength, sigma, gamma, lo, hi, start))


class _Slopes(torch.autograd.Function):
    """The same as an operator, whose inputs reach `forward` free of any transform of torch.func."""

    @staticmethod
    def forward(wavelength: Tensor, *line: Tensor) -> Tensor:
        arrays = (np.ascontiguousarray(p.detach().numpy()) for p in line)
        return torch.from_numpy(depth_slopes(wavelength.numpy(), *arrays))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.set_materialize_grads(False)


class _WindowDepth(torch.autograd.Function):
    @staticmethod
    def forward(centre: Tensor, strength: Tensor, sigma: Tensor, gamma: Tensor, wavelength: Tensor) -> Tensor:
        return strength.detach() * _Slopes.apply(wavelength, centre, strength, sigma, gamma)[1]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor | None, ...]:
        *line, wavelength = ctx.saved_tensors
        return (*(_Slopes.apply(wavelength, *line) @ bar)[:, None], None)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        *line, wavelength = ctx.saved_tensors
        slopes = _Slopes.apply(wavelength, *line)
        return sum(s * t for s, t in zip(slopes, tangents, strict=False) if t is not None)


def window_depth(
    wavelength: Tensor, *, centre: Tensor, strength: Tensor, sigma: Tensor, gamma: Tensor
) -> Tensor:
    """A V (n,) of one line, its parameters (1,) [Angstrom], at `wavelength` (n,)."""
    if wavelength.device.type == "cpu":
        return _WindowDepth.apply(centre, strength, sigma, gamma, wavelength)
    return strength * voigt_profile(wavelength - centre, sigma=sigma, gamma=gamma)
