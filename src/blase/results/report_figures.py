"""Figures of the report as HTML: inline SVG that follows the page's colours."""

from __future__ import annotations

import io
import re

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from blase.results.curve_figure import draw_curve
from blase.results.curve_text import Curve
from blase.results.diagnostics import Distribution
from blase.results.figure import Palette
from blase.results.html import escape
from blase.results.report_explorer import curve_explorer

_VARIABLES = {
    "ink": "#010101",
    "data": "#010102",
    "model": "#010103",
    "star": "#010104",
    "telluric": "#010105",
    "mask": "#010106",
}
"""Stand-in colours that are replaced by CSS variables once the SVG is drawn."""


def histogram_figure(distribution: Distribution) -> str:
    """Return the distribution of residual over sigma beside the unit normal, as an HTML figure."""
    if distribution.values.size == 0:
        return ""
    palette = Palette(**_VARIABLES)
    figure = Figure(figsize=(6.5, 3.0), layout="constrained")
    axes = figure.subplots()
    edges = np.linspace(-6.0, 6.0, 61)
    clipped = np.clip(distribution.values, -6.0, 6.0)
    axes.hist(clipped, bins=edges.tolist(), density=True, color=palette.data, alpha=0.6)
    axes.plot(edges, norm.pdf(edges), color=palette.model, lw=1.2, label="unit normal")
    axes.set_xlabel("residual / σ (values beyond ±6 counted in the end bins)", color=palette.ink)
    axes.set_ylabel("density", color=palette.ink)
    axes.tick_params(colors=palette.ink, labelsize=8)
    axes.patch.set_alpha(0.0)
    for spine in axes.spines.values():
        spine.set_color(palette.ink)
    axes.legend(frameon=False, fontsize=8, labelcolor=palette.ink)
    text = (
        f"Histogram of residual over sigma for {distribution.values.size} fitted pixels with a unit normal "
        "curve: "
        f"mean {distribution.mean:.2f}, standard deviation {distribution.deviation:.2f}."
    )
    return _wrap(_svg(figure, text, salt="histogram"), text, css="small")


CURVE_CAPTION = (
    "Residuals on fitted (blue squares) and held-out pixels (orange dots), and below the evidence "
    "(green, linear up to 10 and logarithmic beyond), as all prior widths of lines are multiplied by a "
    "factor; the dashed line marks the chosen widths."
)


def curve_figure(curve: Curve | None) -> str:
    """Return the regularisation curve as the page draws it, and a picture for where scripts do not run.

    Nothing where there is none.
    """
    if curve is None:
        return ""
    picture = _svg(draw_curve(curve, Palette(**_VARIABLES)), CURVE_CAPTION, salt="curve")
    still = _wrap(picture, CURVE_CAPTION, css="small")
    return f"{curve_explorer(CURVE_CAPTION)}\n<noscript>{still}</noscript>"


def _wrap(image: str, caption: str, css: str) -> str:
    """Return a figure element."""
    return (
        f'<figure class="{css}"><div class="plot">{image}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _svg(figure: Figure, label: str, salt: str) -> str:
    """Return the figure as an SVG element whose colours are the page's CSS variables."""
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg ") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text))
    for name, colour in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
