"""The real commands on small files: clone, fit, every output file, units, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from safetensors.numpy import load_file

from blase.cli.main import main
from blase.simulation import Simulation, simulate_observation
from blase.templates.embedded import embedded_lines, embedded_template

RANGE = (8640.0, 8648.0)
FIT = [
    "--medium",
    "vacuum",
    "--frame",
    "observatory",
    "--resolving-power",
    "55000:1500",
    "--rv-guess",
    "20",
    "--folds",
    "2",
]
FILES = {
    "summary.json",
    "lines.ecsv",
    "spectrum.fits",
    "template.fits",
    "model.safetensors",
    "covariance.safetensors",
    "report.html",
}

Capture = pytest.CaptureFixture[str]
Writer = Callable[[Path, Table], None]


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    wide = (RANGE[0] - 40, RANGE[1] + 40)
    return simulate_observation(
        embedded_lines("star", wavelength_range=wide),
        seed=1,
        wavelength_range=RANGE,
        n_pixels=170,
        radial_velocity=20.0,
        vsini=6.0,
        resolving_power=55_000.0,
    )


@pytest.fixture(scope="module")
def table(simulation: Simulation) -> Table:
    """Wavelength [Angstrom], flux and uncertainty, without units."""
    [order] = simulation.spectrum.orders
    names = {"wavelength": order.wavelength, "flux": order.flux, "uncertainty": order.uncertainty}
    return Table(names)


@pytest.fixture(scope="module")
def star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line list that fits the simulated star."""
    path = tmp_path_factory.mktemp("star") / "star.ecsv"
    embedded_lines("star", wavelength_range=(RANGE[0] - 8, RANGE[1] + 8)).write(path)
    return path


def write_csv(path: Path, table: Table) -> None:
    renamed = table.copy()
    renamed.rename_column("wavelength", "wavelength_A")
    renamed.write(path, format="ascii.csv")


def write_ecsv(path: Path, table: Table) -> None:
    with_units = table.copy()
    with_units["wavelength"].unit = u.AA
    with_units.write(path, format="ascii.ecsv")


def write_fits(path: Path, table: Table) -> None:
    with_units = table.copy()
    with_units["wavelength"].unit = u.AA
    with_units.write(path, format="fits")


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_clone_of_an_npz(tmp_path: Path, capsys: Capture) -> None:
    template = embedded_template("star", wavelength_range=(8640.0, 8652.0))
    np.savez(tmp_path / "t.npz", wave_vac=template.wavelength, norm=template.normalised)
    assert run("clone", tmp_path / "t.npz", "-o", tmp_path / "c", "--json", "--prominence", "0.003") == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    summary = json.loads(shown)
    assert summary == json.loads((tmp_path / "c" / "summary.json").read_text())
    assert 0 < summary["residual_rms_instrument"] <= summary["residual_rms_native"] < 0.003
    assert summary["prominence"] == 0.003 and summary["path"] == str(tmp_path / "t.npz")
    assert summary["n_lines"] == len(QTable.read(tmp_path / "c" / "lines.ecsv"))
    assert summary["wall_seconds"] > 0


@pytest.mark.parametrize(
    ("name", "writer"), [("s.csv", write_csv), ("s.ecsv", write_ecsv), ("s.fits", write_fits)]
)
def test_fit_writes_every_file(
    tmp_path: Path, table: Table, star: Path, capsys: Capture, name: str, writer: Writer
) -> None:
    writer(tmp_path / name, table)
    out = tmp_path / "out"
    assert run("fit", tmp_path / name, "--star", star, "-o", out, *FIT, "--json") == 0
    assert {path.name for path in out.iterdir()} == FILES
    assert {path.name for path in tmp_path.iterdir()} == {name, "out"}

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in summary.json")

    summary = json.loads((out / "summary.json").read_text(), parse_constant=refuse)
    assert json.loads(capsys.readouterr().out) == summary
    assert summary["radial_velocity"]["value"] == pytest.approx(20.0, abs=0.5)
    assert summary["frame"] == "observatory"
    assert summary["inputs"]["spectrum"]["path"] == str(tmp_path / name)
    assert len(summary["inputs"]["spectrum"]["sha256"]) == 64
    assert {"start", "read", "write"} <= summary["stages"].keys()
    check_tables(out, summary)
    assert len(load_file(out / "model.safetensors")["star.radial_velocity"].shape) == 0
    assert "</html>" in (out / "report.html").read_text()


