"""`blase doctor`, and what the command says to somebody who is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from blase.benchmark import health
from blase.cli.doctor import health_lines
from blase.cli.main import app, main, nearest_choice

COMMANDS = sorted(get_command(app).commands)


def test_it_reports_what_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path))
    (tmp_path / "grid.fits").write_bytes(b"0" * 2_000_000)
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["packages"]["numpy"] == np.__version__ and None not in found["packages"].values()
    assert found["packages"]["safetensors"] == version("safetensors")
    assert found["cache"]["files"] == 1 and found["cache"]["megabytes"] == 2.0
    assert found["machine"]["cores"] == os.cpu_count()
    assert 0 < found["back_ends"]["difference"] < 1e-5 and found["sound"]
    assert {"hpf", "table"} <= set(found["readers"])
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "agrees to" in said and "yes  fits, reports, figures" in said


def test_a_broken_installation_is_said_to_be_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_AGREEMENT", 0.0)
    assert main(["doctor"]) == 1
    out, err = capsys.readouterr()
    assert "DISAGREES" in out and "not sound" in err
    found = health.examine() | {"packages": {"numpy": None}}
    assert "numpy MISSING" in "\n".join(health_lines(found))


def test_missing_packages_are_named_with_their_remedy() -> None:
    purposes = health._purposes({"torch": None, "numpy": "2.0"}, {"writable": False, "folder": "/nowhere"})
    assert purposes["fits, reports, figures"] == {"ready": False, "lacks": "pip install torch"}
    assert purposes["fetching PHOENIX templates"]["lacks"] == "/nowhere cannot be written"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_of_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert "Example" in said and f"  blase {command}" in said


def test_the_examples_use_options_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        main([name, "--help"])
        said = capsys.readouterr().out
        example = said[said.index("Example") :].split("\n\n")[0]
        options = {word for word in example.split() if word.startswith("-")}
        parameters = get_command(app).commands[name].params
        known = {option for p in parameters for option in (*p.opts, *p.secondary_opts)}
        assert options <= known, name


def test_the_command_alone_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "blase demo -o demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fti", "a.fits"], "'fit'"),
        (["plot", "fit", "cornr"], "Did you mean 'corner'?"),
        (["fit", "a", "--star", "b", "-o", "c", "--frame", "barycentre"], "Did you mean 'barycentric'?"),
        (["fit", "a", "--star", "b", "-o", "c", "--oder", "3"], "--order"),
        (["lines", "fit", "--format", "votabel"], "Did you mean 'votable'?"),
    ],
)
def test_the_nearest_option_is_suggested(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_nothing_is_suggested_for_what_is_like_nothing() -> None:
    assert nearest_choice("'xyz' is not one of 'fits', 'csv'.") is None
    assert nearest_choice("something else") is None


def test_the_shell_completes_commands_and_options() -> None:
    for words, expected in (("blase li", "lines"), ("blase plot --li", "--line")):
        environment = os.environ | {
            "_BLASE_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        code = "import sys; sys.argv[0] = 'blase'; from blase.cli.main import app; app(prog_name='blase')"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
        )
        assert expected in done.stdout.split(), done.stderr
