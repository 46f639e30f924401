"""The commands with a stand-in for the fit: arguments passed on, files, streams, messages, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import QTable

import blase.cloning
import blase.instruments
import blase.pipeline
import blase.templates
from blase.cli.main import main
from blase.containers import EchelleSpectrum, from_arrays
from blase.containers.atomic import atomic_directory
from blase.containers.json_text import to_text
from blase.errors import InputError, NotConvergedError
from blase.results.result import FitResult


def small_result(converged: bool = True) -> FitResult:
    """A result without orders: quick to write, complete in its summary."""
    summary = {
        "radial_velocity": {"value": -9.61, "error": None, "unit": "km/s"},
        "vsini": {"value": 2.2, "error": 0.4, "unit": "km/s"},
        "resolving_power": {"value": 55000.0, "error": None, "unit": ""},
        "residual_rms": 0.005,
        "residual_rms_heldout": float("nan"),
        "n_pixels": 2000,
        "stop_reason": "the objective no longer changes",
        "converged": converged,
    }
    table = QTable({"wavelength": [1.0, 2.0]})
    return FitResult(
        summary=summary,
        lines=QTable({"line_id": [0], "origin": ["stellar"]}),
        orders=(),
        template=table,
        state={},
    )


class FakeTemplate(str):
    """A template as its name."""

    notes: tuple[str, ...] = ()


@dataclass
class FakeClone:
    """What the commands need of a clone."""

    summary: dict[str, Any]
    source: str = ""

    converged = True

    def write(self, directory: Path, *, overwrite: bool = False, late_summary: Any = dict) -> None:
        with atomic_directory(directory, overwrite=overwrite) as folder:
            (folder / "summary.json").write_text(to_text({**self.summary, **late_summary()}))

    @classmethod
    def read(cls, directory: Path) -> FakeClone:
        return cls(json.loads((directory / "summary.json").read_text()), source=str(directory))


@dataclass
class Stage:
    """The stand-ins and what they were called with; `fails` is raised by the fit and by the cloning."""

    calls: dict[str, Any] = field(default_factory=dict)
    result: FitResult = field(default_factory=small_result)
    fails: BaseException | None = None
    checkpointed: bool = False

    def read_spectrum(self, path: Path, **options: Any) -> EchelleSpectrum:
        self.calls["read_spectrum"] = (path, options)
        wave = np.linspace(8600.0, 8700.0, 200)
        return from_arrays(
            [wave, wave + 200.0], [np.ones(200)] * 2, [np.ones(200)] * 2, wavelength_unit="Angstrom"
        )

    def read_template(self, source: str, **options: Any) -> FakeTemplate:
        self.calls.setdefault("read_template", []).append((source, options))
        return FakeTemplate(f"template {source}")

    def clone_template(self, template: str, *, progress: Any, **options: Any) -> FakeClone:
        self.calls["clone_template"] = (template, options)
        progress({"stage": "clone", "iteration": 1, "total": 2, "residual_rms": 0.01, "message": None})
        if self.fails:
            raise self.fails
        return FakeClone(
            {"n_lines": 7, "residual_rms_native": 0.001, "residual_rms_instrument": float("nan")}
        )

    def fit_spectrum(self, spectrum: Any, *, progress: Any, checkpoint: Path, **options: Any) -> FitResult:
        self.calls["fit_spectrum"] = options
        progress({"stage": "solve", "iteration": 1, "total": 5, "residual_rms": 0.02, "message": None})
        progress({"stage": "solve", "iteration": 2, "total": 5, "residual_rms": 0.01, "message": None})
        if self.checkpointed:
            checkpoint.write_bytes(b"state")
        if self.fails:
            raise self.fails
        return self.result


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Put the stand-ins in the place of reading, cloning and fitting."""
    made = Stage()
    monkeypatch.setattr(blase.instruments, "read_spectrum", made.read_spectrum, raising=False)
    monkeypatch.setattr(blase.templates, "read_template", made.read_template, raising=False)
    monkeypatch.setattr(blase.cloning, "clone_template", made.clone_template, raising=False)
    monkeypatch.setattr(blase.cloning, "Clone", FakeClone, raising=False)
    monkeypatch.setattr(
        blase.cloning, "is_clone", lambda path: (path / "summary.json").is_file(), raising=False
    )
    monkeypatch.setattr(blase.pipeline, "fit_spectrum", made.fit_spectrum, raising=False)
    return made


def fit_arguments(output: Path, *more: str) -> list[str]:
    return ["fit", "spectrum.fits", "--star", "embedded:star", "-o", str(output), *more]


