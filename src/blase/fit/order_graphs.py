"""Residuals of the standard forward model and their exact gradient, order by order on all threads.

Autograd walks back through one graph on one thread. Here every order has a graph of its own, from parameters
that all of them share, and the graphs are walked back side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from blase.fit.line_blocks import FloatArray
from blase.fit.objective import Objective
from blase.functional.parallel import map_all
from blase.model.forward import SpectrumModel


class _Separately(nn.Module):
    """The flux of every order of `model`, as `functional_call` wants it: in a module that is called."""

    def __init__(self, model: SpectrumModel) -> None:
        super().__init__()
        self.model = model

    def forward(self) -> list[Tensor]:
        return self.model.by_order()


@dataclass(frozen=True)
class OrderGraphs:
    """(flux - model) / sigma (n_pixels,) of all orders, zero where unused, and how it came about."""

    residuals: FloatArray
    _objective: Objective[SpectrumModel]
    _parameters: dict[str, Tensor]
    _fluxes: list[Tensor]

    @classmethod
    def at(cls, objective: Objective[SpectrumModel], z: FloatArray) -> OrderGraphs:
        """Residuals at the whitened vector `z` (size,)."""
        values = objective.space.unpack(torch.from_numpy(z.copy()))
        leaves = {name: value.detach().requires_grad_(True) for name, value in values.items()}
        named = {f"model.{name}": leaf for name, leaf in leaves.items()}
        fluxes = functional_call(_Separately(objective.model), named, ())
        seen = torch.cat([flux.detach() for flux in fluxes])
        return cls(objective.deviations(seen).numpy(), objective, leaves, fluxes)

    def gradient(self) -> FloatArray:
        """Gradient (size,) of half of chi-square by the whitened vector; may be asked for once."""
        data, space = self._objective.data, self._objective.space
        bar = torch.zeros_like(data.flux)
        bar[data.used] = -torch.from_numpy(self.residuals)[data.used] / data.sigma[data.used]
        names = [name for name, leaf in self._parameters.items() if leaf.numel()]
        leaves = [self._parameters[name] for name in names]

        def back(pair: tuple[Tensor, Tensor]) -> tuple[Tensor | None, ...]:
            flux, weight = pair
            if not flux.requires_grad:
                return (None,) * len(leaves)
            return torch.autograd.grad(flux, leaves, weight, allow_unused=True)

        sizes = [flux.numel() for flux in self._fluxes]
        parts = map_all(back, list(zip(self._fluxes, bar.split(sizes), strict=True)))
        out = np.zeros(space.size)
        for name, *slopes in zip(names, *parts, strict=True):
            total = sum((s for s in slopes if s is not None), torch.zeros(space.shapes[name]))
            out[space.slices[name]] = (total * space.priors[name].width).reshape(-1)
        return out
