"""What the pages show exists: commands, options, imports, links. The build runs the examples that can run."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from blase.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for folder in (ROOT, ROOT / "docs")
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
    if "_build" not in path.parts and "api" not in path.parts
)
COMMANDS = get_command(app).commands


def shown_commands(text: str) -> Iterator[str]:
    """Command lines in indented blocks, continued lines joined, comments left out."""
    joined = re.sub(r"\\\n\s+", " ", text)
    for line in re.findall(r"^    (blase [^\n]*)$", joined, re.M):
        yield line.split("  #")[0]


def test_there_are_pages() -> None:
    assert len(PAGES) > 20
    commands = [command for page in PAGES for command in shown_commands(page.read_text(encoding="utf-8"))]
    assert len(commands) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_their_options_exist(page: Path) -> None:
    for command in shown_commands(page.read_text(encoding="utf-8")):
        words = shlex.split(command)
        name = words[1]
        assert name in COMMANDS, command
        known = {option for p in COMMANDS[name].params for option in (*p.opts, *p.secondary_opts)}
        options = {word for word in words[2:] if re.match(r"--?[a-z]", word)}
        assert options <= known | {"--help", "-h"}, command


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_compiles_and_its_imports_of_blase_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```(?:python|\{executed\})\n(?::[^\n]*\n)*(.*?)^```", text, re.M | re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "blase":
                module = importlib.import_module(node.module or "")
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_have_targets(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name = target.split("#")[0]
        if name and not re.match(r"[a-z]+:", target):
            assert (page.parent / name).exists(), f"{page.name}: {target}"


def test_every_command_has_its_row_in_the_table_of_commands() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `blase (\w+)", text, re.M)) == set(COMMANDS)
