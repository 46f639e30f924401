"""Small pieces of HTML; every piece of text passes through `escape`."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

LONG = 28
"""Number of characters from which a table cell is text that wraps rather than a value that does not."""


_EXPONENT_FROM = 1e7


def escape(value: Any) -> str:
    """Return `value` as text that is safe in HTML content and in quoted attributes."""
    return html.escape(str(value), quote=True)


def number(value: Any, digits: int = 4) -> str:
    """Return a number with `digits` significant figures; an en dash where it is missing or not finite.

    Numbers below ten millions are written out: 1800, not 1.8e+03.
    """
    if value is None or isinstance(value, bool):
        return "–" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:d}"
    if not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}g}"
    if "e+" in text and abs(value) < _EXPONENT_FROM:
        text = f"{float(text):.0f}"
    return text.replace("-", "−")


def to_error(value: float, error: float) -> tuple[str, str]:
    """A value and its error, above zero, both to the second significant figure of the error."""
    decimals = 1 - math.floor(math.log10(error))
    shown = [fixed(round(v, decimals), max(decimals, 0)) for v in (value, error)]
    return shown[0], shown[1]


def fixed(value: float | None, decimals: int) -> str:
    """Return a number with a fixed number of decimals; an en dash where it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{decimals}f}".replace("-", "−")


def percent(value: float | None, decimals: int = 2) -> str:
    """Return a fraction as a percentage; an en dash where it is missing or not finite."""
    return "–" if value is None or not math.isfinite(value) else f"{fixed(100 * value, decimals)} %"


def section(identity: str, title: str, *parts: str) -> str:
    """Return a section with a heading that names it to assistive software; `parts` are HTML already."""
    body = "\n".join(part for part in parts if part)
    name = escape(identity)
    heading = f'<h2 id="{name}">{escape(title)}</h2>'
    return f'<section aria-labelledby="{name}">\n{heading}\n{body}\n</section>'


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def bullets(texts: Iterable[Any]) -> str:
    """Return a list of plain texts, empty for none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table with a caption, column headers and the first cell of each row as its header."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "\n".join(_row(row) for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _row(cells: Sequence[Any]) -> str:
    """Return one table row; cells of long text may wrap."""
    first, *rest = (str(cell) for cell in cells)
    # Names such as radial_velocity break after an underscore where a screen is narrow.
    name = escape(first).replace("_", "_<wbr>")
    return f'<tr><th scope="row">{name}</th>' + "".join(map(_cell, rest)) + "</tr>"


def _cell(text: str) -> str:
    """Return one table cell."""
    css = ' class="text"' if len(text) > LONG else ""
    return f"<td{css}>{escape(text)}</td>"


def details(summary: str, body: str) -> str:
    """Return `body` (HTML) behind a line that unfolds it."""
    return f"<details><summary>{escape(summary)}</summary>\n{body}\n</details>"
