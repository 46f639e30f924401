"""The exact Voigt profile and the brute-force sum over lines that every faster path is tested against."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from blase.functional.faddeeva import faddeeva


def voigt_profile(x: Tensor, *, sigma: Tensor, gamma: Tensor) -> Tensor:
    """Area-normalised Voigt profile V(x; sigma, gamma) = Re w(z) / (sigma sqrt(2 pi)).

    z = (x + i gamma) / (sigma sqrt 2). `sigma` is the standard deviation of the Gaussian (> 0), `gamma` the
    half width at half maximum of the Lorentzian (>= 0), in the unit of `x`; shapes broadcast. The unit of the
    result is that of 1/x.
    """
    x, sigma, gamma = torch.broadcast_tensors(x, sigma, gamma)
    z = torch.complex(x, gamma) / (sigma * math.sqrt(2))
    return faddeeva(z).real / (sigma * math.sqrt(2 * math.pi))


def optical_depth_reference(
    wavelength: Tensor, *, centre: Tensor, strength: Tensor, sigma: Tensor, gamma: Tensor
) -> Tensor:
    """tau(l) = sum_j A_j V(l - l_j; sigma_j, gamma_j), every line at every sample: slow, obvious, exact.

    `wavelength` (n,) [Angstrom]; `centre`, `strength`, `sigma`, `gamma` (n_lines,) [Angstrom].
    Returns (n,). Differentiable to any order. Memory grows as n * n_lines.
    """
    x = wavelength[:, None] - centre[None, :]
    return (strength * voigt_profile(x, sigma=sigma, gamma=gamma)).sum(dim=1)


def product_transmission(
    wavelength: Tensor, *, centre: Tensor, depth: Tensor, sigma: Tensor, gamma: Tensor
) -> Tensor:
    """Product form of a clone, S = prod_j (1 - a_j V_j/V_j(0)), with 0 < a_j < 1 the central `depth`.

    Shapes and units as in `optical_depth_reference`; the other form of Gully-Santiago & Morley (2022, ApJ
    941, 200). The optical-depth form exp(-tau) is the canonical one: it saturates as real lines do.
    """
    x = wavelength[:, None] - centre[None, :]
    peak = voigt_profile(torch.zeros_like(centre), sigma=sigma, gamma=gamma)
    return (1 - depth * voigt_profile(x, sigma=sigma, gamma=gamma) / peak).prod(dim=1)
