"""`blase plot`: files of the three formats, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blase.cli.main import main
from blase.results.result import FitResult

MAGIC = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml"}


@pytest.fixture(scope="module")
def directory(small_fit: Callable[..., FitResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fit().write(tmp_path_factory.mktemp("plot") / "fit")


@pytest.mark.parametrize("suffix", MAGIC)
def test_every_format_is_written(directory: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"fit{suffix}"
    assert main(["plot", str(directory), "-o", str(target), "--dpi", "40"]) == 0
    assert target.read_bytes().startswith(MAGIC[suffix])


@pytest.mark.parametrize(
    "arguments",
    [
        ["line", "--line", "S00000"],
        ["line", "--line", "8605.3"],
        ["line"],
        ["template", "--wavelength", "8602", "8606"],
        ["residuals"],
        ["corner"],
        ["departures"],
        ["spectrum", "--order", "3", "--wavelength", "8602", "8606"],
    ],
)
def test_everything_is_drawn(directory: Path, tmp_path: Path, arguments: list[str]) -> None:
    target = tmp_path / "figure.png"
    assert main(["plot", str(directory), *arguments, "-o", str(target), "--dpi", "40"]) == 0
    assert target.stat().st_size > 2000
    assert main(["plot", str(directory), *arguments, "-o", str(target)]) == 2
    assert main(["plot", str(directory), *arguments, "-o", str(target), "--overwrite", "--dpi", "40"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["line", "--line", "1"], "no line has this name"),
        (["line", "--line", "S0000"], "such as S0000"),
        (["corner", "--order", "3"], "--order has no effect"),
        (["residuals", "--wavelength", "1", "2"], "--wavelength has no effect"),
        (["spectrum", "--order", "9"], "not fitted"),
        (["spectrum", "-o", "figure.xyz"], "not written in this format"),
    ],
)
def test_what_makes_no_sense_is_refused(
    directory: Path,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plot", str(directory), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
