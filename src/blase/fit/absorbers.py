"""Star and atmosphere as a Jacobian sees them: whose lines they are, and their places among all lines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from blase.fit.line_blocks import IntArray
from blase.fit.line_columns import LineSlopes, line_slopes, slopes_by_floor
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines


@dataclass(frozen=True)
class Absorber:
    """One absorber as the orders see it."""

    prefix: str
    lines: VoigtLines
    velocity: Tensor
    base: int  # of its first line among all lines
    floors: bool = False  # the floors of its lines, which stand as lines of their own after all others

    @property
    def count(self) -> int:
        """Number of its lines, or of their floors."""
        return len(self.lines.floors) if self.floors and self.lines.floors is not None else len(self.lines)

    def slopes(self, order: OrderModel, windows: float) -> LineSlopes:
        """Slopes of what matters in `order`, down to the optical depth `windows`."""
        by = slopes_by_floor if self.floors else line_slopes
        return by(order.grid.array, self.lines, self.velocity, self.index(order), windows=windows)

    def index(self, order: OrderModel) -> Tensor:
        """The lines that matter in `order`."""
        return order.stellar if self.prefix == "star" else order.telluric


def absorbers(model: SpectrumModel) -> list[Absorber]:
    """Star and atmosphere, as far as the model has them."""
    out = []
    if model.star is not None:
        out.append(Absorber("star", model.star.lines, model.star.radial_velocity, 0))
    if model.atmosphere is not None:
        base = len(model.star.lines) if model.star is not None else 0
        out.append(Absorber("atmosphere", model.atmosphere.lines, model.atmosphere.wind_velocity, base))
    return out


def with_floors(plain: list[Absorber]) -> list[Absorber]:
    """The absorbers and, after all lines, the floors of those that have any."""
    out, base = list(plain), sum(a.count for a in plain)
    for a in plain:
        if a.lines.floors is not None:
            out.append(replace(a, base=base, floors=True))
            base += out[-1].count
    return out


def floored_places(model: SpectrumModel) -> IntArray:
    """Places among all lines of those with floors, and of the floors themselves."""
    plain = absorbers(model)
    lines = [a.base + a.lines.floors.index.numpy() for a in plain if a.lines.floors is not None]
    of_floors = [a.base + np.arange(a.count) for a in with_floors(plain) if a.floors]
    return np.concatenate([np.zeros(0, dtype=np.int64), *lines, *of_floors])
