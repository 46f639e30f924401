"""A handful of physical parameters of the air fitted to a spectrum, the star included.

Water, a scale for every other gas, a temperature offset, the wind, the resolving power and the few parameters
of the source are fitted by damped Gauss-Newton steps on exact derivatives; the continuum of every order is
linear and solved for at every step (variable projection, Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, 413).
All lines of a gas share its scale, so that weak ones are learned from strong ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.atmosphere.layers import Air
from blase.atmosphere.observed_order import Light, ObservedOrder, Values
from blase.atmosphere.transmission import WATER
from blase.fit.damped_step import FIRST_DAMPING, damped_step
from blase.functional.parallel import map_all

FloatArray = NDArray[np.float64]

PRIOR_WIDTHS = {"log_water": 1.5, "temperature_offset": 5.0, "wind_velocity": 0.3}
"""Standard deviations of the priors about the starting values: [ln], [K], [km/s]."""
GAS_PRIOR = 0.1
"""Of the logarithm of the scale of a well-mixed gas; ozone and carbon monoxide are not well mixed: 0.5."""
_VARIABLE_GASES = {"O3": 0.5, "CO": 0.5}
OUTLIER = 6.0
"""Residual in inflated standard deviations from which a pixel is left out, once the fit has settled."""
_MAX_STEPS = 40
_SETTLED = 0.05  # of a standard error
_LEAST_GAIN = 0.2  # of chi-square, in one step
_WATER_TRIALS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class OrderState:
    """One order at the solution, over the scale of its flux; arrays (n_pixels,)."""

    light: Light
    continuum: FloatArray
    noise_inflation: float
    used: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PhysicalFit:
    """The fitted parameters: `values`, `errors` and `covariance` in the order of `names`."""

    names: tuple[str, ...]
    values: Values
    errors: Values
    covariance: FloatArray
    orders: tuple[OrderState, ...]
    chi2_reduced: float
    n_steps: int
    stop_reason: str
    converged: bool


@dataclass
class _Problem:
    orders: list[ObservedOrder]
    air_of: Callable[[dict[str, Tensor]], Air]
    names: list[str]
    start: FloatArray
    width: FloatArray
    free: NDArray[np.bool_]
    used: list[NDArray[np.bool_]] = field(default_factory=list)

    def values(self, x: FloatArray) -> Values:
        return dict(zip(self.names, x.tolist(), strict=True))


@dataclass
class _Step:
    """Normal equations at one place, and how good it is."""

    x: FloatArray
    cost: float
    normal: FloatArray
    gradient: FloatArray
    states: list[OrderState]


def fit_atmosphere(
    orders: list[ObservedOrder],
    air: Air,
    *,
    resolving_power: float,
    resolving_power_error: float,
    wind_velocity: float = 0.0,
    held: dict[str, float] | None = None,
) -> PhysicalFit:
    """Fit the air, the star and the resolving power to all orders together.

    Parameters
    ----------
    orders : at least one.
    air : where the fit starts; pressure, temperature at the telescope and airmass stay.
    resolving_power, resolving_power_error : lambda / FWHM and the standard deviation of its prior.
    wind_velocity : of the air in the frame of the data, where the fit starts [km/s].
    held : parameters that do not move, by name.
    """
    problem = _problem(orders, air, resolving_power, resolving_power_error, wind_velocity, held or {})
    problem.used = [order.used.copy() for order in orders]
    _guess_water(problem)
    now = _evaluate(problem, problem.start.copy(), np.ones(len(orders)))
    damping, reason, converged, clipped = FIRST_DAMPING, f"{_MAX_STEPS} steps were taken", False, False
    for n_steps in range(1, _MAX_STEPS + 1):  # noqa: B007
        now = _reweighted(problem, now)
        before = now.cost
        step, now, damping = _move(problem, now, damping)
        errors = np.sqrt(np.diag(_covariance(problem, now)))
        small = bool(np.all(np.abs(step) <= _SETTLED * errors))
        if small or before - now.cost < _LEAST_GAIN:
            if clipped or not _clip(problem, now):
                converged = True
                reason = (
                    f"every parameter moved less than {_SETTLED:g} standard errors"
                    if small
                    else f"chi-square fell by less than {_LEAST_GAIN:g}"
                )
                break
            clipped = True
    return _result(problem, now, n_steps, reason, converged)


def _problem(
    orders: list[ObservedOrder],
    air: Air,
    resolving_power: float,
    error: float,
    wind: float,
    held: dict[str, float],
) -> _Problem:
    molecules = dict.fromkeys(name for order in orders for name in order.molecules)
    start = {"log_water": float(torch.log(air.water)), "temperature_offset": 0.0, "wind_velocity": wind}
    width = dict(PRIOR_WIDTHS)
    for name in molecules:
        if name != WATER:
            start[f"log_{name}"], width[f"log_{name}"] = 0.0, _VARIABLE_GASES.get(name, GAS_PRIOR)
    start["log_resolving_power"] = float(np.log(resolving_power))
    width["log_resolving_power"] = max(error / resolving_power, 1e-6)
    for order in orders:
        for parameter in order.source_parameters():
            start[parameter.name], width[parameter.name] = parameter.start, parameter.width
    for name, value in held.items():
        start[name] = value
    names = list(start)
    free = np.array([name not in held for name in names])

    def air_of(x: dict[str, Tensor]) -> Air:
        scale = {name: torch.exp(x[f"log_{name}"]) for name in molecules if f"log_{name}" in x}
        water = torch.exp(x["log_water"])
        return Air(air.temperature, air.pressure, water, air.airmass, x["temperature_offset"], scale)

    return _Problem(
        orders,
        air_of,
        names,
        np.array([start[n] for n in names]),
        np.array([width.get(n, 1.0) for n in names]),
        free,
    )


def _guess_water(problem: _Problem) -> None:
    """Start at the column of water, of a few, that fits best; optical depths are proportional to it."""
    k = problem.names.index("log_water")
    if not problem.free[k]:
        return
    lights = _lights(problem, problem.start)
    costs = []
    for factor in _WATER_TRIALS:
        cost = 0.0
        for order, used, light in zip(problem.orders, problem.used, lights, strict=True):
            depth = -light.slopes["log_water"] / np.maximum(light.both, 1e-3)
            trial = light.both * np.exp(-np.clip((factor - 1) * depth, -20, 20))
            continuum = order.continuum(trial, used)
            cost += float(
                np.sum(np.minimum(np.abs((order.flux - continuum * trial) / order.sigma), 30)[used])
            )
        costs.append(cost)
    problem.start = problem.start.copy()
    problem.start[k] += np.log(_WATER_TRIALS[int(np.argmin(costs))])


def _lights(problem: _Problem, x: FloatArray) -> list[Light]:
    values = problem.values(x)
    return map_all(lambda order: order.light(values, problem.air_of), problem.orders)


def _evaluate(problem: _Problem, x: FloatArray, inflation: FloatArray) -> _Step:
    """Normal equations at `x` for a noise `inflation` (n_orders,) of the errors."""
    parts = zip(problem.orders, problem.used, _lights(problem, x), inflation, strict=True)
    states = [
        OrderState(light, order.continuum(light.both, used), float(f), used.copy())
        for order, used, light, f in parts
    ]
    return _assemble(problem, x, states)


def _assemble(problem: _Problem, x: FloatArray, states: list[OrderState]) -> _Step:
    offset = (x - problem.start) / problem.width
    normal, gradient, cost = np.diag(problem.width**-2.0), -offset / problem.width, float(np.sum(offset**2))
    for order, state in zip(problem.orders, states, strict=True):
        columns, residual = _projected(problem, order, state)
        normal = normal + columns.T @ columns
        gradient = gradient + columns.T @ residual
        n = int(state.used.sum())
        cost += float(residual @ residual) + 2 * n * float(np.log(state.noise_inflation))
    return _Step(x, cost, normal, gradient, states)


def _projected(problem: _Problem, order: ObservedOrder, state: OrderState) -> tuple[FloatArray, FloatArray]:
    """Columns (m, k) of the parameters and residuals (m,), in standard deviations, without the continuum."""
    sigma = order.sigma * state.noise_inflation
    residual = ((order.flux - state.continuum * state.light.both) / sigma)[state.used]
    zero = np.zeros(len(sigma))
    columns = np.stack([state.light.slopes.get(name, zero) for name in problem.names], axis=1)
    columns = (columns * (state.continuum / sigma)[:, None])[state.used]
    design = (order.basis * (state.light.both / sigma)[:, None])[state.used]
    basis = np.linalg.qr(design)[0]
    return columns - basis @ (basis.T @ columns), residual


def _reweighted(problem: _Problem, now: _Step) -> _Step:
    """The same place with the noise that its residuals have."""
    states = [
        replace(state, noise_inflation=_noise(order, state))
        for order, state in zip(problem.orders, now.states, strict=True)
    ]
    return _assemble(problem, now.x, states)


def _noise(order: ObservedOrder, state: OrderState) -> float:
    """Factor on the errors that the residuals of an order ask for, at least 1."""
    residual = ((order.flux - state.continuum * state.light.both) / order.sigma)[state.used]
    freedom = max(residual.size - order.basis.shape[1], 1)
    return max(1.0, float(np.sqrt(np.sum(residual**2) / freedom)))


def _move(problem: _Problem, now: _Step, damping: float) -> tuple[FloatArray, _Step, float]:
    """One accepted step (or none, of length zero), the new place and the damping to go on with."""
    fixed = np.array([state.noise_inflation for state in now.states])
    return damped_step(
        now,
        lambda x: _evaluate(problem, x, fixed),
        longest=2 * problem.width,
        damping=damping,
        free=problem.free,
    )


def _covariance(problem: _Problem, now: _Step) -> FloatArray:
    """Of all parameters (k, k), zero for those that are held."""
    covariance = np.zeros_like(now.normal)
    part = np.ix_(problem.free, problem.free)
    covariance[part] = np.linalg.inv(now.normal[part])
    return covariance


def _clip(problem: _Problem, now: _Step) -> bool:
    """Leave out pixels that no telluric explains; whether there were any."""
    found = False
    for k, (order, state) in enumerate(zip(problem.orders, now.states, strict=True)):
        sigma = order.sigma * state.noise_inflation
        wrong = np.abs(order.flux - state.continuum * state.light.both) > OUTLIER * sigma
        found |= bool((wrong & problem.used[k]).any())
        problem.used[k] = problem.used[k] & ~wrong
    return found


def _result(problem: _Problem, now: _Step, n_steps: int, reason: str, converged: bool) -> PhysicalFit:
    covariance = _covariance(problem, now)
    chi2, n = 0.0, 0
    for order, state in zip(problem.orders, now.states, strict=True):
        residual = ((order.flux - state.continuum * state.light.both) / order.sigma)[state.used]
        chi2, n = chi2 + float(residual @ residual), n + len(residual) - order.basis.shape[1]
    errors = np.sqrt(np.diag(covariance))
    return PhysicalFit(
        names=tuple(problem.names),
        values=problem.values(now.x),
        errors=problem.values(errors),
        covariance=covariance,
        orders=tuple(now.states),
        chi2_reduced=chi2 / max(n - len(problem.names), 1),
        n_steps=n_steps,
        stop_reason=reason,
        converged=converged,
    )
