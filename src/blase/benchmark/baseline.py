"""The plain way to sum lines: a window of one size for all of them, and torch for everything.

It is what the research code of Gully-Santiago & Morley (2022, ApJ 941, 200) does: a pseudo-Voigt profile on
6,000 samples around every line, scattered into the spectrum, with gradients from autograd and Adam as the
optimiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from blase.functional.voigt import voigt_profile

Profile = Callable[..., Tensor]

EXACT_BATCH = 64
"""Lines whose exact profiles are held in memory at once: autograd keeps some sixty arrays of each window."""
PLAIN_BATCH = 1500
"""Lines whose pseudo-Voigt profiles are held at once where there are many thousands, which costs that a
gradient computes them twice."""


def pseudo_voigt_profile(x: Tensor, *, sigma: Tensor, gamma: Tensor) -> Tensor:
    """Area-normalised pseudo-Voigt profile, within 1 % of the peak of the Voigt profile.

    Thompson, Cox & Hastings (1987, J. Appl. Cryst. 20, 79): eta L + (1 - eta) G of one common width. `sigma`
    is a standard deviation, `gamma` a half width, in the unit of `x`; shapes broadcast.
    """
    g, lorentz = math.sqrt(8 * math.log(2)) * sigma, 2 * gamma
    terms = (1.0, 2.69269, 2.42843, 4.47163, 0.07842, 1.0)
    fwhm = sum(c * g ** (5 - k) * lorentz**k for k, c in enumerate(terms)) ** 0.2
    ratio = lorentz / fwhm
    eta = 1.36603 * ratio - 0.47719 * ratio**2 + 0.11116 * ratio**3
    half, deviation = fwhm / 2, fwhm / math.sqrt(8 * math.log(2))
    lorentzian = half / (math.pi * (x**2 + half**2))
    gaussian = torch.exp(-0.5 * (x / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    return eta * lorentzian + (1 - eta) * gaussian


class FixedWindows:
    """Sums lines over `window` samples around each; a call gives the optical depth on all samples.

    `wavelength` (n,) and the `centre` (n_lines,) that place the windows [Angstrom]; at the ends of the
    spectrum a window is shifted inwards. With `batch`, so many lines are computed at once and computed again
    for the gradient, which bounds the memory.
    """

    def __init__(
        self,
        wavelength: Tensor,
        centre: Tensor,
        *,
        window: int,
        profile: Profile = pseudo_voigt_profile,
        batch: int | None = None,
    ) -> None:
        n = wavelength.numel()
        width = min(window, n)
        first = (torch.searchsorted(wavelength, centre) - width // 2).clamp(0, n - width)
        self.index = first[:, None] + torch.arange(width)
        self.wavelength = wavelength[self.index]
        self.n_samples, self.profile, self.batch = n, profile, batch

    def __call__(self, *, centre: Tensor, strength: Tensor, sigma: Tensor, gamma: Tensor) -> Tensor:
        """Optical depth (n,) of lines (n_lines,) [Angstrom]; strength is the integrated optical depth."""
        lines = (centre, strength, sigma, gamma)
        if self.batch is None:
            return self._sum(slice(None), *lines)
        parts = [slice(k, k + self.batch) for k in range(0, centre.numel(), self.batch)]
        tau = torch.zeros(self.n_samples, dtype=torch.float64)
        for part in parts:
            share = (values[part] for values in lines)
            tau = tau + checkpoint(self._sum, part, *share, use_reentrant=False)
        return tau

    def _sum(self, part: slice, centre: Tensor, strength: Tensor, sigma: Tensor, gamma: Tensor) -> Tensor:
        x = self.wavelength[part] - centre[:, None]
        values = strength[:, None] * self.profile(x, sigma=sigma[:, None], gamma=gamma[:, None])
        empty = torch.zeros(self.n_samples, dtype=torch.float64)
        return empty.index_add(0, self.index[part].reshape(-1), values.reshape(-1))


def exact_windows(wavelength: Tensor, centre: Tensor, *, window: int) -> FixedWindows:
    """The same sum with exact Voigt profiles, a batch of lines at a time."""
    return FixedWindows(wavelength, centre, window=window, profile=voigt_profile, batch=EXACT_BATCH)
