"""What a fit found of every single order: its resolving power and the correction of its wavelengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from blase.fit.order_columns import RESOLVING_POWER, correction_name, departure_name
from blase.model.forward import OrderModel
from blase.pipeline.prepare import Pixels
from blase.pipeline.solve import Solved
from blase.pipeline.uncertainty import vector_errors

FloatArray = NDArray[np.float64]
PRIOR_DOMINATED = 0.8
"""Posterior over prior width above which the data have said little of a parameter."""
STRAINED = 3.0
"""Prior widths beyond which a parameter is reported as strained."""


def entry(value: float | None, unit: str, error: float | None = None, **remarks: Any) -> dict[str, Any]:
    """One parameter as `summary.json` holds it."""
    return {"value": value, "error": error, "unit": unit} | remarks


def of_order(solved: Solved, number: int) -> dict[str, Any]:
    """`resolving_power` of order `number` and its `wavelength_correction` (None where there is none)."""
    return {
        "resolving_power": _resolving_power(solved, number),
        "wavelength_correction": _wavelength_correction(solved, number),
    }


def displacement(order: OrderModel) -> FloatArray | None:
    """By how much [km/s] the true wavelengths (n_pixels,) are redder than the stated ones."""
    if order.wavelength_correction is None:
        return None
    return np.asarray(order.wavelength_correction.displacement().detach().numpy())


def strained_orders(solved: Solved, pixels: list[Pixels]) -> list[str]:
    """Sentences on orders whose own resolving power or wavelengths ended far outside their priors."""
    names = {"resolving power": departure_name, "wavelength correction": correction_name}
    found = []
    for number, p in enumerate(pixels):
        for what, name in names.items():
            where = solved.objective.space.slices.get(name(number))
            farthest = 0.0 if where is None else float(solved.solution.z[where].abs().max())
            if farthest > STRAINED:
                found.append(f"order {p.row}: its {what} ended {farthest:.1f} prior widths from its prior")
    return found


def _resolving_power(solved: Solved, number: int) -> dict[str, Any]:
    """R_m = exp(ln R + departure), with the error of both and their covariance."""
    spread, order = solved.model.line_spread, solved.model.orders[number]
    assert spread is not None
    with torch.no_grad():
        power = float(torch.exp(spread.log_resolving_power + order.log_resolving_power_departure))
    names = [n for n in (RESOLVING_POWER, departure_name(number)) if n in solved.objective.space.slices]
    if not names:
        return entry(power, "", fixed=True)
    space, posterior = solved.objective.space, solved.posterior
    place = np.searchsorted(posterior.dense_index, [space.slices[n].start for n in names])
    width = np.array([float(space.priors[n].width) for n in names])
    variance = float(width @ posterior.dense.inverse(place, place) @ width)
    shrunk = np.sqrt(variance) > PRIOR_DOMINATED * float(np.linalg.norm(width))
    return entry(power, "", power * float(np.sqrt(variance)), prior_dominated=bool(shrunk))


def _wavelength_correction(solved: Solved, number: int) -> dict[str, Any] | None:
    """Legendre coefficients [km/s], lowest first, of degrees `degree`."""
    correction, name = solved.model.orders[number].wavelength_correction, correction_name(number)
    errors = vector_errors(solved, name)
    if correction is None or errors is None:
        return None
    width = solved.objective.space.priors[name].width.numpy()
    values = correction.coefficients.detach().tolist()
    return {
        "value": values,
        "error": errors.tolist(),
        "unit": "km/s",
        "degree": list(range(correction.lowest, correction.lowest + len(values))),
        "prior_width": float(width[0]),
        "prior_dominated": (errors > PRIOR_DOMINATED * width).tolist(),
    }
