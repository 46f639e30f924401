"""Formulas as MathML, which browsers draw by themselves: the pages need neither network nor scripts."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError


def mathml(latex: str, *, display: str) -> str:
    """The element `math` for a formula; `display` is "inline" or "block". The source stays as its title."""
    try:
        element = convert(latex, display=display)
    except Exception as error:
        raise ExtensionError(f"this formula is not understood: {latex}") from error
    if "\\" in element:
        raise ExtensionError(f"a command in this formula is not known: {latex}")
    return element.replace("<math ", f'<math title="{escape(" ".join(latex.split()))}" ', 1)


def visit_inline(translator: Any, node: nodes.Node) -> None:
    """Write a formula within a line."""
    translator.body.append(mathml(node.astext(), display="inline"))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.Element) -> None:
    """Write a formula that stands alone; it scrolls where the window is narrower."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(mathml(node.astext(), display="block"))
    translator.body.append("</div>")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
