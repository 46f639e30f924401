"""Picture of the regularisation curve: residuals and evidence against the factor on the prior widths."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from blase.results.curve_text import Curve, factor_text, relative_evidence
from blase.results.figure import Palette

_LINEAR = 10.0
"""Differences of ln(evidence) below this are drawn linearly, larger ones by their logarithm."""


def draw_curve(curve: Curve, palette: Palette | None = None) -> Figure:
    """Draw residuals and evidence against the factor on the prior widths; the chosen one is marked."""
    colours = palette or Palette()
    points = curve["points"]
    factors = [point["factor"] for point in points]
    figure = Figure(figsize=(6.5, 5.0), layout="constrained")
    residuals, evidence = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, 2.0))
    for key, label, colour, marker in (
        ("residual_rms_heldout", "held-out pixels", colours.model, "o"),
        ("residual_rms", "fitted pixels", colours.star, "s"),
    ):
        values = [point[key] for point in points]
        if None not in values:
            percent = [100 * value for value in values]
            residuals.plot(factors, percent, color=colour, marker=marker, ms=4, lw=1.2, label=label)
    residuals.set_ylim(0, None)
    residuals.set_ylabel("residual rms [%]", color=colours.ink)
    evidence.plot(factors, relative_evidence(curve), color=colours.telluric, marker="o", ms=4, lw=1.2)
    evidence.set_yscale("symlog", linthresh=_LINEAR)
    evidence.set_ylabel("ln evidence − chosen", color=colours.ink)
    evidence.set_xlabel("factor on the prior widths of all lines", color=colours.ink)
    _mark(residuals, evidence, curve["chosen_factor"], colours)
    evidence.set_xscale("log", base=2)
    evidence.set_xticks(factors, [factor_text(factor) for factor in factors])
    evidence.xaxis.set_minor_locator(NullLocator())
    residuals.legend(frameon=False, fontsize=8, labelcolor=colours.ink, loc="lower left")
    for axes in (residuals, evidence):
        axes.tick_params(colors=colours.ink, labelsize=8)
        axes.patch.set_alpha(0.0)
        for spine in axes.spines.values():
            spine.set_color(colours.ink)
            spine.set_linewidth(0.6)
    figure.patch.set_alpha(0.0)
    return figure


def _mark(residuals: Axes, evidence: Axes, chosen: float, colours: Palette) -> None:
    """Mark the chosen point in both panels, and say which side is which."""
    for axes in (residuals, evidence):
        axes.axvline(chosen, color=colours.ink, lw=0.8, ls="--", zorder=0)
    for x, text, side in ((0.01, "no learning", "left"), (0.99, "overfitting", "right")):
        residuals.annotate(text, (x, 1.02), xycoords="axes fraction", ha=side, fontsize=8, color=colours.ink)
    residuals.annotate(
        "chosen",
        (chosen, 1.02),
        xycoords=("data", "axes fraction"),
        ha="center",
        fontsize=8,
        color=colours.ink,
    )
