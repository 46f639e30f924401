"""Several orders of one star, each with a resolving power and a distortion of its wavelengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum, LineList
from blase.errors import InputError
from blase.simulation.observation import NOMINAL_RESOLVING_POWER, Truth, expose, simulate_observation

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class OrderSetup:
    """One order of a simulated spectrograph.

    Parameters
    ----------
    wavelength_range : of the detector [vacuum Angstrom, observatory frame].
    resolving_power : the true one, before pixel integration.
    distortion : Legendre coefficients [km/s], lowest first, over x from -1 to 1 by wavelength along the
        order, of what the true wavelengths exceed the stated ones by.
    """

    wavelength_range: tuple[float, float]
    resolving_power: float
    distortion: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class OrdersSimulation:
    """An observation of several orders, and the truth behind each; `truth.wavelength` are the true ones."""

    spectrum: EchelleSpectrum
    truth: tuple[Truth, ...]


def simulate_orders(
    star_lines: LineList,
    telluric_lines: LineList | None,
    setups: Sequence[OrderSetup],
    *,
    seed: int = 0,
    nominal_resolving_power: float = NOMINAL_RESOLVING_POWER,
    signal_to_noise: float = 200.0,
    **more: Any,
) -> OrdersSimulation:
    """Observe one star in the orders `setups`; lines, velocities and atmosphere are the same in all.

    `nominal_resolving_power` is what the instrument claims of all orders; `more` goes to
    `simulate_observation`, whose units and errors hold. Noise is independent from order to order.

    Raises
    ------
    InputError : without any order, or for a parameter outside its physical range.
    """
    if not setups:
        raise InputError("a simulation needs an order", value=0, expected="one OrderSetup or more")
    truths, orders = [], []
    for row, setup in enumerate(setups):
        truth = simulate_observation(
            star_lines,
            telluric_lines,
            seed=seed,
            wavelength_range=setup.wavelength_range,
            resolving_power=setup.resolving_power,
            signal_to_noise=signal_to_noise,
            **more,
        ).truth
        noise = np.random.default_rng([seed, 4, row])
        seen = expose(truth, noise, signal_to_noise, nominal_resolving_power, seed)
        stated = _stated(truth.wavelength, setup.distortion)
        orders.append(replace(seen.orders[0], row=row, wavelength=stated))
        truths.append(truth)
    return OrdersSimulation(EchelleSpectrum(tuple(orders), seen.metadata), tuple(truths))


def _stated(true: FloatArray, distortion: tuple[float, ...]) -> FloatArray:
    """Wavelengths (n,) as a wrong solution states them."""
    x = 2 * (true - true[0]) / (true[-1] - true[0]) - 1
    return true * np.exp(-np.polynomial.legendre.legval(x, [*distortion, 0.0]) / SPEED_OF_LIGHT)
