"""A directive that runs its Python and shows what it prints, returns and draws; the documentation of a page
shares one namespace. What raises fails the build, so that no example on a page can be wrong.

    ```{executed}
    import blase
    ```

The value of a last line that is an expression is shown; a figure of matplotlib is drawn.
With `:hide:` nothing is shown.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import traceback
import warnings
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.errors import ExtensionError


def run(source: str, namespace: dict[str, Any]) -> tuple[str, Any]:
    """What `source` prints, and the value of its last line where that is an expression; None otherwise."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(tree, "<example>", "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), "<example>", "eval"), namespace) if last else None
    return printed.getvalue(), value


def figure_of(value: Any) -> Any:
    """The figure that a value is or belongs to; None for anything else."""
    if hasattr(value, "savefig"):
        return value
    first = value
    while hasattr(first, "__getitem__") and not isinstance(first, str | bytes | dict):
        if not len(first):
            return None
        first = first[0]
    get_figure = getattr(first, "get_figure", None)
    return get_figure() if get_figure is not None and hasattr(first, "plot") else None


class Executed(Directive):
    """See the head of the module."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"hide": directives.flag, "alt": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Run the content; return what is shown of it."""
        environment = self.state.document.settings.env
        namespaces = environment.temp_data.setdefault("executed", {})
        source = "\n".join(self.content)
        try:
            printed, value = run(source, namespaces)
        except Exception as error:
            where = f"{environment.docname}, line {self.lineno}"
            raise ExtensionError(f"{where}: the example failed\n{traceback.format_exc()}") from error
        if "hide" in self.options:
            return []
        code = nodes.literal_block(source, source, language="python")
        shown = [code]
        figure = figure_of(value)
        text = printed.rstrip() + ("" if value is None or figure is not None else f"\n{value!r}")
        if text.strip():
            output = text.strip("\n")
            shown.append(nodes.literal_block(output, output, language="text", classes=["output"]))
        if figure is not None:
            shown.append(self._image(figure, source, environment))
        return shown

    def _image(self, figure: Any, source: str, environment: Any) -> nodes.Node:
        name = hashlib.sha256(f"{environment.docname}{source}".encode()).hexdigest()[:16]
        folder = Path(environment.srcdir) / "_executed"
        folder.mkdir(exist_ok=True)
        figure.savefig(folder / f"{name}.png", dpi=110, facecolor="white")
        return nodes.image(uri=f"/_executed/{name}.png", alt=self.options.get("alt", "figure of the example"))


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("executed", Executed)
    return {"parallel_read_safe": True}
