"""What a wavelength solution is wrong by, order by order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blase.functional.continuum import legendre_basis
from blase.functional.displaced_pixels import DisplacedPixels
from blase.functional.pixels import PixelWeights


class WavelengthCorrection(nn.Module):
    """Pixels displaced by w(x) = sum_k c_k P_k(x) [km/s], x in [-1, 1] along the order.

    Sign: where w > 0 a pixel's true wavelength is exp(w/c) times the stated one, redder. A pixel keeps its
    width in velocity: the change of w within one pixel is left out (a stretch by 1e-4 moves a flux by less
    than 1e-5 where pixels are no wider than the line spread).

    Parameters
    ----------
    pixels : weights at every displacement.
    coordinate : (n_pixels,) x of each pixel.
    step : velocity step of the model grid [km/s].
    degree : highest k.
    lowest : lowest k; 1 where a common shift cannot be told from the radial velocity.
    """

    basis: Tensor
    index: Tensor
    weight: Tensor

    def __init__(
        self, pixels: DisplacedPixels, coordinate: Tensor, *, step: float, degree: int, lowest: int = 0
    ) -> None:
        super().__init__()
        self.register_buffer("basis", legendre_basis(coordinate, degree)[:, lowest:].contiguous())
        self.register_buffer("index", pixels.index, persistent=False)
        self.register_buffer("weight", pixels.weight, persistent=False)
        self.n, self.step, self.lowest = pixels.n, step, lowest
        self.coefficients = nn.Parameter(torch.zeros(degree + 1 - lowest, dtype=torch.float64))

    def displacement(self) -> Tensor:
        """w (n_pixels,) [km/s] of every pixel."""
        return self.basis @ self.coefficients

    def forward(self, displacement: Tensor | None = None) -> PixelWeights:
        """Weights of the pixels where they are, or displaced by `displacement` (n_pixels,) [km/s]."""
        w = self.displacement() if displacement is None else displacement
        return DisplacedPixels(self.index, self.weight, self.n).at(w / self.step)