def check_tables(out: Path, summary: dict[str, Any]) -> None:
    lines = QTable.read(out / "lines.ecsv")
    assert len(lines) == sum(summary["n_lines"].values())
    assert lines["centre"].unit == u.AA and lines["sigma"].unit == u.km / u.s
    with fits.open(out / "spectrum.fits") as hdus:
        assert "do not commute" in " ".join(hdus["ORDER_0"].header["COMMENT"])
    order = QTable.read(out / "spectrum.fits", hdu="ORDER_0")
    assert order.colnames == [
        "wavelength",
        "flux",
        "uncertainty",
        "mask",
        "model",
        "star",
        "telluric",
        "continuum",
        "residual",
        "telluric_free",
        "telluric_free_uncertainty",
        "telluric_free_mask",
    ]
    assert order["wavelength"].unit == u.AA
    assert len(order) == summary["n_pixels"] + summary["n_masked"] == 170
    assert np.count_nonzero(order["mask"]) == summary["n_masked"] == 5
    template = QTable.read(out / "template.fits")
    assert {"wavelength", "normalised", "continuum", "uncertainty"} <= set(template.colnames)


@pytest.mark.parametrize(("unit", "factor"), [("nm", 0.1), ("um", 1e-4)])
def test_units_are_converted(
    tmp_path: Path, table: Table, star: Path, unit: str, factor: float, capsys: Capture
) -> None:
    """In the file or by the option, other units give the same wavelengths; without any, blasé asks."""
    quick = [*FIT[:-1], "0", "--fix", "stellar_lines", "--fix", "resolving_power"]
    stated = table.copy()
    stated["wavelength"] = table["wavelength"] * factor
    stated.write(tmp_path / "bare.csv", format="ascii.csv")
    stated["wavelength"].unit = unit
    stated.write(tmp_path / "stated.ecsv", format="ascii.ecsv")
    assert run("fit", tmp_path / "bare.csv", "--star", star, "-o", tmp_path / "none", *quick) == 2
    message = capsys.readouterr().err
    assert "--wavelength-unit" in message and "bare.csv" in message
    assert not (tmp_path / "none").exists()
    assert run("fit", tmp_path / "stated.ecsv", "--star", star, "-o", tmp_path / "one", *quick) == 0
    option = ["--wavelength-unit", unit]
    assert run("fit", tmp_path / "bare.csv", "--star", star, "-o", tmp_path / "two", *quick, *option) == 0
    for name in ("one", "two"):
        order = QTable.read(tmp_path / name / "spectrum.fits", hdu="ORDER_0")
        np.testing.assert_allclose(order["wavelength"].value, table["wavelength"], rtol=1e-12)


@pytest.mark.parametrize("role", ["star", "telluric"])
def test_units_of_a_template(tmp_path: Path, table: Table, star: Path, role: str, capsys: Capture) -> None:
    """A template that states no unit has its own option, apart from that of the spectrum."""
    wavelength = np.arange(8620.0, 8668.0, 0.01)
    flux = 1 - 0.4 * np.exp(-0.5 * ((wavelength - 8644.0) / 0.03) ** 2)
    Table([wavelength / 10, flux], names=["wavelength", "flux"]).write(tmp_path / "t.csv", format="ascii.csv")
    write_csv(tmp_path / "s.csv", table)
    lines = ["--fix", "stellar_lines", *(["--fix", "telluric_lines"] if role == "telluric" else [])]
    sources = {"star": ["--star", star], "telluric": []} | {role: [f"--{role}", tmp_path / "t.csv"]}
    command = ["fit", tmp_path / "s.csv", *sources["star"], *sources["telluric"], *FIT[:-1], "0", *lines]
    prefix = "--template" if role == "star" else "--telluric"
    assert run(*command, "-o", tmp_path / "none") == 2
    assert f"{prefix}-wavelength-unit" in capsys.readouterr().err
    command += [f"{prefix}-wavelength-unit", "nm"]
    assert run(*command, "-o", tmp_path / "out") == 0
    assert f"{prefix}-medium air shifts it" in capsys.readouterr().err
    assert run(*command, "-o", tmp_path / "out", "--overwrite", f"{prefix}-medium", "vacuum") == 0
    assert "shifts it" not in capsys.readouterr().err


