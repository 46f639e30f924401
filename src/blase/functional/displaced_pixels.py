"""Pixels that read the spectrum at displaced wavelengths: weights that are smooth in the displacement.

Pixel p, from l1 to l2 by its stated wavelengths, reads exp(w/c) l1 to exp(w/c) l2. On the model grid, uniform
in ln(lambda), that moves both edges by w / step samples. A whole number of samples only renumbers them: the
weights of `blase.functional.pixels` stay exactly as they are. What is left, at most half a sample either way,
is interpolated between weights at a few displacements (Chebyshev's extrema, the half samples among them, so
that weights are continuous where the whole number changes). A blurred spectrum is smooth on a scale of many
samples: the error is that of the weights themselves, at any displacement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.functional.pixels import PixelWeights, pixel_weights

FloatArray = NDArray[np.float64]

DEGREE = 6
"""Of the interpolant in the displacement: 1e-9 of the flux for a line spread four samples wide."""
NODES = -0.5 * np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)
"""Displacements at which weights are computed [samples]."""
_BASIS = np.linalg.inv(np.vander(2.0 * NODES, increasing=True))


@dataclass(frozen=True)
class DisplacedPixels:
    """What `PixelWeights` are at any displacement.

    index : (m, t) int64 samples that a pixel reads at a displacement below half a sample.
    weight : (DEGREE + 1, m, t) float64, by the power of twice the displacement in samples.
    n : number of samples of the grid.
    """

    index: Tensor
    weight: Tensor
    n: int

    def at(self, displacement: Tensor) -> PixelWeights:
        """Weights of pixels displaced by `displacement` (m,) samples, differentiable in it.

        Pixels that are moved beyond the grid read its last samples.
        """
        whole = torch.round(displacement).detach()
        part = 2.0 * (displacement - whole)
        weight = self.weight[-1]
        for k in range(DEGREE - 1, -1, -1):
            weight = weight * part[:, None] + self.weight[k]
        index = self.index + whole.to(torch.int64)[:, None]
        return PixelWeights(index.clamp(0, self.n - 1), weight)


def displaced_pixels(wavelength: Tensor | FloatArray, bounds: FloatArray) -> DisplacedPixels:
    """Weights for every displacement.

    Parameters
    ----------
    wavelength : (n,) model grid [Angstrom], uniform in ln(lambda), n >= 10.
    bounds : (m, 2) lower and upper edge of each pixel [Angstrom], at no displacement.

    Raises
    ------
    InputError : as `pixel_weights`, which must have half a sample to spare at either end of the grid.
    """
    n = len(wavelength)
    spacing = float(np.log(float(wavelength[-1]) / float(wavelength[0])) / (n - 1))
    parts = [pixel_weights(wavelength, bounds * np.exp(spacing * node)) for node in NODES]
    start = np.stack([part.index[:, 0].numpy() for part in parts])
    first = start.min(axis=0)
    taps = max(int((s - first).max()) + part.weight.shape[1] for s, part in zip(start, parts, strict=True))
    values = np.zeros((len(parts), first.size, taps))
    for k, part in enumerate(parts):
        place = (start[k] - first)[:, None] + np.arange(part.weight.shape[1])
        np.put_along_axis(values[k], place, part.weight.numpy(), axis=1)
    powers = np.tensordot(_BASIS, values, axes=1)
    return DisplacedPixels(
        torch.from_numpy(first[:, None] + np.arange(taps)), torch.from_numpy(powers.copy()), n
    )
