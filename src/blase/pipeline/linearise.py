"""Every number that a fit reports as a linear function of the parameters that were fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from astropy.table import QTable
from numpy.typing import NDArray
from scipy.sparse import coo_array

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import FLOOR_COLUMNS
from blase.fit.jacobian import Jacobian
from blase.fit.line_assembly import line_entries
from blase.fit.line_blocks import FloatArray, IntArray
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.order_columns import (
    RESOLVING_POWER,
    airglow_name,
    airglow_velocity_name,
    continuum_name,
    correction_name,
    departure_name,
)
from blase.model.lines import VoigtLines
from blase.pipeline.floor_table import floor_levels, floored_width_slopes, slope_of_level
from blase.pipeline.prepare import Pixels
from blase.pipeline.solve import Solved
from blase.pipeline.uncertainty import equivalent_width_slopes
from blase.results.linearised import LinearisedFit

_UNITS = {"centre": "Angstrom", "strength": "Angstrom", "sigma": "km/s", "gamma": "km/s"}
"""Columns of the table of lines that `LINE_PARAMETERS` move, and their units."""


@dataclass
class _Numbers:
    """Names and units of numbers, and where they depend on z and how much."""

    size: int
    names: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    parts: list[tuple[IntArray, IntArray, FloatArray]] = field(default_factory=list)

    def add(self, names: list[str], unit: str, entry: IntArray, slope: FloatArray) -> None:
        """Numbers `names` (n,) that depend on the entries `entry` (n, k) of z by `slope` (n, k); those for
        which all entries are -1 are held and left out.
        """
        free = np.flatnonzero((entry >= 0).any(axis=1))
        row, column = np.nonzero(entry[free] >= 0)
        chosen = free[row]
        self.parts.append((row + len(self.names), entry[chosen, column], slope[chosen, column]))
        self.names.extend(names[k] for k in free)
        self.units.extend([unit] * free.size)

    def linearised(self, derivative: Jacobian) -> LinearisedFit:
        """All of them, with the Jacobian."""
        row, column, slope = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        slopes = coo_array((slope, (row, column)), shape=(len(self.names), self.size)).tocsr()
        return LinearisedFit(derivative, tuple(self.names), tuple(self.units), slopes)


def linearised_fit(
    solved: Solved, derivative: Jacobian, pixels: list[Pixels], flux_unit: str, lines: QTable
) -> LinearisedFit:
    """The fit about its solution, where the Jacobian is `derivative`; `lines` is its table of lines."""
    numbers = _Numbers(solved.normal_space.size)
    for name, unit, key, slope in _scalars(solved):
        _add_parameter(numbers, solved, [name], unit, key, slope)
    for number, p in enumerate(pixels):
        _add_order(numbers, solved, number, p, flux_unit)
    for prefix, origin in (("star", "stellar"), ("atmosphere", "telluric")):
        _add_lines(numbers, solved, prefix, lines[np.asarray(lines["origin"]) == origin])
    return numbers.linearised(derivative)


def _add_parameter(
    numbers: _Numbers, solved: Solved, names: list[str], unit: str, key: str, slope: float
) -> None:
    """Numbers `names` (n,) that are `slope` times the entries (n,) of the model parameter `key`."""
    where = solved.normal_space.slices.get(key)
    if where is not None:
        width = solved.normal_space.priors[key].width.reshape(-1, 1).numpy()
        numbers.add(names, unit, np.arange(where.start, where.stop)[:, None], slope * width)


def _scalars(solved: Solved) -> Iterator[tuple[str, str, str, float]]:
    """Name, unit, model parameter and derivative by it of every number that all orders share.

    `vsini` is one of them where the data show rotation; its square always is.
    """
    model = solved.model
    assert model.star is not None and model.line_spread is not None
    yield "radial_velocity", "km/s", "star.radial_velocity", 1.0
    yield "vsini_squared", "km2/s2", "star.vsini_squared", 1.0
    squared, where = (
        float(model.star.vsini_squared.detach()),
        solved.normal_space.slices.get("star.vsini_squared"),
    )
    if where is not None:
        width = float(solved.normal_space.priors["star.vsini_squared"].width)
        if squared >= float(np.sqrt(solved.posterior.variance[where.start])) * width:
            yield "vsini", "km/s", "star.vsini_squared", 0.5 / squared**0.5
    yield (
        "resolving_power",
        "",
        RESOLVING_POWER,
        float(torch.exp(model.line_spread.log_resolving_power.detach())),
    )
    yield "limb_darkening", "", "star.limb_darkening", 1.0
    yield "wind_velocity", "km/s", "atmosphere.wind_velocity", 1.0
    for name in ("h3", "h4"):
        yield f"line_spread_{name}", "", f"line_spread.{name}", 1.0
    for origin, prefix, part in (
        ("stellar", "star", model.star),
        ("telluric", "atmosphere", model.atmosphere),
    ):
        if part is not None:
            yield from _scales(solved, origin, f"{prefix}.lines", part.lines)


def _scales(
    solved: Solved, origin: str, prefix: str, lines: VoigtLines
) -> Iterator[tuple[str, str, str, float]]:
    """Those of the factors that all lines of an absorber, or of one of its species, share."""
    known = dict(solved.model.named_parameters())
    for name in [n for n, _ in lines.strength_scales()] + ["log_sigma_scale", "log_gamma_scale"]:
        kind = "strength" if name.startswith("species") else name.removeprefix("log_").removesuffix("_scale")
        _, _, species = name.partition("species_scales.")
        value = float(known[f"{prefix}.{name}"].detach().exp())
        yield f"{origin}_{kind}_scale" + (f"_{species}" if species else ""), "", f"{prefix}.{name}", value


def _add_order(numbers: _Numbers, solved: Solved, number: int, p: Pixels, flux_unit: str) -> None:
    """What order `number` has for itself."""
    model, space = solved.model, solved.normal_space
    order, spread = model.orders[number], model.line_spread
    assert spread is not None and order.continuum is not None

    def named(kind: str, count: int, first: int = 0) -> list[str]:
        return [f"{kind}.{p.row}.{first + k}" for k in range(count)]

    names = named("continuum", order.continuum.coefficients.numel())
    _add_parameter(numbers, solved, names, flux_unit, continuum_name(number), p.scale)
    if order.wavelength_correction is not None:
        correction = order.wavelength_correction
        names = named("wavelength_correction", correction.coefficients.numel(), correction.lowest)
        _add_parameter(numbers, solved, names, "km/s", correction_name(number), 1.0)
    if order.airglow is not None:
        names = named("airglow", order.airglow.amplitudes.numel())
        unit = f"{flux_unit} Angstrom".strip()
        _add_parameter(numbers, solved, names, unit, airglow_name(number), p.scale)
        if airglow_velocity_name(number) in space.slices:
            velocity = [f"airglow_velocity.{p.row}"]
            _add_parameter(numbers, solved, velocity, "km/s", airglow_velocity_name(number), 1.0)
    if departure_name(number) in space.slices:
        keys = [name for name in (RESOLVING_POWER, departure_name(number)) if name in space.slices]
        entry = np.array([[space.slices[key].start for key in keys]])
        width = np.array([[float(space.priors[key].width) for key in keys]])
        with torch.no_grad():
            power = float(torch.exp(spread.log_resolving_power + order.log_resolving_power_departure))
        numbers.add([f"resolving_power_of_order.{p.row}"], "", entry, power * width)


def _add_lines(numbers: _Numbers, solved: Solved, prefix: str, table: QTable) -> None:
    """Columns of every line of one absorber, whose rows of the table of lines are `table`."""
    part = solved.model.star if prefix == "star" else solved.model.atmosphere
    if part is None or not len(part.lines):
        return
    lines, flat = part.lines, (len(part.lines), -1)
    with torch.no_grad():
        rest = {k: v.numpy() for k, v in lines.observed(0.0, torch.arange(len(lines))).items()}
    identities = _identities(table, rest["centre"])
    entry, width = _entries(solved, prefix, lines)
    velocity = SPEED_OF_LIGHT / rest["centre"]
    by_own = (1 / velocity, rest["strength"], rest["sigma"] * velocity, rest["gamma"] * velocity)
    for k, ((name, unit), slope) in enumerate(zip(_UNITS.items(), by_own, strict=True)):
        numbers.add([f"{i}.{name}" for i in identities], unit, entry[:, k], slope[:, None] * width[:, k])
    slopes = equivalent_width_slopes(rest["strength"], sigma=rest["sigma"], gamma=rest["gamma"])
    by_floor, floor_entry = np.zeros((len(lines), len(FLOOR_COLUMNS))), np.full((len(lines), 1), -1)
    if lines.floors is not None:
        floor_entry, floor_width = _add_floors(numbers, solved, prefix, lines, identities)
        some, of_floored = lines.floors.index.numpy(), floored_width_slopes(lines, rest)[1]
        slopes[some, 1:], by_floor[some] = of_floored[:, :3], of_floored[:, 3:]
        by_floor *= floor_width
    of_lines = slopes[:, :, None] * width
    numbers.add(
        [f"{identity}.equivalent_width" for identity in identities],
        "Angstrom",
        np.hstack([entry.reshape(flat), np.broadcast_to(floor_entry, by_floor.shape)]),
        np.hstack([of_lines.reshape(flat), by_floor]),
    )


def _add_floors(
    numbers: _Numbers, solved: Solved, prefix: str, lines: VoigtLines, identities: NDArray[np.str_]
) -> tuple[IntArray, FloatArray]:
    """Levels of the lines with floors; entries of z and prior widths of the floors of all lines (n, 4)."""
    assert lines.floors is not None
    some, levels = lines.floors.index.numpy(), floor_levels(lines)
    entry, width = line_entries(solved.normal_space, prefix, some.size, floors=True)
    for k, name in enumerate(FLOOR_COLUMNS):
        slope = slope_of_level(name, levels[name]) * width[:, k]
        numbers.add([f"{i}.{name}" for i in identities[some]], "", entry[:, k, None], slope[:, None])
    of_all = np.full((len(lines), entry.shape[1]), -1), np.zeros((len(lines), entry.shape[1]))
    of_all[0][some], of_all[1][some] = entry, width
    return of_all


def _entries(solved: Solved, prefix: str, lines: VoigtLines) -> tuple[IntArray, FloatArray]:
    """Entries of z and prior widths (n, 4, 2) of the parameters of lines, and of the scales they share."""
    space, count = solved.normal_space, len(lines)
    entry, width = np.full((count, 4, 2), -1), np.zeros((count, 4, 2))
    entry[:, :, 0], width[:, :, 0] = line_entries(space, prefix, count)
    everything = np.arange(count)
    shared = [(1, name, some.numpy()) for name, some in lines.strength_scales()]
    shared += [(k, f"{LINE_PARAMETERS[k]}_scale", everything) for k in (2, 3)]
    for k, name, some in shared:
        where = space.slices.get(f"{prefix}.lines.{name}")
        if where is not None:
            entry[some, k, 1], width[some, k, 1] = (
                where.start,
                float(space.priors[f"{prefix}.lines.{name}"].width),
            )
    return entry, width


def _identities(table: QTable, centre: FloatArray) -> NDArray[np.str_]:
    """`line_id` (n,) of the lines at `centre` (n,); those of the table are in order of wavelength."""
    known = np.asarray(table["line_id"][np.asarray(table["status"]) != "dropped"], dtype=str)
    out = np.empty_like(known)
    out[np.argsort(centre, kind="stable")] = known
    return out
