"""Orders from arrays: shapes, units, media and directions are settled here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from blase.containers.noise import der_snr_noise
from blase.containers.order import Order, masking_reasons
from blase.containers.units import to_vacuum_angstrom
from blase.errors import InputError, naming

FloatArray = NDArray[np.float64]
_OPTIONAL = ("blaze", "sky", "sky_uncertainty")


def orders_from_arrays(
    wavelength: Any,
    columns: Mapping[str, Any],
    echelle_orders: Sequence[int | None] | None,
    *,
    wavelength_unit: str | u.UnitBase | None,
    medium: str,
    path: str | None,
) -> tuple[tuple[Order, ...], str, list[str]]:
    """Orders, the unit of their flux, and what was done; see `blase.containers.spectrum.from_arrays`.

    `columns` holds flux, uncertainty, mask, blaze, sky and sky_uncertainty; all but the flux may
    be None.
    """
    waves = _split(wavelength)
    parts = {name: _matching(array, waves, name, path) for name, array in columns.items()}
    parts["echelle_order"] = _matching(echelle_orders, waves, "echelle_orders", path)
    _refuse_partial_units(waves, path)
    flux_unit = next((getattr(part, "unit", None) for part in parts["flux"]), None)
    angstrom = [to_vacuum_angstrom(wave, wavelength_unit, medium=medium, path=path) for wave in waves]
    orders, log = [], []
    for row, wave in enumerate(angstrom):
        order, done = _order(row, wave, {name: part[row] for name, part in parts.items()}, flux_unit, path)
        orders.append(order)
        log += done
    _refuse_unlike_orders(orders, path)
    if columns["uncertainty"] is None:
        _refuse_unknown_noise(orders, path)
    return tuple(orders), "" if flux_unit is None else str(flux_unit), log + _masking_sentence(orders)


def _order(
    row: int, wavelength: FloatArray, given: Mapping[str, Any], flux_unit: u.UnitBase | None, path: str | None
) -> tuple[Order, list[str]]:
    """One order, its complaints naming the file, and what was done to it."""
    done = []
    flux = _in_unit(given["flux"], flux_unit, path)
    if given["uncertainty"] is None:
        noise = der_snr_noise(flux)
        uncertainty = np.full(flux.shape, noise)
        done.append(f"order {row}: no uncertainty given; {noise:.4g} estimated from the flux (DER_SNR)")
    else:
        uncertainty = _in_unit(given["uncertainty"], flux_unit, path)
    arrays: dict[str, Any] = {"wavelength": wavelength, "flux": flux, "uncertainty": uncertainty}
    arrays["mask"] = np.zeros(flux.shape, dtype=bool) if given["mask"] is None else np.asarray(given["mask"])
    arrays |= {name: np.asarray(given[name]) for name in _OPTIONAL if given[name] is not None}
    if wavelength.ndim == 1 and wavelength.size > 1 and np.all(np.diff(wavelength) < 0):
        arrays = {name: array[::-1] for name, array in arrays.items()}
        done.append(f"order {row}: wavelengths decreased and were turned round")
    with naming(path):
        return Order(row, **arrays, echelle_order=given["echelle_order"]), done


def _split(array: Any) -> list[Any]:
    """One (n,) array per order from a 1-D array, a 2-D array or a sequence of 1-D arrays (units are kept)."""
    if isinstance(array, np.ndarray):
        return [array] if array.ndim <= 1 else list(array)
    items = list(array)
    if items and np.ndim(items[0]) == 0:
        return [u.Quantity(items) if isinstance(items[0], u.Quantity) else np.asarray(items)]
    return items


def _matching(array: Any, waves: list[Any], name: str, path: str | None) -> list[Any]:
    """`array` split into as many orders as `waves`; Nones where it is None."""
    if array is None:
        return [None] * len(waves)
    parts = list(array) if name == "echelle_orders" else _split(array)
    if len(parts) != len(waves):
        raise InputError(
            f"{name} has another number of orders than wavelength",
            path=path,
            value=str(len(parts)),
            expected=str(len(waves)),
            fix=f"give {name} for every order",
        )
    return parts


def _refuse_partial_units(waves: list[Any], path: str | None) -> None:
    with_unit = [getattr(wave, "unit", None) is not None for wave in waves]
    if any(with_unit) and not all(with_unit):
        raise InputError(
            "mixed units: some orders have a wavelength unit and some have none",
            path=path,
            value=f"{sum(with_unit)} of {len(waves)} orders with a unit",
            expected="a unit on every order or on none",
            fix="attach the unit to every order",
        )


def _refuse_unlike_orders(orders: list[Order], path: str | None) -> None:
    """Orders ten times apart in wavelength with nothing between are in different units, not in different
    colours.
    """
    middles = np.sort([np.median(order.wavelength) for order in orders])
    jumps = np.flatnonzero(middles[1:] > 5.0 * middles[:-1])
    if jumps.size:
        low, high = middles[jumps[0]], middles[jumps[0] + 1]
        raise InputError(
            "mixed units: orders differ too much in wavelength to share one unit",
            path=path,
            value=f"orders near {low:.6g} A and near {high:.6g} A once converted, and none between",
            expected="all orders in the same unit",
            fix="convert the orders to one unit",
        )


def _in_unit(values: Any, unit: u.UnitBase | None, path: str | None) -> FloatArray:
    """Bare float64 values, converted to `unit` if they carry one of their own."""
    own = getattr(values, "unit", None)
    bare = np.asarray(getattr(values, "value", values), dtype=np.float64)
    if own is None or own == unit:
        return bare
    try:
        return bare * own.to(u.dimensionless_unscaled if unit is None else unit)
    except u.UnitConversionError:
        raise InputError(
            "mixed units: flux and uncertainty cannot be compared",
            path=path,
            value=f"{own} and {unit or 'no unit'}",
            expected="one unit",
            fix="give flux and uncertainty the same unit",
        ) from None


def _refuse_unknown_noise(orders: list[Order], path: str | None) -> None:
    """Complain where the estimate of the noise is zero or undefined in every order although there is flux."""
    usable = any(order.n_good for order in orders)
    if not usable and any(np.isfinite(order.flux).any() for order in orders):
        raise InputError(
            "no uncertainty is given, and the flux shows no noise to estimate it from",
            path=path,
            expected="an uncertainty for every pixel, or flux that scatters",
            fix="add a column of uncertainties",
            value="flux that does not scatter",
        )


def _masking_sentence(orders: list[Order]) -> list[str]:
    n_pixels, n_good = sum(map(len, orders)), sum(order.n_good for order in orders)
    return (
        [f"{n_pixels - n_good} of {n_pixels} pixels masked: {masking_reasons(orders)}"]
        if n_good < n_pixels
        else []
    )
