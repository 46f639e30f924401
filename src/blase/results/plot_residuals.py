"""How well every order was fitted, side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blase.errors import InputError
from blase.results.diagnostics import normalised_residual
from blase.results.figure import Palette
from blase.results.result import FitResult


def plot_residuals(result: FitResult, axes: Axes | None = None, *, palette: Palette | None = None) -> Axes:
    """Draw residual over sigma of every order: the middle 68 % as a bar, 95 % as a line, the rms as a mark.

    For a model that is right and errors that are right, bars end at ±1, lines at ±2, and marks are at 1.

    Parameters
    ----------
    axes : matplotlib axes to draw into; a new figure where None.

    Returns the axes. Raises `InputError` where no order was fitted.
    """
    if not result.orders:
        raise InputError("no order was fitted", value=0, expected="an order", fix="fit one")
    colours = palette or Palette()
    if axes is None:
        width = min(12.0, 3.5 + 0.35 * len(result.orders))
        axes = Figure(figsize=(width, 3.6), layout="constrained").subplots()
    places = np.arange(len(result.orders))
    ratios = [normalised_residual(order) for order in result.orders]
    finite = [ratio[np.isfinite(ratio)] for ratio in ratios]
    levels = np.array([_quantiles(ratio) for ratio in finite])
    rms = [float(np.sqrt(np.mean(ratio**2))) if ratio.size else np.nan for ratio in finite]
    axes.vlines(places, levels[:, 0], levels[:, 3], color=colours.data, lw=1.2, label="95 %")
    axes.vlines(places, levels[:, 1], levels[:, 2], color=colours.star, lw=6, label="68 %")
    axes.plot(places, rms, color=colours.model, marker="D", ms=5, ls="none", label="rms")
    for level in (-2, -1, 0, 1, 2):
        axes.axhline(level, color=colours.ink, lw=0.5, ls=":" if level else "-", zorder=0)
    axes.set_xticks(places, [str(order.row) for order in result.orders], fontsize=8)
    axes.set_xlabel("order", color=colours.ink)
    axes.set_ylabel("residual / σ", color=colours.ink)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))
    axes.set_xlim(-0.7, len(result.orders) - 0.3)
    axes.legend(frameon=False, fontsize=8, labelcolor=colours.ink, ncols=3, loc="upper right")
    return axes


def _quantiles(ratio: np.ndarray) -> np.ndarray:
    """The values (4,) below which 2.5, 16, 84 and 97.5 % lie; NaN for an order without fitted pixels."""
    return np.quantile(ratio, (0.025, 0.16, 0.84, 0.975)) if ratio.size else np.full(4, np.nan)
