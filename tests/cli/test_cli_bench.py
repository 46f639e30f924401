"""`blase bench` on a tiny case: it runs, and its files are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blase.cli.main import main

QUICK = ("bench", "--quick", "--wavelength", "8640", "8656", "--epochs", "2", "--json")
FILES = {"bench.json", "bench.md", "bench.png"}


@pytest.mark.slow
def test_bench_measures_and_writes_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench"
    assert main([*QUICK, "-o", str(out), "--quiet"]) == 0
    assert {path.name for path in out.iterdir()} == FILES
    numbers = json.loads(capsys.readouterr().out)
    assert numbers == json.loads((out / "bench.json").read_text())
    pieces = numbers["pieces"]
    assert pieces["clone"]["residual_rms_native"] < 0.005
    last = pieces["clone"]["history"][-1]
    assert last["residual_rms"] == pieces["clone"]["residual_rms_native"]
    assert last["seconds"] == pytest.approx(pieces["clone"]["seconds"])
    assert all(0 < piece["memory_before_mb"] <= piece["memory_peak_mb"] for piece in pieces.values())
    assert pieces["fit"]["radial_velocity"]["value"] == pytest.approx(12.0, abs=1.5)
    assert pieces["orders"]["n_orders"] == 2 and pieces["orders"]["n_pixels"] > 4000
    assert pieces["orders"]["radial_velocity"]["value"] == pytest.approx(12.0, abs=1.5)
    assert pieces["first_use"]["first_seconds"] > pieces["first_use"]["again_seconds"] > 0
    assert {"lines", "samples"} <= pieces["scaling"].keys()
    assert len(pieces["baseline_adam"]["history"]) == 2
    shown = (out / "bench.md").read_text()
    rows = ("clone a long template", "fit a simulated order", "fit 2 simulated orders together", "first use")
    assert all(row in shown for row in (*rows, "value + gradient", "time to a residual", "n^", "peak memory"))
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_existing_output_is_kept_and_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("blase.benchmark.run.measure", lambda *_: pytest.fail("measured"))
    (tmp_path / "bench.json").write_text("{}")
    (tmp_path / "mine.txt").write_text("mine")
    assert main([*QUICK, "-o", str(tmp_path)]) == 2
    assert main([*QUICK, "-o", str(tmp_path), "--overwrite"]) == 2
    assert "mine.txt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--wavelength", "8660", "8640"), "is not a range"),
        (("--star", "lines.ecsv"), "a line list cannot be benchmarked"),
        (("--star", "absent.fits"), "absent.fits"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    from blase.templates.embedded import embedded_lines

    monkeypatch.chdir(tmp_path)
    embedded_lines("star", wavelength_range=(8640.0, 8660.0)).write("lines.ecsv")
    assert main([*QUICK, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_bad_input_found_by_a_process_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    monkeypatch.chdir(tmp_path)
    wavelength = np.linspace(8640.0, 8660.0, 2000)
    np.savez("flat.npz", wave_vac=wavelength, norm=np.ones(2000))
    assert main([*QUICK, "--star", "flat.npz"]) == 2
    assert "no line stands out" in capsys.readouterr().err
