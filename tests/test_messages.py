"""Every message for the user says what was found, what was expected, and how to mend it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import blase
from blase.errors import InputError, naming

FOLDERS = ("atmosphere", "cli", "cloning", "containers", "instruments", "pipeline", "preprocess", "templates")
"""What stands between the user and the numbers."""


def raised(path: Path) -> Iterator[tuple[int, set[str | None]]]:
    """Line and keywords of every InputError made in a source file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
            yield node.lineno, {keyword.arg for keyword in node.keywords}


def test_messages_are_complete() -> None:
    files = [path for name in FOLDERS for path in (Path(blase.__file__).parent / name).glob("*.py")]
    found = {f"{path}:{line}": keywords for path in files for line, keywords in raised(path)}
    assert len(found) > 100
    short = [where for where, keywords in found.items() if not {"value", "expected", "fix"} <= keywords]
    assert short == []


def test_a_path_is_added_where_there_is_none() -> None:
    with (
        pytest.raises(InputError, match=r"^a.csv: too bad\n  found: 1\n  expected: 2\n  fix: 3$"),
        naming("a.csv"),
    ):
        raise InputError("too bad", value=1, expected=2, fix=3)
    with pytest.raises(InputError, match="^b.csv: too bad"), naming("a.csv"):
        raise InputError("too bad", path="b.csv")
    with pytest.raises(InputError, match="^too bad"), naming(None):
        raise InputError("too bad")
