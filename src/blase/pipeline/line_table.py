"""The table of every line: where it is, how strong, and how far it moved from its clone."""

from __future__ import annotations

import numpy as np
import torch
from astropy import units as u
from astropy.table import QTable, vstack
from numpy.typing import NDArray

from blase.cloning.clone import Clone
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.fit.equivalent_width import equivalent_width
from blase.model.lines import VoigtLines
from blase.pipeline.blends import Blend, blend_numbers
from blase.pipeline.dropped_lines import dropped_rows
from blase.pipeline.floor_table import floor_columns, floored_widths
from blase.pipeline.order_rows import rows_of
from blase.pipeline.prepare import Pixels
from blase.pipeline.solve import Solved
from blase.pipeline.uncertainty import equivalent_width_errors, line_covariances

FloatArray = NDArray[np.float64]
_UNITS = {
    "centre": u.AA,
    "centre_shift": u.km / u.s,
    "strength": u.AA,
    "sigma": u.km / u.s,
    "gamma": u.km / u.s,
}
_PRIOR_DOMINATED = 0.8
"""Posterior over prior width above which the data say little."""


def line_table(
    solved: Solved,
    star: Clone,
    telluric: Clone | None,
    pixels: list[Pixels],
    *,
    dropped: LineList,
    blends: list[Blend],
) -> QTable:
    """All lines of a fit in order of observed wavelength, with the columns of `lines.ecsv`.

    `dropped` are cloned lines of the star that are not in the model; `blends` cannot be told apart.
    """
    model = solved.model
    parts = []
    if model.star is not None:
        parts.append(
            _part(solved, "stellar", "star", model.star.lines, star, model.star.radial_velocity, pixels)
        )
        parts[-1]["blend"] = blend_numbers(blends, "star", len(model.star.lines))
    if model.atmosphere is not None and telluric is not None:
        wind = model.atmosphere.wind_velocity
        parts.append(_part(solved, "telluric", "atmosphere", model.atmosphere.lines, telluric, wind, pixels))
        parts[-1]["blend"] = blend_numbers(blends, "atmosphere", len(model.atmosphere.lines))
    if model.star is not None and len(dropped):
        parts.append(dropped_rows(parts[0], dropped, float(model.star.radial_velocity.detach()), pixels))
    if any("species" in part.colnames for part in parts):
        for part in parts:
            if "species" not in part.colnames:
                part["species"] = np.full(len(part), "")
    table = vstack(parts, metadata_conflicts="silent")
    table["line_id"] = _identities(table)
    table = table[np.argsort(table["_observed"], kind="stable")]
    observed = np.asarray(table["_observed"])
    table["blend_id"] = _blends(observed, _resolution(solved, observed))
    table.remove_column("_observed")
    table.meta.update(_META)
    return table


_META = {
    "status": "cloned; added: seen in the data, not in the clone; dropped: in the clone, not in the model",
    "centre": "vacuum Angstrom; rest frame for stellar, observatory for telluric lines",
    "strength": "integrated optical depth",
    "sigma": "standard deviation of the Gaussian",
    "gamma": "half width at half maximum of the Lorentzian",
    "equivalent_width": "integral of 1 - S of the line alone, at rest, unrotated and unblurred; "
    "S = exp(-A V) but for lines with floors",
    "core_floor": "flux over continuum that the core of a strong line reaches; NaN without a floor",
    "wing_floor": "flux over continuum that its wings head for",
    "core_opacity": "opacity over that of the continuum where the core's floor takes over",
    "wing_power": "power of the optical depth with which the source function rises",
    "blend_id": "lines nearer than half a resolution element share a number; -1 stands alone",
    "blend": "lines whose strengths the data cannot tell apart share a number; 0 for the others",
    "species": "molecule of the air, where the telluric template tells them apart",
    "prior_dominated": "the width of the belief in the strength shrank by less than 20 %",
    "order": "row of the first order the line lies in, -1 outside every order",
    "errors": "one standard deviation, everything else marginalised; 0 where a parameter is held",
}


def _resolution(solved: Solved, wavelength: FloatArray) -> FloatArray:
    spread = solved.model.line_spread
    assert spread is not None
    return wavelength / float(torch.exp(spread.log_resolving_power.detach()))


