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
from blase.fit.damped_step import FIRST_DAMPING, damped_step

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
_CLIPS = 2
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


@dataclass(frozen=True)
class _Place:
    """Departures and ln R, and how good they are; pixels are (n_pixels,), `design` is (k, n_pixels)."""

    x: FloatArray
    cost: float
    normal: FloatArray
    gradient: FloatArray
    light: FloatArray
    both: FloatArray
    continuum: FloatArray
    design: FloatArray


class _Problem:
    """What is fitted to one order: departures of its lines and ln R less that of all orders."""

    def __init__(
        self, order: ObservedOrder, values: Values, air: Air, priors: LinePriors, lines: list[SingleLine]
    ) -> None:
        self.order, self.power = order, values["log_resolving_power"]
        self.columns = _Columns(order, lines, values["wind_velocity"])
        self.depths, self.star = order.optical_depths(values, air), order.star(values)
        self.base = sum(self.depths.values(), np.zeros(order.grid.numel()))
        each = [priors.strength, priors.velocity, priors.width]
        self.width = np.array(each * len(lines) + [priors.resolving_power])
        self.used, self.inflation = order.used.copy(), 1.0

    def at(self, x: FloatArray) -> _Place:
        """The place of `x`."""
        departure = x[:-1].reshape(-1, _KINDS)
        light = self.star * np.exp(-np.maximum(self.base + self.columns.depth(departure), 0.0))
        design, both = _design(self.order, self.columns, light, departure, self.power + x[-1])
        return self._weighed(x, light, both, design)

    def again(self, place: _Place) -> _Place:
        """The same place with the pixels and the noise of now."""
        return self._weighed(place.x, place.light, place.both, place.design)

    def _weighed(self, x: FloatArray, light: FloatArray, both: FloatArray, design: FloatArray) -> _Place:
        """Normal equations with the continuum, which is linear, projected out."""
        order, used = self.order, self.used
        continuum = order.continuum(both, used)
        sigma = order.sigma * self.inflation
        residual = ((order.flux - continuum * both) / sigma)[used]
        columns = (design * (continuum / sigma))[:, used].T
        basis = np.linalg.qr((order.basis * (both / sigma)[:, None])[used])[0]
        columns = columns - basis @ (basis.T @ columns)
        return _Place(
            x=x,
            cost=float(residual @ residual + np.sum((x / self.width) ** 2)),
            normal=columns.T @ columns + np.diag(self.width**-2.0),
            gradient=columns.T @ residual - x / self.width**2,
            light=light,
            both=both,
            continuum=continuum,
            design=design,
        )

    def wrong(self, place: _Place) -> NDArray[np.bool_]:
        """Used pixels that no line explains."""
        residual = (self.order.flux - place.continuum * place.both) / (self.order.sigma * self.inflation)
        return (np.abs(residual) > _OUTLIER) & self.used


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
    least = LEAST_DEPTH * float(np.median(order.order.wavelength)) / np.exp(values["log_resolving_power"])
    lines = order.atmosphere.single_lines(air, least=least) if free else []
    problem = _Problem(order, values, air, priors or LinePriors(), lines)
    here, damping, clipped, converged = problem.at(np.zeros(problem.width.size)), FIRST_DAMPING, 0, False
    for _ in range(_MAX_STEPS):
        problem.inflation = _inflation(order, here.continuum * here.both, problem.used)
        here = problem.again(here)
        step, here, damping = damped_step(here, problem.at, longest=2 * problem.width, damping=damping)
        errors = np.sqrt(np.diag(np.linalg.inv(here.normal)))
        if np.all(np.abs(step) < _SETTLED * errors):
            wrong = problem.wrong(here)
            if clipped == _CLIPS or not wrong.any():
                converged = True
                break
            problem.used, clipped = problem.used & ~wrong, clipped + 1
    return _result(problem, here, lines, converged)


def _result(problem: _Problem, here: _Place, lines: list[SingleLine], converged: bool) -> RefinedOrder:
    order, power = problem.order, problem.power + here.x[-1]
    covariance = np.linalg.inv(here.normal)
    relative = here.design / np.maximum(here.both, 1e-12)
    variance = np.einsum("ip,ij,jp->p", relative, covariance, relative, optimize=True)
    blurred = order.detect(np.stack([problem.star, here.light / problem.star]), power)
    return RefinedOrder(
        lines=tuple(lines),
        departure=here.x[:-1].reshape(-1, _KINDS),
        error=np.sqrt(np.diag(covariance))[:-1].reshape(-1, _KINDS),
        both=here.both,
        star=blurred[0],
        telluric=blurred[1],
        continuum=here.continuum * order.scale,
        light_error=np.sqrt(np.maximum(variance, 0)),
        used=problem.used,
        noise_inflation=problem.inflation,
        resolving_power=float(np.exp(power)),
        grid=order.grid.numpy(),
        transmission=here.light / problem.star,
        by_molecule={name: np.exp(-depth) for name, depth in problem.depths.items()},
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