def test_a_clone_knows_its_units(tmp_path: Path, table: Table, star: Path, capsys: Capture) -> None:
    write_csv(tmp_path / "s.csv", table)
    clone, given = tmp_path / "clone", ["--template-medium", "air"]
    assert run("clone", star, "-o", clone) == 0
    assert run("fit", tmp_path / "s.csv", "--star", clone, "-o", tmp_path / "out", *FIT, *given) == 2
    message = capsys.readouterr().err
    assert "is a clone" in message and "--template-medium" in message


@pytest.mark.parametrize(
    "given", [["--teff", "4500"], ["--wavelength-file", "w.fits"], ["--download"]], ids=lambda given: given[0]
)
def test_a_clone_takes_no_option_of_a_template(
    tmp_path: Path, table: Table, star: Path, given: list[str], capsys: Capture
) -> None:
    write_csv(tmp_path / "s.csv", table)
    clone = tmp_path / "clone"
    assert run("clone", star, "-o", clone) == 0
    assert run("fit", tmp_path / "s.csv", "--star", clone, "-o", tmp_path / "out", *FIT, *given) == 2
    message = capsys.readouterr().err
    assert f"{clone}: is a clone" in message and f"found: {given[0]}" in message


def test_priors_from_the_command_line(tmp_path: Path, table: Table, star: Path, capsys: Capture) -> None:
    write_csv(tmp_path / "s.csv", table)
    command = ["fit", tmp_path / "s.csv", "--star", star, "-o", tmp_path / "out", *FIT]
    chosen = ["--prior", "stellar_strength=student-t", "--prior-width", "stellar_sigma=0.2"]
    assert run(*command, *chosen, "--noise-inflation", "1.5", "--quiet") == 0
    assert "prior widths times (* chosen)" in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["line_priors"]["stellar_strength"]["shape"] == "student-t"
    assert summary["line_priors"]["stellar_sigma"]["width"] == 0.2
    assert summary["noise_inflation"] == [1.5]
    assert "overfitting" in (tmp_path / "out" / "report.html").read_text()
    assert run(*command, "--no-curve", "--folds", "0", "--overwrite", "--quiet") == 0
    assert "prior widths times" not in capsys.readouterr().out
    assert run(*command, "--prior-width", "stellar_sigma=0", "--overwrite") == 2
    assert "use --fix stellar_sigma" in capsys.readouterr().err


def test_columns_by_name(tmp_path: Path, table: Table, star: Path, capsys: Capture) -> None:
    renamed = table.copy()
    renamed.rename_columns(["wavelength", "flux", "uncertainty"], ["x", "y", "dy"])
    renamed.write(tmp_path / "s.csv", format="ascii.csv")
    command = ["info", tmp_path / "s.csv", "--wavelength-unit", "A", "--medium", "vacuum", "--json"]
    assert run(*command) == 2
    assert "--column wavelength=NAME" in capsys.readouterr().err
    columns = ["--column", "wavelength=x", "--column", "flux=y", "--column", "uncertainty=dy"]
    assert run(*command, *columns) == 0
    assert json.loads(capsys.readouterr().out)["n_pixels"] == len(table)
    assert run(*command, *columns, "--sky", "subtract") == 2
    assert "no sky to subtract" in capsys.readouterr().err
    assert run(*command, "--column", "flux") == 2
    assert "ROLE=NAME" in capsys.readouterr().err