def test_fit_passes_every_option_on(stage: Stage, tmp_path: Path) -> None:
    clone = tmp_path / "telluric"
    FakeClone({"n_lines": 1}).write(clone)
    options = (
        f"--telluric {clone} --order 0-1 --wavelength 8610 8850 --instrument hpf --wavelength-unit nm "
        "--medium air --frame observatory --berv -27.5 --resolving-power 55000:1000 "
        "--template-resolving-power fit --template-wavelength-unit nm --template-medium air "
        "--rv-guess -9.6 --fix vsini=2.2 --fix wind --free limb_darkening --continuum-degree 3 --folds 4 "
        "--wavelength-file w.fits --teff 4750 --seed 11 --column flux=spec --column mask=bad=x "
        "--sky subtract --download --wavelength-correction 0.4:2 --prior stellar_lines=laplace "
        "--prior-width telluric_gamma=0.2 --noise-inflation 1.5 --no-curve --no-new-lines "
        "--airglow free --airglow-list sky.txt"
    )
    assert main(fit_arguments(tmp_path / "out", *options.split())) == 0
    path, read = stage.calls["read_spectrum"]
    assert path == Path("spectrum.fits")
    assert read == {
        "instrument": "hpf",
        "wavelength_unit": "nm",
        "medium": "air",
        "frame": "observatory",
        "berv": -27.5,
        "resolving_power": (55000.0, 1000.0),
        "columns": {"flux": "spec", "mask": "bad=x"},
        "sky": "subtract",
    }
    [(source, template)] = stage.calls["read_template"]
    low, high = template.pop("wavelength_range")
    assert 8550 < low < 8600 and 8860 < high < 8900
    assert source == "embedded:star"
    assert template == {
        "wavelength_unit": "nm",
        "medium": "air",
        "wavelength_file": Path("w.fits"),
        "resolving_power": "fit",
        "effective_temperature": 4750.0,
        "download": True,
    }
    fitted = stage.calls["fit_spectrum"]
    assert fitted.pop("telluric").source == str(clone)
    assert fitted == {
        "star": "template embedded:star",
        "orders": [0, 1],
        "wavelength_range": (8610.0, 8850.0),
        "resolving_power": (55000.0, 1000.0),
        "rv_guess": -9.6,
        "fix": {"vsini": 2.2, "wind": None},
        "free": ["limb_darkening"],
        "priors": {"stellar_lines": "laplace"},
        "prior_widths": {"telluric_gamma": 0.2},
        "noise_inflation": 1.5,
        "airglow": "free",
        "airglow_list": Path("sky.txt"),
        "curve": False,
        "new_lines": False,
        "continuum_degree": 3,
        "wavelength_correction": (0.4, 2),
        "folds": 4,
        "device": "cpu",
        "seed": 11,
        "resume": False,
    }


def test_fit_writes_times_and_prints_what_it_wrote(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit_arguments(tmp_path / "out", "--json")) == 0
    shown = capsys.readouterr()
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert shown.out.count("\n") == 1
    assert json.loads(shown.out) == written
    assert {"start", "read", "solve", "write"} <= written["stages"].keys()
    assert written["wall_seconds"] == pytest.approx(sum(written["stages"].values()), abs=0.01)
    assert [line.partition(":")[0] for line in shown.err.splitlines()] == [
        "read",
        "solve",
        "write",
        "written",
    ]


def test_fit_prints_errors_only_where_there_are_any(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit_arguments(tmp_path / "out", "--quiet")) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = dict(
        line.split(maxsplit=1) for line in shown.out.splitlines() if line[0] != "r" or "velocity" in line
    )
    assert lines["radial_velocity"] == "-9.61 km/s (error not estimated)"
    assert lines["vsini"] == "2.2 km/s +- 0.4"
    assert "residual, held-out pixels     not known" in shown.out


