"""Figures of the report as HTML: inline SVG that follows the page's colours, PNG where SVG gets too large."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from functools import partial

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from blase.results.curve_figure import draw_curve
from blase.results.curve_text import Curve
from blase.results.diagnostics import Distribution
from blase.results.figure import Palette, plot_fit
from blase.results.html import escape
from blase.results.result import FitResult, OrderFit

BUDGET = 4_000_000
"""Largest total size of all order figures [bytes]; the page is to stay below 5 MB."""

_RESOLUTIONS = (110, 80, 55)

_VARIABLES = {
    "ink": "#010101",
    "data": "#010102",
    "model": "#010103",
    "star": "#010104",
    "telluric": "#010105",
    "mask": "#010106",
}
"""Stand-in colours that are replaced by CSS variables once the SVG is drawn."""


def order_figures(result: FitResult) -> list[str]:
    """Return one HTML figure per order, within `BUDGET` bytes in total."""
    ways: list[Callable[[FitResult, OrderFit], str]] = [
        _svg_figure,
        *(partial(_png_figure, dpi=dpi) for dpi in _RESOLUTIONS),
    ]
    for way in ways[:-1]:
        figures = _within_budget(result, way)
        if figures is not None:
            return figures
    return [ways[-1](result, order) for order in result.orders]


def _within_budget(result: FitResult, draw: Callable[[FitResult, OrderFit], str]) -> list[str] | None:
    """Draw every order; None as soon as the average size shows that the budget will not do."""
    figures: list[str] = []
    for order in result.orders:
        figures.append(draw(result, order))
        if sum(map(len, figures)) > BUDGET * len(figures) / len(result.orders):
            return None
    return figures


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


def curve_figure(curve: Curve | None) -> str:
    """Return the regularisation curve as an HTML figure; nothing where there is none."""
    if curve is None:
        return ""
    text = (
        "Residuals on fitted (blue squares) and held-out pixels (orange dots), and below the evidence "
        "(green, linear up to 10 and logarithmic beyond), as all prior widths of lines are multiplied by a "
        "factor; the dashed line marks the chosen widths."
    )
    return _wrap(_svg(draw_curve(curve, Palette(**_VARIABLES)), text, salt="curve"), text, css="small")


def _draw_order(result: FitResult, order: OrderFit, palette: Palette | None = None) -> Figure:
    """Draw one order on a transparent figure."""
    figure = plot_fit(result, order.row, palette=palette)
    figure.patch.set_alpha(0.0)
    return figure


def _describe(order: OrderFit) -> str:
    """Say in words what the figure of an order shows."""
    return (
        f"Order {order.row}, {order.wavelength[0]:.2f} to {order.wavelength[-1]:.2f} Å. Top: data (grey), "
        "model (orange) and continuum (dotted). Middle: blurred star (blue) and telluric transmission "
        "(green, lifted). Bottom: residual over sigma with dashes at ±1; diamonds mark values beyond the "
        "axis. "
        f"{int(order.mask.sum())} masked pixels are shaded."
    )


def _svg_figure(result: FitResult, order: OrderFit) -> str:
    """Return an order's figure as inline SVG."""
    text = _describe(order)
    figure = _draw_order(result, order, Palette(**_VARIABLES))
    return _wrap(_svg(figure, text, salt=f"order-{order.row}"), text, css="order")


def _png_figure(result: FitResult, order: OrderFit, dpi: int) -> str:
    """Return an order's figure as a palette PNG inside the page."""
    text = _describe(order)
    data = base64.b64encode(_png(_draw_order(result, order), dpi)).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(text)}">'
    return _wrap(image, text, css="paper")


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


def _png(figure: Figure, dpi: int) -> bytes:
    """Return the figure as a PNG of 64 colours."""
    from PIL import Image

    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=dpi, facecolor="white")
    raw.seek(0)
    Image.open(raw).convert("RGB").quantize(64).save(small, format="PNG", optimize=True)
    return small.getvalue()
