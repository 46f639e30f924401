"""The interactive part of the report: its elements, its scripts and their data.

The elements stand in the page and say what they are; the scripts in `page/` fill them. Without scripts the
page says what it would need, and all tables are there.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from blase.results.html import escape
from blase.results.page_data import page_json
from blase.results.result import FitResult

SCRIPTS = (
    "arrays",
    "theme",
    "chart",
    "strip",
    "gestures",
    "panel",
    "histogram",
    "curve",
    "line_table",
    "sorting",
    "main",
)
"""Files of `page/` in the order in which they are joined."""

_PARTS = (
    ("data", "data", True),
    ("model", "model", True),
    ("continuum", "continuum", True),
    ("star", "star, blurred", True),
    ("telluric", "telluric, blurred", True),
    ("free", "data without tellurics", False),
    ("template", "star, full resolution ± 1σ", True),
    ("theory", "star, theory", True),
    ("lines", "line marks", True),
)
_BUTTONS = (
    ("previous-order", "◀ order", "Previous order"),
    ("next-order", "order ▶", "Next order"),
    ("zoom-in", "+", "Zoom in"),
    ("zoom-out", "−", "Zoom out"),
    ("left", "←", "Move to shorter wavelengths"),
    ("right", "→", "Move to longer wavelengths"),
    ("reset", "whole order", "Show the whole order"),
    ("previous-line", "◂ line", "Previous line"),
    ("next-line", "line ▸", "Next line"),
)
_KEYS = (
    "Keys, with the panel in focus: ← → move, + − zoom, Home and End go to the ends of the order, 0 shows "
    "all of it, Page Up and Page Down change the order, N and P go from line to line, Escape lets the line "
    "go. Mouse: drag to move, Shift and drag to choose a range, double-click to zoom in; the wheel zooms "
    "while the panel is in focus. Touch: drag to move, pinch to zoom, tap a line."
)


def explorer(result: FitResult) -> list[str]:
    """The strip of all orders and the panel, empty until the scripts fill them."""
    if not result.orders:
        return ["<p>No order was fitted.</p>"]
    boxes = "".join(
        f'<label><input type="checkbox" data-part="{key}"{" checked" if shown else ""}>'
        f'<span class="swatch {key}" aria-hidden="true"></span>{escape(title)}</label>'
        for key, title, shown in _PARTS
    )
    buttons = "".join(
        f'<button type="button" id="{key}" aria-label="{escape(label)}" title="{escape(label)}">'
        f"{escape(text)}</button>"
        for key, text, label in _BUTTONS
    )
    options = "".join(
        f'<option value="{k}">{order.row}: {order.wavelength[0]:.1f} – {order.wavelength[-1]:.1f} Å</option>'
        for k, order in enumerate(result.orders)
    )
    return [
        _WITHOUT_SCRIPTS,
        f"""<div class="explorer" hidden>
<div class="strip-legend"><span>All orders, coloured by the rms of residual / σ:</span>
<canvas id="strip-scale" aria-hidden="true"></canvas></div>
<canvas id="strip" tabindex="0" role="img" aria-label="Map of all orders, one row each, coloured by residual
over sigma. Arrow keys choose an order and a wavelength, Enter goes there."></canvas>
<p class="readout" id="strip-readout">&nbsp;</p>
<div class="controls"><label>order <select id="order">{options}</select></label>
<span class="buttons">{buttons}</span>
<label>go to <input id="goto" type="text" inputmode="decimal" size="9" placeholder="Å or line"
aria-describedby="goto-message"></label><span id="goto-message" role="status"></span></div>
<fieldset class="parts"><legend>Show</legend>{boxes}</fieldset>
<canvas id="panel" tabindex="0" role="img" aria-label="Spectrum along wavelength: data and model, star and
atmosphere, residual over sigma." aria-describedby="keys"></canvas>
<p class="readout" id="readout">Point at the panel to read it; the card shows the strongest line there.</p>
<div id="line-card" class="card" role="status" aria-label="Line"></div>
<p class="visually-hidden" id="announce" role="status"></p>
<details><summary>How to move</summary><p id="keys">{escape(_KEYS)}</p></details>
</div>""",
    ]


_WITHOUT_SCRIPTS = (
    "<noscript><p>This part needs JavaScript, all of which is in this file. Pictures without it: "
    "<code>blase plot DIR</code>.</p></noscript>"
)

_STATUSES = (("", "all lines"), ("cloned", "cloned"), ("added", "added"), ("dropped", "dropped"))
_ORIGINS = (("", "star and air"), ("stellar", "stellar"), ("telluric", "telluric"))
_SURETIES = (
    ("", "sure or not"),
    ("measured", "measured by the data"),
    ("prior", "prior-dominated"),
    ("blend", "in a blend"),
)


def line_explorer() -> str:
    """Histogram, filters and table of lines, empty until the scripts fill them."""
    selects = "".join(
        f'<label>{label} <select id="{key}">'
        + "".join(f'<option value="{value}">{escape(text)}</option>' for value, text in choices)
        + "</select></label>"
        for key, label, choices in (
            ("filter-origin", "origin", _ORIGINS),
            ("filter-status", "status", _STATUSES),
            ("filter-surety", "certainty", _SURETIES),
        )
    )
    return f"""<div class="explorer" id="lines-explorer" hidden>
<canvas id="histogram" role="img" aria-label="Histogram of departures from theory in standard errors, beside
the unit normal"></canvas>
<p class="readout" id="histogram-readout">&nbsp;</p>
<div class="controls"><label>search <input id="search" type="search" size="22"
placeholder="S00012, 8662.1, 8600-8610"></label>{selects}</div>
<p id="line-count" role="status"></p>
<div class="wide" tabindex="0" role="region" aria-label="Table of lines"><table id="line-table">
<caption>Departure: (width − theory) / error of the width. A line's name shows it in the spectrum.</caption>
<thead></thead><tbody></tbody></table></div>
<div class="controls"><button type="button" id="page-back">◀ before</button><span id="page-number"></span>
<button type="button" id="page-on">next ▶</button></div>
</div>"""


def curve_explorer(caption: str) -> str:
    """The regularisation curve, empty until the scripts draw it."""
    return f"""<div class="explorer" hidden><figure>
<canvas id="curve" tabindex="0" role="img" aria-label="Residuals and evidence against the factor on the prior
widths. Left and right arrow keys go from point to point." aria-describedby="curve-readout"></canvas>
<p class="readout" id="curve-readout">&nbsp;</p>
<figcaption>{escape(caption)}</figcaption></figure></div>"""


@cache
def style() -> str:
    """The style sheet: light and dark, wide and narrow, nothing fetched from anywhere."""
    return _page_file("style.css")


def _page_file(name: str) -> str:
    return (files("blase.results") / "page" / name).read_text(encoding="utf-8")


@cache
def script() -> str:
    """All scripts joined into one, a function that runs once and leaves no name behind."""
    parts = [_page_file(f"{name}.js") for name in SCRIPTS]
    return "(function () {\n'use strict';\n" + "\n".join(parts) + "\n}());\n"


def script_hash() -> str:
    """The script's hash as a content security policy states it: no other script may run."""
    digest = hashlib.sha256(script().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def script_elements(result: FitResult) -> str:
    """The data, which no browser executes, and the script."""
    return (
        f'<script type="application/json" id="fit-data">{page_json(result)}</script>\n'
        f"<script>{script()}</script>"
    )
