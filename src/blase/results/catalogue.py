"""The lines of a fit as a catalogue: widths, departures from theory, velocities; chosen by what one asks."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from blase.errors import InputError
from blase.functional.doppler import compose_velocities
from blase.results.diagnostics import column
from blase.results.gaussian_width import gaussian_widths
from blase.results.page_data import observed_centres
from blase.results.result import FitResult
from blase.results.theory import cloned_equivalent_width, width_departure

_KEPT = ("line_id", "origin", "status")
_DESCRIPTIONS = {
    "centre": "vacuum; rest frame for stellar, observatory for telluric lines",
    "observed": "vacuum wavelength where the line is seen, in the frame of the spectrum",
    "equivalent_width": "of the line alone, in its rest frame, before rotation and instrument",
    "equivalent_width_cloned": "the same in the theoretical template",
    "departure": "(equivalent width - that of the template) / its error",
    "strength_change": "log10 of fitted over cloned strength",
    "velocity": "of this line alone, in the frame of the spectrum: the common velocity and its own shift",
    "velocity_error": "of the line's own shift, that of the common velocity left out",
    "blend": "lines whose strengths the data cannot tell apart share a number; 0 for the others",
    "blend_id": "lines nearer than half a resolution element share a number; -1 stands alone",
    "prior_dominated": "the data said little of the strength",
    "order": "0-based row",
}
_GAUSSIAN_DESCRIPTIONS = {
    "gaussian_width": "of the Gaussian that fits the core of the line, alone, as broadened",
    "gaussian_width_error": "the relative error of equivalent_width times gaussian_width",
}


def line_catalogue(result: FitResult, *, gaussian: bool = False) -> QTable:
    """One row for every line, in order of observed wavelength, with units and descriptions.

    With `gaussian`, `gaussian_width` and its error beside `equivalent_width`: what a Gaussian that is fitted
    to the core of the line would give (`blase.results.gaussian_width`).
    """
    lines = result.lines
    table = QTable(meta={"wavelength_medium": "vacuum", "frame": str(result.summary.get("frame"))})
    for name in _KEPT:
        table[name] = np.asarray(lines[name], dtype=np.str_)
    if "species" in lines.colnames:
        table["species"] = np.asarray(lines["species"], dtype=np.str_)
    table["centre"] = column(lines, "centre") * u.AA
    table["observed"] = observed_centres(result) * u.AA
    table["equivalent_width"] = column(lines, "equivalent_width") * u.AA
    table["equivalent_width_error"] = column(lines, "equivalent_width_error") * u.AA
    if gaussian:
        table["gaussian_width"] = gaussian_widths(result) * u.AA
        with np.errstate(divide="ignore", invalid="ignore"):
            share = table["gaussian_width"] / table["equivalent_width"]
        table["gaussian_width_error"] = share * table["equivalent_width_error"]
        for name, text in _GAUSSIAN_DESCRIPTIONS.items():
            table[name].info.description = text
    table["equivalent_width_cloned"] = cloned_equivalent_width(lines) * u.AA
    table["departure"] = width_departure(lines)
    with np.errstate(divide="ignore", invalid="ignore"):
        table["strength_change"] = np.log10(column(lines, "strength") / column(lines, "strength_cloned"))
    table["velocity"] = _velocity(result) * u.km / u.s
    table["velocity_error"] = column(lines, "centre_shift_error") * u.km / u.s
    table["blend"] = np.nan_to_num(column(lines, "blend")).astype(np.int64)
    table["blend_id"] = np.nan_to_num(column(lines, "blend_id"), nan=-1).astype(np.int64)
    table["prior_dominated"] = np.nan_to_num(column(lines, "prior_dominated")) > 0
    table["order"] = np.nan_to_num(column(lines, "order"), nan=-1).astype(np.int64)
    for name, text in _DESCRIPTIONS.items():
        table[name].info.description = text
    return table[np.argsort(np.asarray(table["observed"].value), kind="stable")]


def _velocity(result: FitResult) -> NDArray[np.float64]:
    """Velocity (n_lines,) [km/s] of every line by itself: (1 + v/c) = (1 + v_common/c) (1 + shift/c)."""
    stellar = np.asarray(result.lines["origin"]) == "stellar"
    common = [
        float((result.summary.get(name) or {}).get("value") or 0.0)
        for name in ("radial_velocity", "wind_velocity")
    ]
    shift = np.nan_to_num(column(result.lines, "centre_shift"))
    together = compose_velocities(np.where(stellar, *common), shift)
    return np.where(np.isfinite(column(result.lines, "centre_shift")), together, np.nan)


def select_lines(
    table: QTable,
    *,
    wavelength_range: tuple[float, float] | None = None,
    detection: float | None = None,
    departure: float | None = None,
    origin: str | None = None,
    status: str | None = None,
    species: str | None = None,
    blends: bool = True,
) -> QTable:
    """The rows of a catalogue for which everything that is asked holds.

    Parameters
    ----------
    wavelength_range : of `centre` [vacuum Angstrom].
    detection : smallest equivalent width over its error.
    departure : smallest size of `departure`.
    origin : "stellar" or "telluric".
    status : "cloned", "added" or "dropped".
    species : as the line list names it, such as "Fe 1"; an element alone ("Fe") takes all its ions.
    blends : whether lines that the data cannot tell apart from another are kept.

    Raises `InputError` where a species is asked for and no line has a name.
    """
    kept = np.ones(len(table), dtype=bool)
    if wavelength_range is not None:
        centre = table["centre"].value
        kept &= (centre >= wavelength_range[0]) & (centre <= wavelength_range[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        if detection is not None:
            ratio = table["equivalent_width"].value / table["equivalent_width_error"].value
            kept &= np.isfinite(ratio) & (ratio >= detection)
        if departure is not None:
            kept &= np.abs(np.asarray(table["departure"])) >= departure
    for name, wanted in (("origin", origin), ("status", status)):
        if wanted is not None:
            kept &= np.asarray(table[name]) == wanted
    if species is not None:
        kept &= _is_species(table, species)
    if not blends:
        kept &= np.asarray(table["blend"]) == 0
    return table[kept]


def _is_species(table: QTable, wanted: str) -> NDArray[np.bool_]:
    """Which rows are of a species, or of any ion of an element; blanks and case do not matter."""
    if "species" not in table.colnames:
        raise InputError(
            "no line has a name",
            value=f"species {wanted}",
            expected="a catalogue that was matched to a line list",
            fix="give a line list as well: --list FILE; for the air, a telluric template that tells its "
            "molecules apart",
        )
    plain = "".join(wanted.split()).lower()
    names = ["".join(str(name).split()).lower() for name in table["species"]]
    exact = plain[-1:].isdigit() or plain in names  # CO is not CO2
    found = [name == plain if exact else name.rstrip("0123456789") == plain for name in names]
    return np.array(found, dtype=bool)