def _part(
    solved: Solved,
    origin: str,
    prefix: str,
    lines: VoigtLines,
    clone: Clone,
    velocity: torch.Tensor,
    pixels: list[Pixels],
) -> QTable:
    everything = torch.arange(len(lines))
    with torch.no_grad():
        seen = {k: v.numpy() for k, v in lines.observed(velocity, everything).items()}
        rest = {k: v.numpy() for k, v in lines.observed(0.0, everything).items()}
        shift = lines.centre_shift.numpy().copy()
    cloned = clone.lines
    fitted = {
        "centre": rest["centre"],
        "centre_shift": shift,
        "strength": rest["strength"],
        "sigma": rest["sigma"] / rest["centre"] * SPEED_OF_LIGHT,
        "gamma": rest["gamma"] / rest["centre"] * SPEED_OF_LIGHT,
    }
    before = {"centre_shift": np.zeros(len(cloned))} | {
        name: getattr(cloned, name) for name in ("centre", "strength", "sigma", "gamma")
    }
    before = {name: np.where(cloned.is_added, np.nan, values) for name, values in before.items()}
    covariance = line_covariances(solved, prefix, len(cloned))
    errors = _errors(fitted, covariance)
    table = QTable()
    table["line_id"] = np.full(len(cloned), origin[0].upper())
    table["origin"] = np.full(len(cloned), origin)
    table["status"] = np.where(cloned.is_added, "added", "cloned")
    if origin == "telluric" and cloned.species is not None:
        table["species"] = cloned.species
    for name, unit in _UNITS.items():
        table[name] = fitted[name] * unit
        table[f"{name}_error"] = errors[name] * unit
        table[f"{name}_cloned"] = before[name] * unit
    width = equivalent_width(rest["strength"], sigma=rest["sigma"], gamma=rest["gamma"])
    width_error = equivalent_width_errors(
        rest["strength"], sigma=rest["sigma"], gamma=rest["gamma"], covariance=covariance
    )
    if lines.floors is not None:
        some = lines.floors.index.numpy()
        width[some], width_error[some] = floored_widths(solved, prefix, lines, rest)
    table["equivalent_width"] = width * u.AA
    table["equivalent_width_error"] = width_error * u.AA
    for name, values in floor_columns(solved, prefix, lines, cloned).items():
        table[name] = values
    table["prior_dominated"] = _prior_dominated(solved, prefix, len(cloned))
    table["order"] = rows_of(seen["centre"], pixels)
    table["_observed"] = seen["centre"]
    return table


def _errors(fitted: dict[str, FloatArray], covariance: FloatArray) -> dict[str, FloatArray]:
    """Standard errors of the fitted numbers of every line, each (n,); 0 where a parameter is held."""
    shift, *logarithms = np.sqrt(np.einsum("nkk->kn", covariance).clip(min=0))
    errors = {"centre": fitted["centre"] * shift / SPEED_OF_LIGHT, "centre_shift": shift}
    for name, error in zip(("strength", "sigma", "gamma"), logarithms, strict=True):
        errors[name] = fitted[name] * error
    return errors


def _prior_dominated(solved: Solved, prefix: str, count: int) -> NDArray[np.bool_]:
    where = solved.objective.space.slices.get(f"{prefix}.lines.log_strength")
    if where is None:
        return np.ones(count, dtype=bool)
    return np.asarray(np.sqrt(solved.variance_ratio[where]) > _PRIOR_DOMINATED)


def _identities(table: QTable) -> NDArray[np.str_]:
    """S or T and a number in order of wavelength for what was cloned, dropped lines included; N if added."""
    ids = np.empty(len(table), dtype="U6")
    added = table["status"] == "added"
    for letter, some in (("N", added), *((k, (table["line_id"] == k) & ~added) for k in ("S", "T"))):
        places = np.flatnonzero(some)
        places = places[np.argsort(np.asarray(table["centre_cloned" if letter != "N" else "centre"])[places])]
        ids[places] = [f"{letter}{k:05d}" for k in range(places.size)]
    return ids


def _blends(observed: FloatArray, resolution: FloatArray) -> NDArray[np.int64]:
    """Number of the blend of every line, sorted by observed wavelength; -1 for a line that stands alone."""
    if not observed.size:
        return np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[True], np.diff(observed) > 0.5 * resolution[1:]])
    group = np.cumsum(starts) - 1
    shared = np.bincount(group)[group] > 1
    numbers = np.unique(group[shared], return_inverse=True)[1]
    out = np.full(observed.size, -1, dtype=np.int64)
    out[shared] = numbers
    return out
