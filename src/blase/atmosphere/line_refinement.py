"""Line by line on top of the physical fit: each line of the air may depart from it a little, for a price.

A line keeps the shape that it has in the layers; logarithm of strength, velocity and logarithm
of its width depart from what physics says under normal priors of zero mean. So line lists and profiles
that are a little wrong are mended where the data show it, and everywhere else physics stands. Orders are
independent of each other here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blase.atmosphere.layers import Air
from blase.atmosphere.observed_order import GRID_STEP, ObservedOrder, Values
from blase.atmosphere.transmission import SingleLine
from blase.constants import SPEED_OF_LIGHT

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LinePriors:
    """Standard deviations: ln strength, velocity [km/s], ln width; and of ln R of the order."""

    strength: float = 0.15
    velocity: float = 0.05
    width: float = 0.15
    resolving_power: float = 0.02


LEAST_DEPTH = 0.01
"""A line is refined from an equivalent width of this fraction of a resolution element on."""
_WINDOW_DEPTH = 3e-4
_WIDEST = 3.0  # [cm^-1], half width of a window
_WIDER = 1.05
_BATCH = 96
_MAX_STEPS = 10
_SETTLED = 0.1
_OUTLIER = 6.0
_KINDS = 3


@dataclass(frozen=True, eq=False)
class RefinedOrder:
    """One order after refinement.

    Attributes
    ----------
    lines : that could depart; `departure` and `error` (n_lines, 3) of ln strength, velocity [km/s], ln width.
    both, star, telluric : blurred light over the continuum (n_pixels,); `continuum` in the unit of the flux.
    light_error : relative standard error of `both` by everything that was fitted (n_pixels,).
    used : pixels that were fitted.
    noise_inflation : factor on the errors that the residuals ask for.
    resolving_power : of this order.
    grid, transmission : unblurred air as refined, (n,) on vacuum Angstrom.
    by_molecule : unblurred transmissions (n,) by molecule, as the physical fit has them.
    """

    lines: tuple[SingleLine, ...]
    departure: FloatArray
    error: FloatArray
    both: FloatArray
    star: FloatArray
    telluric: FloatArray
    continuum: FloatArray
    light_error: FloatArray
    used: NDArray[np.bool_]
    noise_inflation: float
    resolving_power: float
    grid: FloatArray
    transmission: FloatArray
    by_molecule: dict[str, FloatArray]
    converged: bool


class _Columns:
    """What the departures of every line do to the optical depth, on windows of the grid."""

    def __init__(self, order: ObservedOrder, lines: list[SingleLine], wind: float) -> None:
        nu = 1e8 / order.grid.numpy()
        self.n = len(nu)
        self.windows: list[slice] = []
        self.shapes: list[FloatArray] = []  # (3, window): tau, its slope by velocity, its slope by ln width
        for line in lines:
            middle = float(line.centre.mean()) / (1 + wind / SPEED_OF_LIGHT)
            half = min(line.reach(_WINDOW_DEPTH), _WIDEST)
            begin, end = np.searchsorted(-nu, [-(middle + half), -(middle - half)])
            here = nu[begin:end] * (1 + wind / SPEED_OF_LIGHT)
            self.windows.append(slice(int(begin), int(end)))
            if end - begin < 2:
                self.shapes.append(np.zeros((_KINDS, end - begin)))
                continue
            tau = line.optical_depth(here)
            wider = (line.optical_depth(here, wider=_WIDER) - tau) / np.log(_WIDER)
            self.shapes.append(np.stack([tau, -np.gradient(tau) / GRID_STEP, wider]))

    def depth(self, departure: FloatArray) -> FloatArray:
        """Change of the optical depth (n,) by departures (n_lines, 3)."""
        total = np.zeros(self.n)
        for window, shape, (strength, velocity, width) in zip(
            self.windows, self.shapes, departure, strict=True
        ):
            total[window] += np.expm1(strength) * shape[0]
            total[window] += np.exp(strength) * (velocity * shape[1] + width * shape[2])
        return total

    def rows(self, light: FloatArray, departure: FloatArray, first: int, end: int) -> FloatArray:
        """Derivatives (3 (end - first), n) of light = star exp(-tau) by the departures of some lines."""
        rows = np.zeros((_KINDS * (end - first), self.n))
        for k in range(first, end):
            window, shape, (strength, velocity, width) = self.windows[k], self.shapes[k], departure[k]
            scaled = np.exp(strength) * shape
            here = -light[window]
            rows[_KINDS * (k - first), window] = here * (scaled[0] + velocity * scaled[1] + width * scaled[2])
            rows[_KINDS * (k - first) + 1, window] = here * scaled[1]
            rows[_KINDS * (k - first) + 2, window] = here * scaled[2]
        return rows


def refine_lines(
    order: ObservedOrder,
    values: Values,
    air: Air,
    *,
    priors: LinePriors | None = None,
    free: bool = True,
) -> RefinedOrder:
    """Refine the lines of one order from a physical fit on.

    Parameters
    ----------
    order : the data.
    values : parameters of the physical fit; `air` is the state of the air that belongs to them.
    priors : how much lines may depart.
    free : whether they may at all; else only the resolving power of the order and the noise are found.
    """
    priors = priors or LinePriors()
    power = values["log_resolving_power"]
    middle = float(np.median(order.order.wavelength))
    least = LEAST_DEPTH * middle / np.exp(power)
    lines = order.atmosphere.single_lines(air, least=least) if free else []
    columns = _Columns(order, lines, values["wind_velocity"])
    depths, star = order.optical_depths(values, air), order.star(values)
    base = sum(depths.values(), np.zeros(order.grid.numel()))
    width = np.array([priors.strength, priors.velocity, priors.width] * len(lines) + [priors.resolving_power])
    n_continuum = order.basis.shape[1]
    x, used, inflation, converged = np.zeros(len(width)), order.used.copy(), 1.0, False
    clipped = 0
    for _ in range(_MAX_STEPS):
        departure = x[:-1].reshape(-1, _KINDS)
        light = star * np.exp(-np.maximum(base + columns.depth(departure), 0.0))
        design, both = _design(order, columns, light, departure, power + x[-1])
        continuum = order.continuum(both, used)
        sigma = order.sigma * inflation
        full = np.concatenate([design * continuum, order.basis.T * both]) / sigma
        residual = (order.flux - continuum * both) / sigma
        inflation = _inflation(order, continuum * both, used)
        full, residual = (
            full * (sigma / (order.sigma * inflation)),
            residual * sigma / (order.sigma * inflation),
        )
        precision = np.concatenate([width**-2.0, np.full(n_continuum, 1e-12)])
        normal = full[:, used] @ full[:, used].T + np.diag(precision)
        gradient = full[:, used] @ residual[used]
        gradient[: len(x)] -= x / width**2
        covariance = np.linalg.inv(normal)
        step = np.clip((covariance @ gradient)[: len(x)], -2 * width, 2 * width)
        x = x + step
        errors = np.sqrt(np.diag(covariance))
        if np.all(np.abs(step) < _SETTLED * errors[: len(x)]):
            wrong = (np.abs(residual) > _OUTLIER) & used
            if clipped == 2 or not wrong.any():
                converged = True
                break
            used, clipped = used & ~wrong, clipped + 1
    relative = full * (order.sigma * inflation) / continuum / np.maximum(both, 1e-12)
    relative[len(x) :] = 0.0
    light_error = np.sqrt(
        np.maximum(np.einsum("ip,ij,jp->p", relative, covariance, relative, optimize=True), 0)
    )
    blurred = order.detect(np.stack([star, light / star]), power + x[-1])
    return RefinedOrder(
        lines=tuple(lines),
        departure=x[:-1].reshape(-1, _KINDS),
        error=errors[: len(x) - 1].reshape(-1, _KINDS),
        both=both,
        star=blurred[0],
        telluric=blurred[1],
        continuum=continuum * order.scale,
        light_error=light_error,
        used=used,
        noise_inflation=inflation,
        resolving_power=float(np.exp(power + x[-1])),
        grid=order.grid.numpy(),
        transmission=light / star,
        by_molecule={name: np.exp(-depth) for name, depth in depths.items()},
        converged=converged,
    )


def _design(
    order: ObservedOrder, columns: _Columns, light: FloatArray, departure: FloatArray, power: float
) -> tuple[FloatArray, FloatArray]:
    """Derivatives (k, n_pixels) of the blurred light by all departures and by ln R, and the light itself."""
    parts = []
    for first in range(0, len(departure), _BATCH):
        end = min(first + _BATCH, len(departure))
        parts.append(order.detect(columns.rows(light, departure, first, end), power))
    log_power = torch.tensor(power, dtype=torch.float64)
    both, by_power = order.detect_with_slope(light, log_power)
    return np.concatenate([*parts, by_power[None]]), both


def _inflation(order: ObservedOrder, model: FloatArray, used: NDArray[np.bool_]) -> float:
    """Noise in units of the errors: 1.48 median absolute residual, at least 1."""
    residual = np.abs((order.flux - model) / order.sigma)[used]
    return max(1.0, 1.4826 * float(np.median(residual)))
