"""Descents in windows of some thirty lines each, everything else held.

Most of a spectrum is settled after a few steps, while here and there a blend still winds its way to its
minimum, and would cost a step of the whole spectrum for every bend. In windows, one after the other in every
order, with the residuals that the last one left (Gauss & Seidel), all lines find their way for a fraction of
the cost of one common step; what many of them feel together is left to those steps (nonlinear Schwarz method,
Cai & Keyes 2002, SIAM J. Sci. Comput. 24, 183).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.fit.light_path import LightPath, detector_path, stellar_kernel
from blase.fit.line_assembly import line_entries
from blase.fit.line_blocks import FloatArray, IntArray
from blase.fit.line_columns import FINE_WINDOWS, LINE_PARAMETERS, window_half_width
from blase.fit.objective import Objective
from blase.fit.views import pixel_order
from blase.fit.window_descent import descend_in_window
from blase.functional.parallel import map_all
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines

LINES_PER_WINDOW = 30
WIDEST = 200.0
"""Lines felt farther than this from their centre [km/s] move with the whole spectrum only."""
TOLERANCE = 0.005
"""A descent in a window ends when a step gains less than this in ln(posterior)."""
MAX_ITERATIONS = 30


@dataclass(frozen=True)
class _Lines:
    """Lines of all absorbers that may move in windows, each row one line.

    `absorber` (n,) is 0 for the star and 1 for the atmosphere; `seen` (n, 4) the lines [Angstrom] and `value`
    (n, 4) their parameters; `entry` (n, 4) the places of these in z, -1 where frozen, and `width` (n, 4) the
    widths of their priors; `low`, `high` (n,) the ends [Angstrom] of what a line is felt on.
    """

    absorber: IntArray
    seen: FloatArray
    value: FloatArray
    entry: IntArray
    width: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def joined(cls, parts: list[_Lines]) -> _Lines:
        """The lines of several `parts`, one after the other."""
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__)
        )

    def of(self, vector: FloatArray, frozen: float) -> FloatArray:
        """Entries (n, 4) of a `vector` (size,) over z; `frozen` where there is none."""
        return np.where(self.entry >= 0, vector[np.maximum(self.entry, 0)], frozen)

    def put(self, values: FloatArray, vector: FloatArray) -> None:
        """Write `values` (n, 4) into a `vector` (size,) over z."""
        free = self.entry >= 0
        vector[self.entry[free]] = values[free]

    def take(self, which: IntArray | NDArray[np.bool_] | slice) -> _Lines:
        """Some of the lines."""
        return _Lines(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@torch.no_grad()
def _lines_of(objective: Objective[SpectrumModel], number: int, broadening: float) -> list[_Lines]:
    """Lines of the star (`number` 0) or of the atmosphere (1) that are narrow and have no floor, if any.

    The star's `broadening` [km/s] widens what feels its lines.
    """
    star, atmosphere = objective.model.star, objective.model.atmosphere
    lines: VoigtLines
    if number == 0 and star is not None:
        prefix, lines, velocity = "star", star.lines, star.radial_velocity
    elif number == 1 and atmosphere is not None:
        prefix, lines, velocity = "atmosphere", atmosphere.lines, atmosphere.wind_velocity
    else:
        return []
    observed = lines.observed(velocity, torch.arange(len(lines)))
    seen = np.stack([observed[name].numpy() for name in ("centre", "strength", "sigma", "gamma")], axis=1)
    value = np.stack([getattr(lines, name).numpy() for name in LINE_PARAMETERS], axis=1)
    entry, width = line_entries(objective.space, prefix, len(lines))
    half = window_half_width(seen[:, 1], seen[:, 2], seen[:, 3], FINE_WINDOWS)
    may_move = (half < WIDEST / SPEED_OF_LIGHT * seen[:, 0]) & (entry >= 0).any(axis=1)
    if lines.floors is not None:
        may_move[lines.floors.index.numpy()] = False
    reach = half + (broadening / SPEED_OF_LIGHT * seen[:, 0] if number == 0 else 0.0)
    low, high = seen[:, 0] - reach, seen[:, 0] + reach
    return [_Lines(np.full(len(lines), number), seen, value, entry, width, low, high).take(may_move)]


@dataclass
class _Order:
    """What the windows of one order share; `depth` (2, n), `rotated` (n,) and `residual` are updated."""

    grid: FloatArray
    depth: FloatArray
    rotated: FloatArray
    path: LightPath
    stencil: FloatArray
    weight: FloatArray
    residual: FloatArray

    @property
    def broadening(self) -> float:
        """How far the motions of the star spread its light [km/s]."""
        step = SPEED_OF_LIGHT * float(np.log(self.grid[1] / self.grid[0]))
        return self.stencil.size // 2 * step

    @property
    def first(self) -> FloatArray:
        """Wavelength of the first sample that every pixel reads."""
        return self.grid[np.clip(self.path.start, 0, self.grid.size - 1)]

    @property
    def last(self) -> FloatArray:
        """Wavelength of the last sample that every pixel reads."""
        return self.grid[np.clip(self.path.start + self.path.taps - 1, 0, self.grid.size - 1)]

    def descend(self, lines: _Lines, z: FloatArray, prior_weight: FloatArray) -> None:
        """Move the `lines`; `z` (size,) is updated."""
        low = int(np.searchsorted(self.last, lines.low.min()))
        high = int(np.searchsorted(self.first, lines.high.max()))
        if not self.weight[low:high].any():
            return
        pixels, half, start = slice(low, high), self.stencil.size // 2, self.path.start[low:high]
        begin = max(int(start[0]) - half, 0)
        samples = slice(begin, min(int(start[-1]) + self.path.taps + half, self.grid.size))
        own, depth = lines.of(z, 0.0), np.ascontiguousarray(self.depth[:, samples])
        descend_in_window(
            self.grid[samples],
            depth,
            self.rotated[samples],
            self.path.rows[pixels],
            start - begin,
            self.weight[pixels],
            self.residual[pixels],
            self.stencil,
            lines.absorber,
            lines.seen,
            lines.value,
            own,
            lines.width,
            lines.of(prior_weight, 1.0),
            TOLERANCE,
            MAX_ITERATIONS,
        )
        self.depth[:, samples] = depth
        lines.put(own, z)


@torch.no_grad()
def _order(model: SpectrumModel, order: OrderModel, weight: FloatArray, residual: FloatArray) -> _Order:
    depth, stencil = np.zeros((2, order.grid.array.size)), np.ones(1)
    rotated = np.ones(order.grid.array.size)
    if model.atmosphere is not None:
        air = model.atmosphere
        depth[1] = air.lines(order.grid, air.wind_velocity, order.telluric).numpy()
    if model.star is not None:
        star = model.star
        depth[0] = star.lines(order.grid, star.radial_velocity, order.stellar).numpy()
        rotated = star.rotate(torch.exp(-torch.from_numpy(depth[0])), order.step).numpy().copy()
        stencil = stellar_kernel(star, order.step)
    path = detector_path(model, order)
    return _Order(order.grid.array, depth, rotated, path, stencil, weight, residual.copy())


def _windows(centre: FloatArray, offset: float) -> list[IntArray]:
    """Lines of every window, by their `centre` (n,); borders are displaced by the share `offset` of one."""
    order = np.argsort(centre)
    first = -round(offset * LINES_PER_WINDOW)
    borders = range(first, centre.size, LINES_PER_WINDOW)
    windows = [order[max(b, 0) : b + LINES_PER_WINDOW] for b in borders]
    return [window for window in windows if window.size]


def descend_locally(
    objective: Objective[SpectrumModel], z: FloatArray, residuals: FloatArray, *, offset: float = 0.0
) -> FloatArray:
    """The whitened vector (size,) after one descent in every window, from `z` (size,).

    `residuals` (n_pixels,) are (flux - model) / sigma at `z`. The borders of windows are displaced by the
    share `offset` of a window, so that what lies on a border now may lie inside the next time. A line that
    more than one order feels stays as it is, and so does a very broad one, or one with a floor. The model is
    left with the parameters of `z`.
    """
    model, data, space, out = objective.model, objective.data, objective.space, z.copy()
    space.store(model, torch.from_numpy(z))
    used = data.used.numpy()
    weight = used / np.where(used, data.sigma.numpy(), 1.0)
    prior_weight = space.weight(torch.from_numpy(z)).numpy()
    *_, slices = pixel_order(list(model.orders))
    pairs = list(zip(model.orders, slices, strict=True))
    orders = map_all(lambda pair: _order(model, pair[0], weight[pair[1]], residuals[pair[1]]), pairs)
    broadening = max(order.broadening for order in orders)
    parts = [part for number in (0, 1) for part in _lines_of(objective, number, broadening)]
    if not parts:
        return out
    lines = _Lines.joined(parts)
    felt = np.stack([(lines.low < order.last[-1]) & (lines.high > order.first[0]) for order in orders])
    alone = felt.sum(axis=0) == 1

    def move(pair: tuple[_Order, NDArray[np.bool_]]) -> None:
        order, here = pair
        inside = lines.take(here & alone)
        for window in _windows(inside.seen[:, 0], offset):
            order.descend(inside.take(window), out, prior_weight)

    map_all(move, zip(orders, felt, strict=True))
    return out
