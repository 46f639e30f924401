"""Pictures of a fit, drawn with matplotlib's objects only: no pyplot, no global state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blase.errors import InputError
from blase.results.diagnostics import normalised_residual, runs

if TYPE_CHECKING:
    from blase.results.result import FitResult, OrderFit


@dataclass(frozen=True)
class Palette:
    """Colours of a figure (Okabe and Ito's set, told apart by every common kind of colour vision)."""

    ink: str = "#333333"
    data: str = "#7a7a7a"
    model: str = "#d55e00"
    star: str = "#0072b2"
    telluric: str = "#009e73"
    mask: str = "#e69f00"


TELLURIC_OFFSET = 0.25
"""How far above the star the telluric transmission is drawn, in normalised flux."""


def plot_fit(
    result: FitResult,
    order: int | None = None,
    axes: Sequence[Axes] | None = None,
    *,
    palette: Palette | None = None,
) -> Figure:
    """Draw one order: data and model, the components, and the residuals in units of sigma.

    Parameters
    ----------
    order : row of the order as shown by `blase info`; the first fitted one where None.
    axes : three matplotlib axes to draw into (data, components, residuals); a new figure where None.

    Raises `InputError` where the order was not fitted.
    """
    chosen = find_order(result, order)
    if axes is None:
        figure = Figure(figsize=(10.0, 6.4), layout="constrained")
        axes = figure.subplots(3, 1, sharex=True, height_ratios=(3.0, 2.0, 1.4))
    plot_order(axes, chosen, palette=palette)
    return axes[0].get_figure(root=True)  # type: ignore[return-value]


def plot_order(axes: Sequence[Axes], order: OrderFit, *, palette: Palette | None = None) -> Sequence[Axes]:
    """Draw `order` into three axes, which it returns: data and model, components, residual over sigma."""
    colours = palette or Palette()
    data, components, residuals = axes
    _draw_data(data, order, colours)
    _draw_components(components, order, colours)
    _draw_residuals(residuals, order, colours)
    for panel in axes:
        _shade_mask(panel, order, colours)
        _dress(panel, colours)
    components.sharex(data)
    residuals.sharex(data)
    data.set_xlim(order.wavelength[0], order.wavelength[-1])
    data.set_title(f"Order {order.row}", color=colours.ink, loc="left", fontsize=11)
    residuals.set_xlabel("vacuum wavelength [Å]", color=colours.ink)
    return axes


def find_order(result: FitResult, row: int | None) -> OrderFit:
    """Return the fitted order with this row (the first where None); `InputError` where there is none."""
    if row is None and result.orders:
        return result.orders[0]
    for candidate in result.orders:
        if candidate.row == row:
            return candidate
    rows = ", ".join(str(candidate.row) for candidate in result.orders)
    raise InputError("the order was not fitted", value=row, expected=f"one of: {rows or 'none'}")


def _draw_data(axes: Axes, order: OrderFit, colours: Palette) -> None:
    """Draw the data as steps (masked pixels too, where finite) and the model as a line."""
    axes.step(order.wavelength, order.flux, where="mid", color=colours.data, lw=0.9, label="data")
    axes.plot(order.wavelength, order.model, color=colours.model, lw=0.9, label="model")
    axes.plot(order.wavelength, order.continuum, color=colours.ink, lw=0.7, ls=":", label="continuum")
    unit = f" [{order.flux_unit}]" if order.flux_unit else ""
    axes.set_ylabel(f"flux{unit}", color=colours.ink)
    good = np.where(order.mask, np.nan, order.flux)
    if np.isfinite(good).any():
        low, high = np.nanmin(good), np.nanmax(np.where(order.mask, np.nan, order.continuum))
        high = np.nanmax([high, np.nanmax(good)])
        axes.set_ylim(low - 0.05 * (high - low), high + 0.12 * (high - low))
    _legend(axes, colours)


def _draw_components(axes: Axes, order: OrderFit, colours: Palette) -> None:
    """Draw the blurred star and, lifted by `TELLURIC_OFFSET`, the blurred atmosphere."""
    axes.plot(order.wavelength, order.star, color=colours.star, lw=0.9, label="star")
    lifted = order.telluric + TELLURIC_OFFSET
    label = f"telluric + {TELLURIC_OFFSET:g}"
    axes.plot(order.wavelength, lifted, color=colours.telluric, lw=0.9, label=label)
    axes.set_ylabel("normalised", color=colours.ink)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.15 * (high - low))
    _legend(axes, colours)


def _draw_residuals(axes: Axes, order: OrderFit, colours: Palette) -> None:
    """Draw residual over sigma with a symmetric range that holds 99 % of the fitted pixels, at least 4."""
    ratio = normalised_residual(order)
    axes.step(order.wavelength, ratio, where="mid", color=colours.ink, lw=0.7)
    for level in (-1.0, 1.0):
        axes.axhline(level, color=colours.star, lw=0.8, ls="--", zorder=3)
    finite = np.abs(ratio[np.isfinite(ratio)])
    reach = max(4.0, 1.15 * float(np.quantile(finite, 0.99))) if finite.size else 4.0
    beyond = np.abs(ratio) > reach
    edge = np.sign(ratio[beyond]) * 0.94 * reach
    axes.scatter(order.wavelength[beyond], edge, s=14, marker="D", color=colours.model)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("residual / σ", color=colours.ink)


def _shade_mask(axes: Axes, order: OrderFit, colours: Palette) -> None:
    """Shade every stretch of masked pixels."""
    for start, stop in runs(order.mask):
        low = order.wavelength[start] - 0.5 * (order.wavelength[start] - order.wavelength[max(start - 1, 0)])
        after = min(stop, order.wavelength.size - 1)
        high = 0.5 * (order.wavelength[stop - 1] + order.wavelength[after])
        axes.axvspan(low, high, color=colours.mask, alpha=0.25, lw=0, zorder=0)


def _legend(axes: Axes, colours: Palette) -> None:
    """Put a one-row legend without a frame above the curves."""
    axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=8, labelcolor=colours.ink)


def _dress(axes: Axes, colours: Palette) -> None:
    """Give the axes thin lines in the ink colour."""
    axes.tick_params(colors=colours.ink, labelsize=8)
    axes.ticklabel_format(axis="x", useOffset=False)
    for spine in axes.spines.values():
        spine.set_color(colours.ink)
        spine.set_linewidth(0.6)
    axes.patch.set_alpha(0.0)
