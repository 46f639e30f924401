"""Which parameters of a model are free, what is believed of them, and one flat vector for the solvers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from blase.errors import InputError


@dataclass(frozen=True)
class GaussianPrior:
    """Independent normal beliefs N(mean, width^2), each of the parameter's shape; `lower` is a hard bound."""

    mean: Tensor
    width: Tensor
    lower: float = -np.inf

    def to(self, device: torch.device | str) -> GaussianPrior:
        """The same belief on another device."""
        return GaussianPrior(self.mean.to(device), self.width.to(device), self.lower)


class ParameterSpace:
    """The free parameters of `model` as one whitened vector z: parameter = mean + width * z, so z ~ N(0, 1) a
    priori.

    Parameters
    ----------
    model : the module whose parameters are meant; those without a prior stay as they are.
    priors : by the parameter's name in `model.named_parameters()`; they move to the device of the parameter.

    Raises
    ------
    InputError
        for a prior of an unknown parameter or with a width that is not positive.
    """

    def __init__(self, model: nn.Module, priors: dict[str, GaussianPrior]) -> None:
        known = dict(model.named_parameters())
        self.priors: dict[str, GaussianPrior] = {}
        self.slices, start = {}, 0
        for name, prior in priors.items():
            if name not in known:
                raise InputError(
                    "prior of an unknown parameter", value=name, expected=f"one of {sorted(known)}"
                )
            if not bool((prior.width > 0).all()):
                raise InputError(
                    f"the prior width of {name} must be positive",
                    value=float(prior.width.min()),
                    fix="freeze it instead",
                )
            self.priors[name] = prior.to(known[name].device)
            self.slices[name] = slice(start, start + known[name].numel())
            start += known[name].numel()
        self.size = start
        self.shapes = {name: known[name].shape for name in priors}

    def unpack(self, z: Tensor) -> dict[str, Tensor]:
        """Named parameters at the whitened vector `z` (size,)."""
        return {
            name: prior.mean + prior.width * z[self.slices[name]].reshape(self.shapes[name])
            for name, prior in self.priors.items()
        }

    def pack(self, model: nn.Module) -> Tensor:
        """Whitened vector of the current parameters of `model`."""
        known = dict(model.named_parameters())
        parts = [
            ((known[name].detach() - prior.mean) / prior.width).reshape(-1)
            for name, prior in self.priors.items()
        ]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    def store(self, model: nn.Module, z: Tensor) -> None:
        """Write the parameters at `z` into `model`."""
        known = dict(model.named_parameters())
        with torch.no_grad():
            for name, value in self.unpack(z).items():
                known[name].copy_(value)

    def lower_bounds(self) -> np.ndarray:
        """Lower bound of every entry of z, shape (size,)."""
        bounds = np.full(self.size, -np.inf)
        for name, prior in self.priors.items():
            bounds[self.slices[name]] = ((prior.lower - prior.mean) / prior.width).reshape(-1).cpu().numpy()
        return bounds