def test_clone_tells_every_round(tmp_path: Path, capsys: Capture) -> None:
    command = ["clone", "embedded:star", "--wavelength", "8640", "8655", "-o", tmp_path / "clone"]
    assert run(*command) == 0
    told = capsys.readouterr().out.splitlines()
    summary = json.loads((tmp_path / "clone" / "summary.json").read_text())
    rows = [line.split() for line in told[1 : 1 + len(summary["rounds"])]]
    assert told[0].split()[:5] == ["round", "added", "vanished", "merged", "lines"]
    names = ("number", "added", "vanished", "duplicates", "n_lines")
    assert [row[:5] for row in rows] == [[str(r[name]) for name in names] for r in summary["rounds"]]
    assert any(line.startswith("stopped because") and summary["stop_reason"] in line for line in told)


def test_clone_that_did_not_converge_is_3_with_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("blase.cloning.rounds.SETTLED", -1.0)
    command = ["clone", "embedded:star", "--wavelength", "8640", "8650", "-o", tmp_path / "clone"]
    assert run(*command) == 3
    assert "not converged: nothing is missing after" in capsys.readouterr().err
    assert json.loads((tmp_path / "clone" / "summary.json").read_text())["converged"] is False


def test_interrupted_and_resumed(
    tmp_path: Path, table: Table, star: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    import blase.pipeline.attempt as attempt_module

    write_csv(tmp_path / "s.csv", table)
    folder = tmp_path / "new" / "folder"
    checkpoint = folder / "out.checkpoint.safetensors"
    command = ["fit", tmp_path / "s.csv", "--star", star, "-o", folder / "out", *FIT]
    build = attempt_module.build_objective

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if checkpoint.exists():
            raise KeyboardInterrupt
        return build(*arguments, **options)

    monkeypatch.setattr(attempt_module, "build_objective", interrupted)
    assert run(*command) == 130
    assert list(folder.iterdir()) == [checkpoint]
    assert "--resume" in capsys.readouterr().err
    assert run(*command) == 130
    message = capsys.readouterr().err
    assert "--resume" not in message and f"{checkpoint} is of an earlier run" in message
    monkeypatch.setattr(attempt_module, "build_objective", build)
    assert run(*command, "--resume", "--continuum-degree", "4") == 2
    assert "belongs to another fit" in capsys.readouterr().err
    assert run(*command, "--resume") == 0
    assert {path.name for path in (folder / "out").iterdir()} == FILES
    assert list(folder.iterdir()) == [folder / "out"]


def test_not_converged_is_3_with_files(
    tmp_path: Path, table: Table, star: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import blase.pipeline.solve as solve_module

    monkeypatch.setattr(solve_module, "_PASSES", 1)  # too few for noise and prior widths to settle
    write_csv(tmp_path / "s.csv", table)
    quick = [*FIT[:-1], "0"]
    assert run("fit", tmp_path / "s.csv", "--star", star, "-o", tmp_path / "out", *quick) == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["converged"] is False


@pytest.mark.slow
def test_demo(tmp_path: Path, capsys: Capture) -> None:
    assert run("demo", "-o", tmp_path / "demo", "--seed", "1", "--json", "--quiet") == 0
    report = json.loads(capsys.readouterr().out)
    assert {path.name for path in (tmp_path / "demo").iterdir()} == FILES
    pairs = {name: report[name] for name in ("radial_velocity", "vsini", "resolving_power")}
    for name, tolerance in (("radial_velocity", 0.3), ("vsini", 1.0), ("resolving_power", 4000.0)):
        assert pairs[name]["recovered"] == pytest.approx(pairs[name]["true"], abs=tolerance)
    scatter = report["strength_scatter_dex"]
    assert scatter["after"] < 0.8 * scatter["before"]
    assert report["residual_rms"] < report["residual_rms_heldout"] < 0.012
