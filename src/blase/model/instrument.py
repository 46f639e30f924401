"""The instrument: line-spread function and continuum."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from blase.functional.continuum import legendre_basis
from blase.functional.line_spread import line_spread_broadening


class LineSpread(nn.Module):
    """Blurring by a line-spread function of constant width in velocity.

    `log_resolving_power` is ln R with R = lambda / FWHM before pixel integration; `h3` and `h4` are
    Gauss-Hermite coefficients (van der Marel & Franx 1993), parameters only where `gaussian` is false.
    """

    h3: Tensor | float
    h4: Tensor | float

    def __init__(self, resolving_power: float, *, gaussian: bool = True) -> None:
        super().__init__()
        self.log_resolving_power = nn.Parameter(torch.tensor(math.log(resolving_power), dtype=torch.float64))
        self.h3 = 0.0 if gaussian else nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.h4 = 0.0 if gaussian else nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(
        self,
        flux: Tensor,
        step: float,
        *,
        departure: Tensor | float = 0.0,
        log_resolving_power: Tensor | None = None,
        h3: Tensor | None = None,
        h4: Tensor | None = None,
    ) -> Tensor:
        """Blur `flux` (..., n) sampled every `step` [km/s]; by its own shape unless told otherwise.

        `departure` is added to ln R: what an order has of its own.
        """
        power = self.log_resolving_power if log_resolving_power is None else log_resolving_power
        return line_spread_broadening(
            flux,
            step=step,
            resolving_power=torch.exp(power + departure),
            h3=self.h3 if h3 is None else h3,
            h4=self.h4 if h4 is None else h4,
        )


class LegendreContinuum(nn.Module):
    """Smooth continuum sum_k c_k P_k(x) at coordinates x in [-1, 1], in units of `scale`."""

    basis: Tensor

    def __init__(self, coordinate: Tensor, *, degree: int, scale: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("basis", scale * legendre_basis(coordinate, degree))
        first = torch.zeros(degree + 1, dtype=torch.float64)
        first[0] = 1.0
        self.coefficients = nn.Parameter(first)

    def forward(self) -> Tensor:
        """Continuum (n_pixels,)."""
        return self.basis @ self.coefficients
