"""What the pages show exists: commands, options, imports, links. The build runs the examples that can run."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.main import get_command

import blase
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


def headings(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and MyST make them, and those it sets itself."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    plain = [
        re.sub(r"[`*_$]|\]\([^)]*\)|\[", "", title).lower() for title in re.findall(r"^#+ (.*)$", text, re.M)
    ]
    slugs = {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in plain}
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", text, re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_headings_have_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        if anchor and not re.match(r"[a-z]+:", target):
            assert anchor in headings(page.parent / name if name else page), f"{page.name}: {target}"


def external_links() -> Iterator[tuple[str, str]]:
    """Where, and address, of every link out of the pages, docstrings, metadata and messages."""
    sources = [*PAGES, ROOT / "pyproject.toml", ROOT / "CITATION.cff", *(ROOT / "src").rglob("*.py")]
    for path in sources:
        for address in re.findall(r"https?://[^\s)>\]\"'`]+", path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), address.rstrip(".,;:")


def test_links_out_are_well_formed() -> None:
    """Whether they answer needs a network: `make links`."""
    found = list(external_links())
    assert len(found) > 15
    for where, address in found:
        parts = urlsplit(address)
        assert parts.scheme == "https", f"{where}: {address} is not https"
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), f"{where}: {address}"
        assert "{" in address or not re.search(r"[<>{}\\^|]", address), f"{where}: {address}"
        if parts.netloc == "doi.org":
            assert re.fullmatch(r"/10\.\d{4,9}/\S+", parts.path), f"{where}: {address}"
        if parts.netloc == "arxiv.org":
            assert re.fullmatch(r"/abs/(\d{4}\.\d{4,5}|[a-z-]+/\d{7})", parts.path), f"{where}: {address}"
        if parts.netloc == "github.com":
            assert re.match(r"/[\w.-]+/[\w.-]+", parts.path), f"{where}: {address}"


def test_identifiers_of_papers_are_well_formed() -> None:
    """doi:10.xxxx/yyyy, everywhere in pages and docstrings; a link that shows one leads to the same."""
    found = 0
    for path in [*PAGES, *(ROOT / "src").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        for identifier in re.findall(r"\bdoi:\s*([^\s\],;`\"]+)", text):
            found += 1
            assert re.match(r"10\.\d{4,9}/\S+", identifier), f"{path.relative_to(ROOT)}: doi:{identifier}"
        for shown, target in re.findall(r"\[doi:([^\]]+)\]\(https://doi\.org/([^)]+)\)", text):
            assert shown == target, f"{path.relative_to(ROOT)}: {shown} leads to {target}"
    assert found > 20


def test_the_reference_names_everything_public() -> None:
    """Names of `blase`, and every package whose modules and members Sphinx lists from there on."""
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^`(\w+)` +:", text, re.M)) == set(blase.__all__) - {"__version__"}
    source = ROOT / "src" / "blase"
    inside = {path.parent.name for path in source.glob("*/__init__.py")} - {"cli"}
    inside |= {path.stem for path in source.glob("*.py")} - {"__init__"}
    assert set(re.findall(r"^   blase\.(\w+)$", text, re.M)) == inside


def test_everything_public_has_a_docstring() -> None:
    """Else it is left out of the reference."""
    silent = []
    for path in sorted((ROOT / "src" / "blase").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in [tree, *tree.body]:
            named = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if (named or (node is tree and tree.body)) and not ast.get_docstring(node):  # type: ignore[arg-type]
                silent.append(f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'the module')}")
    assert not silent


def test_every_command_has_its_row_in_the_table_of_commands() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `blase (\w+)", text, re.M)) == set(COMMANDS)
