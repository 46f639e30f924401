"""One line and its neighbours: in the data, and each by itself at full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
from astropy.table import QTable
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import FLOOR_COLUMNS, LineList
from blase.errors import InputError
from blase.results.diagnostics import column
from blase.results.figure import Palette
from blase.results.page_data import observed_centres
from blase.results.plot_template import FITTED
from blase.results.result import FitResult, OrderFit
from blase.results.theory import width_departure
from blase.templates.line_rendering import render_optical_depth

FloatArray = NDArray[np.float64]
REACH = 60.0
"""Half width of the picture [km/s]."""
NEAR = 10.0
"""A wavelength means lines this near to it [km/s]."""
_SHAPE = ("centre", "strength", "sigma", "gamma")


def find_line(result: FitResult, name: str) -> int:
    """Row of a line in `result.lines`: by its `line_id`, or the widest within `NEAR` of a wavelength.

    Wavelengths are those where lines are seen [vacuum Angstrom, frame of the spectrum]. Without a name the
    line that departed most from theory, of those in the orders. `InputError` with the nearest names where
    there is none.
    """
    ids = [str(line) for line in result.lines["line_id"]]
    if name in ids:
        return ids.index(name)
    if not name:
        return _most_departed(result)
    try:
        wavelength = float(name)
    except ValueError:
        near = get_close_matches(name.upper(), ids, n=3, cutoff=0.5)
    else:
        offset = np.abs(observed_centres(result) / wavelength - 1) * SPEED_OF_LIGHT
        width = np.where(offset < NEAR, np.nan_to_num(column(result.lines, "equivalent_width")), 0.0)
        if width.max(initial=0.0) > 0:
            return int(np.argmax(width))
        near = [f"{ids[row]} at {observed_centres(result)[row]:.3f}" for row in np.argsort(offset)[:3]]
    raise InputError(
        "no line has this name",
        value=name,
        expected=f"one of {len(ids)}, such as {', '.join(near or ids[:3]) or 'none'}",
        fix="see blase lines DIR, or the table in report.html; a wavelength will do",
    )


def _most_departed(result: FitResult) -> int:
    """Row of the line in an order whose width departed most from theory, in errors."""
    centre, departure = observed_centres(result), np.abs(width_departure(result.lines))
    inside = np.zeros(len(centre), dtype=bool)
    for order in result.orders:
        inside |= (centre >= order.wavelength[0]) & (centre <= order.wavelength[-1])
    score = np.where(inside & np.isfinite(departure), departure, -1.0)
    if not inside.any():
        raise InputError(
            "no line lies in a fitted order",
            value=f"{len(centre)} lines",
            expected="a line to draw",
            fix="draw the spectrum instead: blase plot DIR",
        )
    return int(np.argmax(np.where(inside, score, -2.0)))


def plot_line(
    result: FitResult,
    line: str = "",
    axes: Sequence[Axes] | None = None,
    *,
    reach: float = REACH,
    palette: Palette | None = None,
) -> Sequence[Axes]:
    """Draw the surroundings of a line: data and model above, and below every line there by itself.

    Below, the chosen line is drawn as fitted and as theory has it; its neighbours, stellar and telluric, are
    thin. All are at full resolution and over the continuum.

    Parameters
    ----------
    line : `line_id`, such as "S00329", or the wavelength where it is seen [vacuum Angstrom]; the line that
        departed most from theory where it is left out.
    axes : two matplotlib axes to draw into; a new figure where None.
    reach : half width of the picture [km/s].

    Returns the two axes. Raises `InputError` where no line has this name, or where it is in no fitted order.
    """
    row = find_line(result, line)
    centre = float(observed_centres(result)[row])
    order = _order_at(result, row)
    colours = palette or Palette()
    if axes is None:
        axes = Figure(figsize=(7.0, 5.6), layout="constrained").subplots(2, 1, sharex=True)
    above, below = axes
    span = centre * (1 + np.array([-reach, reach]) / SPEED_OF_LIGHT)
    _draw_data(above, order, span, colours)
    _draw_lines(below, result, row, span, colours)
    for panel in (above, below):
        panel.axvline(centre, color=colours.model, lw=0.8, ls=":")
        panel.set_xlim(*span)
        panel.ticklabel_format(axis="x", useOffset=False)
    above.set_title(_title(result, row), loc="left", fontsize=10, color=colours.ink)
    below.set_xlabel("vacuum wavelength [Å]", color=colours.ink)
    return axes


def _order_at(result: FitResult, row: int) -> OrderFit:
    """The order where a line is seen; `InputError` with names of lines that are in one."""
    centre, ids = observed_centres(result), np.asarray(result.lines["line_id"], dtype=np.str_)
    for order in result.orders:
        if order.wavelength[0] <= centre[row] <= order.wavelength[-1]:
            return order
    ends = [(float(order.wavelength[0]), float(order.wavelength[-1])) for order in result.orders]
    inside = np.any([(centre >= low) & (centre <= high) for low, high in ends], axis=0)
    seen = ids[inside] if ends else ids[:0]
    raise InputError(
        "the line lies in no fitted order: it is in the model for its wings, or its place was not observed",
        value=f"{ids[row]} at {centre[row]:.3f} Angstrom",
        expected="a line in " + ", ".join(f"{low:.1f} to {high:.1f}" for low, high in ends[:5]),
        fix=f"choose one from {seen[0]} to {seen[-1]}, or give a wavelength"
        if len(seen)
        else "draw the spectrum",
    )


def _draw_data(panel: Axes, order: OrderFit, span: FloatArray, colours: Palette) -> None:
    inside = (order.wavelength >= span[0]) & (order.wavelength <= span[1])
    x, good = order.wavelength[inside], ~order.mask[inside]
    panel.errorbar(
        x[good],
        order.flux[inside][good],
        order.uncertainty[inside][good],
        fmt="o",
        ms=3,
        lw=0.8,
        color=colours.data,
        label="data",
    )
    panel.plot(x, order.model[inside], color=colours.model, lw=1.3, label="model")
    panel.plot(x, order.continuum[inside], color=colours.ink, lw=0.8, ls=":", label="continuum")
    unit = f" [{order.flux_unit}]" if order.flux_unit else ""
    panel.set_ylabel(f"flux{unit}", color=colours.ink)
    panel.legend(frameon=False, fontsize=8, labelcolor=colours.ink, ncols=3, loc="lower right")


def _draw_lines(panel: Axes, result: FitResult, row: int, span: FloatArray, colours: Palette) -> None:
    grid = np.linspace(span[0], span[1], 1201)
    observed = observed_centres(result)
    near = np.flatnonzero((observed >= span[0]) & (observed <= span[1]))
    for other in near[near != row]:
        telluric = result.lines["origin"][other] == "telluric"
        profile = line_profile(result, int(other), grid)
        panel.plot(grid, profile, color=colours.telluric if telluric else colours.star, lw=0.8, alpha=0.7)
    panel.plot(grid, line_profile(result, row, grid, suffix="_cloned"), color=colours.ink, lw=1.1, ls="--")
    panel.plot(grid, line_profile(result, row, grid), color=FITTED, lw=1.8)
    for colour, style, label in (
        (FITTED, "-", "this line"),
        (colours.ink, "--", "theory"),
        (colours.star, "-", "stellar neighbours"),
        (colours.telluric, "-", "telluric"),
    ):
        panel.plot([], [], color=colour, ls=style, label=label)
    panel.set_ylabel("alone, flux / continuum", color=colours.ink)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.22 * (high - low))
    panel.legend(frameon=False, fontsize=8, labelcolor=colours.ink, ncols=4, loc="upper center")


def line_profile(result: FitResult, row: int, wavelength: FloatArray, *, suffix: str = "") -> FloatArray:
    """exp(-tau) of one line (n,) at observed `wavelength`, as fitted, or with the suffix "_cloned" as cloned.

    All ones where the line was not there, as an added one in theory.
    """
    values = {name: _parameter(result, f"{name}{suffix}", row) for name in _SHAPE}
    if not np.isfinite(list(values.values())).all() or values["strength"] <= 0:
        return np.ones_like(wavelength)
    floors = {name: _parameter(result, f"{name}{suffix}", row) for name in FLOOR_COLUMNS}
    shape = values | (floors if np.isfinite(list(floors.values())).all() else {})
    table = QTable({name: [value] for name, value in shape.items()})
    seen = float(observed_centres(result)[row] / _parameter(result, "centre", row))
    return np.asarray(np.exp(-render_optical_depth(wavelength / seen, LineList.from_table(table))))


def _parameter(result: FitResult, name: str, row: int) -> float:
    return float(column(result.lines, name)[row])


def _title(result: FitResult, row: int) -> str:
    width, error = (1e3 * _parameter(result, f"equivalent_width{part}", row) for part in ("", "_error"))
    spread = f" ± {error:.1f}" if np.isfinite(error) else ""
    return f"{result.lines['line_id'][row]}, {result.lines['origin'][row]}: W = {width:.1f}{spread} mÅ"
