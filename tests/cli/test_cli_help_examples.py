"""The examples that help shows are run as they stand, in a folder where their files are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

import blase
from blase.cli.main import main
from blase.results.result import FitResult
from blase.templates.embedded import embedded_lines

EMBEDDED = {
    "WASP_69_hpf_stack.fits": (8650.0, 8656.0),
    "Slope-20190224.optimal.fits": (8650.0, 8656.0),
}
"""Spectra of the examples, made here: the range [Angstrom] of each."""


def examples(command: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The command lines, split into words without `blase`, that the help of a command shows."""
    main([command, "--help"])
    said = capsys.readouterr().out
    shown = said[said.index("Example") :].split("\n\n")[0]
    joined = re.sub(r"\\\n\s+", " ", shown)
    return [shlex.split(line)[1:] for line in re.findall(r"^\s+(blase .*)$", joined, re.M)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_fit: Callable[..., FitResult]) -> Path:
    """A folder with the files that the examples name; it is where commands run, and home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    result = small_fit()
    result.lines["line_id"] = ["S00000", "S00329", "T00000", "S00002"]
    result.lines["centre"] = result.lines["centre"] + 55 * u.AA
    moved = QTable(result.template)
    moved["wavelength"] = np.linspace(8654, 8666, 500) * u.AA
    order = result.orders[0]
    shifted = {"wavelength": order.wavelength + 55}
    FitResult(
        summary=result.summary,
        lines=result.lines,
        orders=(type(order)(**{**vars(order), **shifted}),),
        template=moved,
        state={},
    ).write(tmp_path / "wasp69")
    (tmp_path / "vald.dat").write_text(
        "species,wav_air,excit_pot,vmic,log_gf,rad,stark,waals,lande,depth\n"
        "Fe 1,8652.627,3.0,1.0,-1.0,8.0,-6.0,-7.8,1.0,0.5\n"
    )
    (tmp_path / "phoenix").mkdir()
    return tmp_path


@pytest.mark.parametrize("command", ["lines", "plot", "doctor"])
def test_examples_about_a_fit_run(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = examples(command, capsys)
    assert shown
    for words in shown:
        assert main(words) == 0, (words, capsys.readouterr().err)
        if "-o" in words:
            assert (folder / words[words.index("-o") + 1]).stat().st_size > 100


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::blase.errors.BlaseWarning")
def test_examples_of_info_and_fit_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = embedded_lines("star", wavelength_range=(8600.0, 8710.0))
    for name, span in EMBEDDED.items():
        night = blase.simulate_observation(
            lines, wavelength_range=span, radial_velocity=0.0, vsini=3.0, n_pixels=300
        )
        [order] = night.spectrum.orders
        columns = {
            "wavelength": order.wavelength * u.AA,
            "flux": order.flux,
            "uncertainty": order.uncertainty,
        }
        QTable(columns, meta={"BRVCORR": (-12_000.0, "m/s")}).write(folder / name)
    template = blase.read_template("embedded:star", wavelength_range=(8635.0, 8671.0))
    clone = blase.clone_template(template)
    for name in ("star-4800", "star-3900"):
        clone.write(folder / name)
    air = blase.read_template("embedded:telluric", wavelength_range=(8640.0, 8666.0))
    blase.clone_template(air, kind="telluric").write(folder / "telluric-hpf")
    for words in [*examples("info", capsys), *examples("fit", capsys)]:
        if "--order" in words:  # the spectrum made here has one
            words[words.index("--order") + 1] = "0"
        if "fit" in words:
            words += ["--no-curve", "--folds", "0", "--quiet", "--overwrite"]
            if "--resolving-power" not in words:  # which is known of the instrument of the real file
                words += ["--resolving-power", "55000:1500"]
        code = main(words)
        assert code in (0, 3), (words, capsys.readouterr().err)
