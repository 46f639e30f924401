"""Which parameters of a model are free, what is believed of them, and one flat vector for the solvers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from blase.errors import InputError
from blase.fit.penalties import GAUSSIAN, Shape

FLATTEST = 0.01
"""Smallest curvature [1/width^2] that a prior counts with: in its tails Student's t bends the other way."""


@dataclass(frozen=True)
class Prior:
    """Independent beliefs about the entries of one parameter.

    `mean` and `width` have the parameter's shape; near its mean a prior of any `shape` is N(mean, width^2);
    `lower` is a hard bound.
    """

    mean: Tensor
    width: Tensor
    lower: float = -np.inf
    shape: Shape = GAUSSIAN

    def to(self, device: torch.device | str) -> Prior:
        """The same belief on another device."""
        return replace(self, mean=self.mean.to(device), width=self.width.to(device))


class ParameterSpace:
    """The free parameters of `model` as one whitened vector z: parameter = mean + width * z.

    A priori z has the density of the `Shape` of its prior: N(0, 1) where that is Gaussian.

    Parameters
    ----------
    model : the module whose parameters are meant; those without a prior stay as they are.
    priors : by the parameter's name in `model.named_parameters()`; they move to the device of the parameter.

    Raises
    ------
    InputError
        for a prior of an unknown parameter or with a width that is not positive.
    """

    def __init__(self, model: nn.Module, priors: dict[str, Prior]) -> None:
        known = dict(model.named_parameters())
        self.priors: dict[str, Prior] = {}
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

    def penalty(self, z: Tensor) -> Tensor:
        """-ln prior of every entry of z (size,), zero at its mode."""
        return self._by_shape("penalty", z)

    def weight(self, z: Tensor) -> Tensor:
        """Slope of the penalty over z (size,), for iteratively reweighted least squares; 1 where Gaussian."""
        return self._by_shape("weight", z)

    def curvature(self, z: Tensor) -> Tensor:
        """Second derivative of the penalty (size,), at least `FLATTEST`."""
        return self._by_shape("curvature", z).clamp(min=FLATTEST)

    def skew(self, z: Tensor) -> Tensor:
        """Derivative of `curvature` by z (size,)."""
        steep = self._by_shape("curvature", z) > FLATTEST
        return torch.where(steep, self._by_shape("skew", z), 0.0)

    def log_norm(self) -> Tensor:
        """ln of the integral of exp(-penalty) over every entry of z (size,)."""
        parts = [
            torch.as_tensor(prior.shape.log_norm, dtype=torch.float64).expand(prior.width.numel())
            for prior in self.priors.values()
        ]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    @property
    def is_gaussian(self) -> bool:
        """Whether all priors are."""
        return all(prior.shape is GAUSSIAN for prior in self.priors.values())

    def _by_shape(self, name: str, z: Tensor) -> Tensor:
        if self.is_gaussian:
            return getattr(GAUSSIAN, name)(z)
        parts = [getattr(prior.shape, name)(z[self.slices[key]]) for key, prior in self.priors.items()]
        return torch.cat(parts)

    def gaussian_at(self, model: nn.Module, z: Tensor) -> ParameterSpace:
        """The same parameters of `model` under normal priors as curved as the present ones are at `z`.

        Laplace's approximation of the posterior needs nothing else of a prior: with these, moments and errors
        are those of normal priors. The widths are no longer those of a class, but of every entry.
        """
        if self.is_gaussian:
            return self
        root = torch.sqrt(self.curvature(z))
        local = {
            name: replace(
                prior, width=prior.width / root[self.slices[name]].reshape(self.shapes[name]), shape=GAUSSIAN
            )
            for name, prior in self.priors.items()
        }
        return ParameterSpace(model, local)

    def lower_bounds(self) -> np.ndarray:
        """Lower bound of every entry of z, shape (size,)."""
        bounds = np.full(self.size, -np.inf)
        for name, prior in self.priors.items():
            bounds[self.slices[name]] = ((prior.lower - prior.mean) / prior.width).reshape(-1).cpu().numpy()
        return bounds