def test_not_converged_is_3_with_the_files_written(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.result = small_result(converged=False)
    assert main(fit_arguments(tmp_path / "out")) == 3
    assert (tmp_path / "out" / "report.html").is_file()
    assert "not converged: the objective no longer changes" in capsys.readouterr().err


def test_interruption_is_130_and_names_the_checkpoint(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.fails, stage.checkpointed = KeyboardInterrupt(), True
    assert main(fit_arguments(tmp_path / "out")) == 130
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.checkpoint.safetensors"]
    message = capsys.readouterr().err
    assert "--resume" in message and str(tmp_path / "out.checkpoint.safetensors") in message
    stage.fails = None
    assert main(fit_arguments(tmp_path / "out", "--resume")) == 0
    assert stage.calls["fit_spectrum"]["resume"] is True
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_interruption_before_a_checkpoint_leaves_nothing(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.fails = KeyboardInterrupt()
    assert main(fit_arguments(tmp_path / "out")) == 130
    assert list(tmp_path.iterdir()) == []
    assert "nothing was written" in capsys.readouterr().err


def test_interruption_does_not_offer_the_checkpoint_of_an_earlier_run(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "out.checkpoint.safetensors"
    checkpoint.write_bytes(b"earlier")
    stage.fails = KeyboardInterrupt()
    assert main(fit_arguments(tmp_path / "out")) == 130
    message = capsys.readouterr().err
    assert "--resume" not in message and f"{checkpoint} is of an earlier run" in message
    stage.checkpointed = True
    assert main(fit_arguments(tmp_path / "out")) == 130
    assert "with --resume" in capsys.readouterr().err


def test_resume_without_a_checkpoint_is_bad_input(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit_arguments(tmp_path / "out", "--resume")) == 2
    assert "no checkpoint" in capsys.readouterr().err
    assert stage.calls == {}


@pytest.mark.parametrize("command", ["fit", "clone", "demo"])
def test_existing_output_is_kept_and_nothing_is_read(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    kept = tmp_path / "out"
    kept.mkdir()
    (kept / "summary.json").write_text("old")
    arguments = {
        "fit": fit_arguments(kept),
        "clone": ["clone", "embedded:star", "-o", str(kept)],
        "demo": ["demo", "-o", str(kept)],
    }
    assert main(arguments[command]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert stage.calls == {}
    assert (kept / "summary.json").read_text() == "old"


def test_overwrite_replaces_an_output_but_no_foreign_directory(stage: Stage, tmp_path: Path) -> None:
    assert main(fit_arguments(tmp_path / "out")) == 0
    assert main(fit_arguments(tmp_path / "out", "--overwrite")) == 0
    (tmp_path / "out" / "mine.txt").write_text("mine")
    stage.calls.clear()
    assert main(fit_arguments(tmp_path / "out", "--overwrite")) == 2
    assert stage.calls == {}
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_failed_fit_keeps_the_old_output(stage: Stage, tmp_path: Path) -> None:
    assert main(fit_arguments(tmp_path / "out")) == 0
    before = (tmp_path / "out" / "summary.json").read_bytes()
    stage.fails = RuntimeError("no")
    assert main(fit_arguments(tmp_path / "out", "--overwrite")) == 1
    assert (tmp_path / "out" / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            InputError("is not a spectrum", path="a[b].txt", fix="give one"),
            2,
            "error: a[b].txt: is not a spectrum",
        ),
        (FileNotFoundError(2, "No such file or directory", "gone.fits"), 2, "gone.fits: No such file"),
        (NotConvergedError("out of steps"), 3, "not converged: out of steps"),
        (KeyError("x"), 1, "internal error: KeyError: 'x'"),
    ],
)
def test_exceptions_become_exit_codes(
    stage: Stage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    message: str,
) -> None:
    stage.fails = error
    assert main(fit_arguments(tmp_path / "out")) == code
    shown = capsys.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("way", ["-v", "BLASE_DEBUG"])
def test_traceback_where_it_is_asked_for(
    stage: Stage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    stage.fails = ZeroDivisionError("oops")
    if way == "BLASE_DEBUG":
        monkeypatch.setenv(way, "1")
    assert main(fit_arguments(tmp_path / "out", *(["-v"] if way == "-v" else []))) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown and "oops" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "s.fits", "--star", "x"],
        ["fit", "s.fits", "-o", "out"],
        ["fit", "s.fits", "--star", "x", "-o", "out", "--frame", "galactic"],
        ["fit", "s.fits", "--star", "x", "-o", "out", "--order", "8-5"],
        ["fit", "s.fits", "--star", "x", "-o", "out", "--resolving-power", "high"],
        ["fit", "s.fits", "--star", "x", "-o", "out", "--fix", "vsini=fast"],
        ["fit", "s.fits", "--star", "x", "-o", "out", "--wavelength", "9000", "8000"],
        ["clone", "x"],
        ["clone", "x", "-o", "out", "--prominence", "deep"],
        ["nonsense"],
        ["--nonsense"],
    ],
)
def test_usage_errors_are_2_on_standard_error(
    stage: Stage, arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert "rror" in shown.err and "Traceback" not in shown.err
    assert shown.out == ""
    assert stage.calls == {} and list(tmp_path.iterdir()) == []


def test_range_beside_the_spectrum_is_bad_input(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit_arguments(tmp_path / "out", "--wavelength", "5000", "5100")) == 2
    assert "does not overlap" in capsys.readouterr().err


def test_blur_is_not_declared_for_a_clone(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeClone({"n_lines": 1}).write(tmp_path / "star")
    arguments = ["fit", "s.fits", "--star", str(tmp_path / "star"), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--template-resolving-power", "80000"]) == 2
    assert "is a clone" in capsys.readouterr().err


def test_clone_prints_its_summary_as_one_line(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--telluric --prominence 0.01 --wavelength 8600 8700 --template-resolving-power 80000 --json"
    assert main(["clone", "t.npz", "-o", str(tmp_path / "c"), *options.split()]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1
    assert json.loads(shown.out) == json.loads((tmp_path / "c" / "summary.json").read_text())
    assert json.loads(shown.out)["residual_rms_instrument"] is None
    written = json.loads(shown.out)
    assert written["wall_seconds"] == pytest.approx(sum(written["stages"].values()), abs=0.01)
    assert "write" in written["stages"]
    assert stage.calls["read_template"][0][1]["resolving_power"] == 80000.0
    assert stage.calls["clone_template"] == (
        "template t.npz",
        {
            "kind": "telluric",
            "wavelength_range": (8600.0, 8700.0),
            "prominence": 0.01,
            "instrument_resolving_power": 55000.0,
        },
    )


def test_clone_prints_for_people(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clone", "t.npz", "-o", str(tmp_path / "c")]) == 0
    text = capsys.readouterr().out
    assert "0.100 %" in text and "lines                      7" in text


def test_demo_prints_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass
    class Demo:
        result: FitResult
        report: dict[str, Any]
        lines: list[str]

    seeds: list[int] = []

    def run_demo(*, seed: int, progress: Any) -> Demo:
        seeds.append(seed)
        return Demo(
            small_result(), {"radial_velocity": {"true": 1.0}}, ["true and recovered", "RV 1.00 1.01"]
        )

    monkeypatch.setattr(blase.pipeline, "run_demo", run_demo, raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--seed", "4"]) == 0
    assert capsys.readouterr().out.startswith("true and recovered\nRV 1.00 1.01\n")
    assert (tmp_path / "blase-demo" / "summary.json").is_file()
    assert main(["demo", "--seed", "5", "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"radial_velocity": {"true": 1.0}}
    assert seeds == [4, 5]


def test_info_shows_rows(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "s.fits", "--wavelength-unit", "nm"]) == 0
    lines = capsys.readouterr().out.splitlines()
    header = next(index for index, line in enumerate(lines) if line.split()[:1] == ["row"])
    assert [line.split()[0] for line in lines[header + 1 : header + 3]] == ["0", "1"]
    assert main(["info", "s.fits", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_orders"] == 2


def test_warnings_are_plain_and_shown_once(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_spectrum(path: Path, **options: Any) -> EchelleSpectrum:
        for _ in range(2):
            warnings.warn("the flux of [3] pixels was not finite", UserWarning, stacklevel=1)
        return stage.read_spectrum(path, **options)

    monkeypatch.setattr(blase.instruments, "read_spectrum", read_spectrum)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["info", "s.fits"]) == 0
        assert capsys.readouterr().err == "warning: the flux of [3] pixels was not finite\n"
        assert main(["info", "s.fits", "--quiet"]) == 0
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", [[], ["clone"], ["fit"], ["demo"], ["info"], ["bench"]])
def test_help_shows_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Usage: blase" in text
    assert not command or f"    blase {command[0]} " in text


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from blase.cli.main import main; code = main(['--help']); "
        "heavy = {'torch', 'astropy', 'matplotlib', 'numba', 'scipy'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_writing_leaves_the_old_output(tmp_path: Path, number: int) -> None:
    """A process stopped in the middle of writing exits with 130 and leaves nothing half-written."""
    old = tmp_path / "out"
    old.mkdir()
    (old / "summary.json").write_text("old")
    script = tmp_path / "run.py"
    script.write_text(
        "import signal, sys, time, types\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored\n"
        "import blase.pipeline, blase.results.files as files\n"
        "def slow(*a):\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(30)\n"
        "files.write_state = slow\n"
        "from test_cli_commands import small_result\n"
        "def run_demo(**options):\n"
        "    return types.SimpleNamespace(result=small_result(), report={}, lines=[])\n"
        "blase.pipeline.run_demo = run_demo\n"
        "from blase.cli.main import main\n"
        "sys.exit(main(['demo', '-o', sys.argv[1], '--overwrite']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    with subprocess.Popen(
        [sys.executable, str(script), str(old)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        begun = process.stdout.readline()
        process.send_signal(number)
        errors = process.communicate(timeout=20)[1]
    assert begun == "writing\n", errors
    assert process.returncode == 130
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "run.py"]
    assert (old / "summary.json").read_text() == "old"
