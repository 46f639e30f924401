"""The standard forward model: F_p = B_p C_p < L (*) [S_rot(l / D_RV) T(l / D_wind)] >_p + B_p < L (*) E >_p.

E is the light of the night sky, where the model has it.

Copy `OrderModel.forward` to write a model of your own: the output of one part is the input of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from blase.functional.grid import velocity_step
from blase.functional.optical_depth import Sampling
from blase.functional.parallel import map_all
from blase.functional.pixels import PixelWeights, integrate_pixels
from blase.model.airglow import Airglow
from blase.model.atmosphere import Atmosphere
from blase.model.instrument import LegendreContinuum, LineSpread
from blase.model.star import Star
from blase.model.wavelength_correction import WavelengthCorrection


class OrderLight(NamedTuple):
    """What reaches the pixels of one order, each (n_pixels,)."""

    model: Tensor
    star: Tensor  # blurred alone
    telluric: Tensor  # blurred alone
    continuum: Tensor  # with the blaze
    airglow: Tensor  # with the blaze; part of the model


class OrderModel(nn.Module):
    """The grid, pixels, blaze and continuum of one order, and which lines matter there.

    Parameters
    ----------
    grid : samples uniform in ln(wavelength), wider than the order by the reach of every kernel; or, without
        pixels (`pixels=None`), the very wavelengths of the data.
    pixels : weights that integrate the blurred grid over detector pixels.
    stellar, telluric : long tensors, indices of the lines to be summed.
    continuum, blaze : smooth continuum and fixed blaze (n_pixels,); both optional.
    own_resolving_power : whether `log_resolving_power_departure`, ln R of this order less that of all, is a
        parameter; else it is zero.
    wavelength_correction : where its pixels truly are, if that is in doubt.
    airglow : emission lines of the sky, in the unit of the continuum.
    """

    wavelength: Tensor
    stellar: Tensor
    telluric: Tensor
    blaze: Tensor | None
    pixel_index: Tensor | None
    pixel_weight: Tensor | None
    log_resolving_power_departure: Tensor | float

    def __init__(
        self,
        grid: Sampling,
        *,
        pixels: PixelWeights | None,
        stellar: Tensor,
        telluric: Tensor,
        continuum: LegendreContinuum | None = None,
        blaze: Tensor | None = None,
        own_resolving_power: bool = False,
        wavelength_correction: WavelengthCorrection | None = None,
        airglow: Airglow | None = None,
    ) -> None:
        super().__init__()
        self._levels = grid.levels
        fixed = {"wavelength": grid.wavelength, "stellar": stellar, "telluric": telluric, "blaze": blaze}
        fixed["pixel_index"] = None if pixels is None else pixels.index
        fixed["pixel_weight"] = None if pixels is None else pixels.weight
        for name, tensor in fixed.items():
            self.register_buffer(name, tensor, persistent=False)
        self.continuum = continuum
        self.wavelength_correction = wavelength_correction
        self.airglow = airglow
        self.log_resolving_power_departure = (
            nn.Parameter(torch.zeros((), dtype=torch.float64)) if own_resolving_power else 0.0
        )
        self.step = velocity_step(grid.wavelength) if pixels is not None else 0.0

    @property
    def grid(self) -> Sampling:
        """The samples on which spectra are made."""
        return Sampling(self.wavelength, self._levels)

    @property
    def pixels(self) -> PixelWeights | None:
        """Weights of the pixels where their wavelengths say that they are."""
        if self.pixel_index is None or self.pixel_weight is None:
            return None
        return PixelWeights(self.pixel_index, self.pixel_weight)

    def absorption(self, star: Star | None, atmosphere: Atmosphere | None) -> tuple[Tensor, Tensor]:
        """Rotated star and transmission on the grid, both (n,)."""
        ones = torch.ones_like(self.wavelength)
        return (
            ones if star is None else star(self.grid, self.stellar, self.step),
            ones if atmosphere is None else atmosphere(self.grid, self.telluric),
        )

    def scale(self) -> Tensor | float:
        """Continuum times blaze, (n_pixels,), or 1."""
        continuum = 1.0 if self.continuum is None else self.continuum()
        return continuum if self.blaze is None else continuum * self.blaze

    def blur(self, flux: Tensor, line_spread: LineSpread | None) -> Tensor:
        """Blur `flux` (..., n) on the grid, by this order's own resolving power."""
        if line_spread is None:
            return flux
        return line_spread(flux, self.step, departure=self.log_resolving_power_departure)

    def true_pixels(self) -> PixelWeights | None:
        """Weights of the pixels where they are, the correction of the wavelengths included."""
        return self.pixels if self.wavelength_correction is None else self.wavelength_correction()

    def detect(self, flux: Tensor, line_spread: LineSpread | None) -> Tensor:
        """Blur `flux` (..., n) and integrate it over the pixels (..., n_pixels)."""
        blurred, pixels = self.blur(flux, line_spread), self.true_pixels()
        return blurred if pixels is None else integrate_pixels(blurred, pixels)

    def sky(self, line_spread: LineSpread | None, emission: Tensor | None = None) -> Tensor | float:
        """Light of the sky (..., n_pixels), 0 without airglow; of `emission` (..., n_grid) where given."""
        if self.airglow is None:
            return 0.0
        seen = self.detect(self.airglow() if emission is None else emission, line_spread)
        return seen if self.blaze is None else seen * self.blaze

    def forward(
        self, star: Star | None, atmosphere: Atmosphere | None, line_spread: LineSpread | None
    ) -> Tensor:
        """Expected flux (n_pixels,)."""
        rotated, transmission = self.absorption(star, atmosphere)
        return self.scale() * self.detect(rotated * transmission, line_spread) + self.sky(line_spread)

    def light(
        self, star: Star | None, atmosphere: Atmosphere | None, line_spread: LineSpread | None
    ) -> OrderLight:
        """Expected flux and its components."""
        rotated, transmission = self.absorption(star, atmosphere)
        seen = self.detect(torch.stack([rotated * transmission, rotated, transmission]), line_spread)
        scale = self.scale() * torch.ones_like(seen[0])
        sky = self.sky(line_spread) * torch.ones_like(seen[0])
        return OrderLight(scale * seen[0] + sky, seen[1], seen[2], scale, sky)


class SpectrumModel(nn.Module):
    """Several orders of one star behind one atmosphere; star, atmosphere, line spread are optional."""

    orders: Sequence[OrderModel]

    def __init__(
        self,
        orders: list[OrderModel],
        *,
        star: Star | None = None,
        atmosphere: Atmosphere | None = None,
        line_spread: LineSpread | None = None,
    ) -> None:
        super().__init__()
        self.star, self.atmosphere, self.line_spread = star, atmosphere, line_spread
        self.orders = cast(Sequence[OrderModel], nn.ModuleList(orders))

    def forward(self) -> Tensor:
        """Expected flux of all orders, concatenated."""
        return torch.cat(self.by_order())

    def by_order(self) -> list[Tensor]:
        """Expected flux of every order."""
        parts = (self.star, self.atmosphere, self.line_spread)
        return map_all(lambda order: order(*parts), self.orders)

    def light(self) -> list[OrderLight]:
        """Expected flux and components, order by order."""
        return [order.light(self.star, self.atmosphere, self.line_spread) for order in self.orders]
