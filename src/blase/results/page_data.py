"""What the interactive part of the report draws, as one JSON document within a budget of bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.containers.json_text import plain
from blase.functional.doppler import doppler_factor
from blase.results.curve_text import Curve, factor_text, relative_evidence
from blase.results.diagnostics import column, departure, normalised_residual
from blase.results.page_arrays import doubles, flags, halves, levels, ramp, singles
from blase.results.result import FitResult, OrderFit
from blase.results.theory import cloned_equivalent_width, theoretical_template, width_departure

FloatArray = NDArray[np.float64]
PIXEL_BUDGET = 1_450_000
"""Bytes that all pixels may take; beyond, neighbours are drawn as one."""
TEMPLATE_BUDGET = 800_000
"""Bytes that the template may take."""
LINE_BUDGET = 2_300_000
"""Bytes that all lines may take; beyond, the faintest are left out."""
_BYTES_PER_PIXEL = 23
_BYTES_PER_SAMPLE = 8
_BYTES_PER_LINE = 100
_STATUS = ("cloned", "added", "dropped")


def page_data(result: FitResult) -> dict[str, Any]:
    """Everything that the scripts of the page need, JSON types only."""
    n_pixels = sum(order.flux.size for order in result.orders)
    thinning = max(1, -(-n_pixels * _BYTES_PER_PIXEL // PIXEL_BUDGET))
    return {
        "frame": result.summary.get("frame"),
        "thinning": thinning,
        "orders": [_order(order, thinning) for order in result.orders],
        "templates": _templates(result),
        "lines": _lines(result),
        "curve": _curve(result.summary.get("regularisation_curve")),
    }


def page_json(result: FitResult) -> str:
    """The data as text that may stand inside a script element."""
    text = json.dumps(plain(page_data(result)), allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _order(order: OrderFit, thinning: int) -> dict[str, Any]:
    used = ~order.mask

    def column_of(values: NDArray[Any], *, anywhere: bool = False) -> dict[str, Any]:
        trusted = None if anywhere else _thin(used.astype(float), thinning, np.fmax) > 0
        return levels(_thin(values, thinning), trusted=trusted)

    return {
        "row": order.row,
        "unit": order.flux_unit,
        "n_used": int(used.sum()),
        "wavelength": ramp(_thin(order.wavelength, thinning)),
        "masked": flags(_thin(order.mask.astype(float), thinning) > 0.5),
        "flux": column_of(order.flux),
        "uncertainty": column_of(order.uncertainty),
        "model": column_of(order.model, anywhere=True),
        "continuum": column_of(order.continuum, anywhere=True),
        "star": column_of(order.star, anywhere=True),
        "telluric": column_of(order.telluric, anywhere=True),
        "ratio": levels(_thin(normalised_residual(order), thinning, _farthest)),
    }


def _thin(values: FloatArray, by: int, how: Any = None) -> FloatArray:
    """`values` (n,) in blocks of `by` neighbours: their mean (of those that are finite), or `how` of them."""
    if by == 1:
        return np.asarray(values, dtype=np.float64)
    padded = np.full(-(-values.size // by) * by, np.nan)
    padded[: values.size] = values
    blocks = padded.reshape(-1, by)
    if how is np.fmax:
        return np.fmax.reduce(blocks, axis=1)
    if how is not None:
        return np.asarray(how(blocks))
    count = np.isfinite(blocks).sum(axis=1)
    total = np.where(np.isfinite(blocks), blocks, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _farthest(blocks: FloatArray) -> FloatArray:
    """Of every row of `blocks` (n, m) the value farthest from zero; NaN for rows without any."""
    place = np.argmax(np.where(np.isfinite(blocks), np.abs(blocks), -1.0), axis=1)
    return np.asarray(blocks[np.arange(len(blocks)), place])


def _templates(result: FitResult) -> list[dict[str, Any] | None]:
    """The star at full resolution inside every order, as fitted, with its error, and as cloned."""
    wavelength = column(result.template, "wavelength")
    fitted, error = column(result.template, "normalised"), column(result.template, "uncertainty")
    if not np.isfinite(fitted).any():
        return [None] * len(result.orders)
    theory = theoretical_template(result)
    observed = wavelength * doppler_factor(_velocity(result.summary, "radial_velocity"))
    spans = [
        np.searchsorted(observed, (order.wavelength[0], order.wavelength[-1])) for order in result.orders
    ]
    n_samples = sum(int(last - first) for first, last in spans)
    by = max(1, -(-n_samples * _BYTES_PER_SAMPLE // TEMPLATE_BUDGET))
    return [_template(observed[a:b], fitted[a:b], theory[a:b], error[a:b], by) for a, b in spans]


def _template(
    observed: FloatArray, fitted: FloatArray, theory: FloatArray, error: FloatArray, by: int
) -> dict[str, Any] | None:
    """One stretch of template: the grid is uniform in ln(wavelength), so that its ends say it all."""
    if observed.size < 2 * by:
        return None
    grid = _thin(observed, by)
    return {
        "first": float(grid[0]),
        "last": float(grid[-1]),
        "fitted": levels(_thin(fitted, by)),
        "theory": levels(_thin(theory, by)),
        "error": levels(_thin(error, by)),
    }


def _velocity(summary: dict[str, Any], name: str) -> float:
    """A velocity of the summary [km/s], 0 where it is not there."""
    return float((summary.get(name) or {}).get("value") or 0.0)


def observed_centres(result: FitResult) -> FloatArray:
    """Where (n_lines,) [Angstrom] the lines are seen, in the frame and medium of the spectrum."""
    of_star, of_air = (_velocity(result.summary, name) for name in ("radial_velocity", "wind_velocity"))
    stellar = np.asarray(result.lines["origin"]) == "stellar"
    return column(result.lines, "centre") * np.where(stellar, doppler_factor(of_star), doppler_factor(of_air))


def _lines(result: FitResult) -> dict[str, Any]:
    """Every line, or the strongest within the budget, in order of observed wavelength."""
    lines = result.lines
    width = column(lines, "equivalent_width")
    most = LINE_BUDGET // _BYTES_PER_LINE
    observed = observed_centres(result)
    shown = np.argsort(-np.nan_to_num(width, nan=0.0), kind="stable")[:most]
    shown = shown[np.argsort(observed[shown], kind="stable")]
    cloned = column(lines, "strength_cloned")
    with np.errstate(divide="ignore", invalid="ignore"):
        dex = np.log10(column(lines, "strength") / cloned)
        dex_error = column(lines, "strength_error") / column(lines, "strength") / np.log(10)
    widths = {
        "width": 1e3 * width,
        "width_error": 1e3 * column(lines, "equivalent_width_error"),
        "width_theory": 1e3 * cloned_equivalent_width(lines),
    }
    small = {
        "departure": width_departure(lines),
        "moved": 1e3 * departure(lines),
        "strength_dex": dex,
        "strength_dex_error": dex_error,
        "shift": column(lines, "centre_shift"),
        "shift_error": column(lines, "centre_shift_error"),
        "sigma": column(lines, "sigma"),
        "sigma_theory": column(lines, "sigma_cloned"),
        "gamma": column(lines, "gamma"),
        "gamma_theory": column(lines, "gamma_cloned"),
    }
    return {
        "n_all": len(lines),
        "id": [str(lines["line_id"][k]) for k in shown],
        "species": _species(lines, shown),
        "observed": doubles(observed[shown]),
        "centre": doubles(column(lines, "centre")[shown]),
        "telluric": flags(np.asarray(lines["origin"])[shown] == "telluric"),
        "status": flags([_status(lines, k) for k in shown]),
        "unsure": flags(np.nan_to_num(column(lines, "prior_dominated")[shown]) > 0),
        "order": singles(column(lines, "order")[shown]),
        "blend": singles(np.nan_to_num(column(lines, "blend")[shown])),
        **{name: singles(values[shown]) for name, values in widths.items()},
        **{name: halves(values[shown]) for name, values in small.items()},
    }


def _curve(curve: Curve | None) -> dict[str, Any] | None:
    """The points of the regularisation curve, residuals [%]; the place of the chosen one."""
    if curve is None:
        return None
    points = curve["points"]
    heldout = [point["residual_rms_heldout"] for point in points]
    return {
        "factor": [point["factor"] for point in points],
        "label": [factor_text(point["factor"]) for point in points],
        "fitted": [100 * point["residual_rms"] for point in points],
        "heldout": [None if value is None else 100 * value for value in heldout],
        "evidence": relative_evidence(curve),
        "effective": [point["n_effective"] for point in points],
        "chosen": [point["factor"] for point in points].index(curve["chosen_factor"]),
    }


def _species(lines: Any, shown: Sequence[int] | NDArray[np.int64]) -> list[str] | None:
    return [str(lines["species"][k]) for k in shown] if "species" in lines.colnames else None


def _status(lines: Any, k: int) -> int:
    """Number of the status in `_STATUS`; cloned where a table does not say."""
    status = str(lines["status"][k]) if "status" in lines.colnames else "cloned"
    return _STATUS.index(status) if status in _STATUS else 0
