"""What a fit minimises: half of chi-square plus the penalty of every departure from its prior."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from blase.errors import InputError
from blase.fit.parameters import ParameterSpace

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Data:
    """Measured flux, its standard deviation and the pixels to use, each (n_pixels,), order after order."""

    flux: Tensor
    sigma: Tensor
    used: Tensor  # bool

    @property
    def weight(self) -> np.ndarray:
        """1 / sigma (n_pixels,), zero where a pixel is not used."""
        used = self.used.numpy()
        return np.asarray(used / np.where(used, self.sigma.numpy(), 1.0))

    def to(self, device: torch.device | str) -> Data:
        """The same data on another device."""
        return Data(self.flux.to(device), self.sigma.to(device), self.used.to(device))


class Objective(Generic[Model]):
    """-ln posterior of `model` given `data`, up to a constant, as a function of the whitened vector z.

    Any module whose call returns (n_pixels,) will do; derivatives come from autograd.
    """

    def __init__(self, model: Model, data: Data, space: ParameterSpace) -> None:
        self.model, self.data, self.space = model, data, space

    def to(self, device: torch.device | str) -> Objective[Model]:
        """The same objective with copies of model, data and priors on another device; z goes there too."""
        model = deepcopy(self.model).to(device)
        return Objective(model, self.data.to(device), ParameterSpace(model, self.space.priors))

    def predict(self, z: Tensor) -> Tensor:
        """Model flux (n_pixels,) at `z`."""
        return functional_call(self.model, self.space.unpack(z), ())

    def residuals(self, z: Tensor) -> Tensor:
        """(flux - model) / sigma on every pixel, zero where unused, shape (n_pixels,)."""
        return self.deviations(self.predict(z))

    def deviations(self, model: Tensor) -> Tensor:
        """(flux - `model`) / sigma of a model flux (n_pixels,), zero where unused."""
        used, zero = self.data.used, torch.zeros_like(self.data.flux)
        sigma = torch.where(used, self.data.sigma, torch.ones_like(zero))  # 0/0 would spoil the gradient
        return torch.where(used, (self.data.flux - model) / sigma, zero)

    def __call__(self, z: Tensor) -> Tensor:
        """Scalar objective, differentiable."""
        return 0.5 * (self.residuals(z) ** 2).sum() + self.space.penalty(z).sum()

    def value(self, z: Tensor) -> float:
        """Objective as a number, without building a graph."""
        with torch.no_grad():
            return float(self(z))

    def value_and_gradient(self, z: Tensor) -> tuple[float, Tensor]:
        """Objective and its gradient (size,)."""
        point = z.detach().requires_grad_(True)
        value = self(point)
        (gradient,) = torch.autograd.grad(value, point)
        return float(value.detach()), gradient


def require_cpu(objective: Objective[Any]) -> None:
    """Raise `InputError` where an objective lives elsewhere than compiled loops can reach."""
    device = objective.data.flux.device
    if device.type != "cpu":
        raise InputError(
            "the structured solver computes on the CPU",
            value=f"an objective on {device}",
            expected="an objective on the CPU",
            fix="pass objective.to('cpu'), or use minimise_by_descent",
        )
