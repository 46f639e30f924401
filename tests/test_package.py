"""The package as a whole: a light and silent import, a public API that resolves, one version."""

import ast
import importlib
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import blase

HEAVY = ("astropy", "matplotlib", "numba", "numpy", "scipy", "torch", "typer")


def test_import_is_silent_and_loads_nothing_heavy():
    code = f"import sys, blase; sys.exit(' '.join(m for m in {HEAVY!r} if m in sys.modules) or 0)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (0, "", "")


@pytest.mark.parametrize("name", sorted(blase.__all__))
def test_public_name_resolves(name):
    assert getattr(blase, name) is not None
    assert name in dir(blase)


def test_names_for_type_checkers_are_the_names_that_are_loaded():
    tree = ast.parse(Path(blase.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    stated = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert set(stated) == set(blase.__all__) - {"__version__"}
    for name, module in stated.items():
        assert getattr(blase, name) is getattr(importlib.import_module(module), name)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fit_spectra'"):
        blase.fit_spectra  # noqa: B018


def test_version_is_that_of_the_distribution():
    assert version("blase-echelle") == blase.__version__


def test_the_command_is_installed():
    (script,) = (point for point in entry_points(group="console_scripts") if point.name == "blase")
    assert script.value == "blase.cli.main:main"
    assert callable(script.load())


def test_the_package_is_typed():
    assert (Path(blase.__file__).parent / "py.typed").is_file()
