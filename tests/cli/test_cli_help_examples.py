"""The examples that help shows are run as they stand, in a folder where their files are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

import blase
from blase.cli.main import main
from blase.containers import from_arrays
from blase.instruments import write_eprv
from blase.results.result import FitResult
from blase.templates.embedded import embedded_lines

EMBEDDED = {
    "WASP_69_hpf_stack.fits": (8650.0, 8656.0),
    "Slope-20190224.optimal.fits": (8650.0, 8656.0),
}
"""Spectra of the examples, made here: the range [Angstrom] of each."""


RECORD = " 1110613.400000 2.200E-21 1.000E+00.08000.400  212.15640.70-.015000".ljust(146) + "    1.0    1.0\n"
"""A line of water of HITRAN at 9422 Angstrom."""
WAVES = "WAVE_PHOENIX-ACES-AGSS-COND-2011.fits"


def examples(command: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The command lines, split into words without `blase`, that the help of a command shows."""
    main([*command.split(), "--help"])
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


def run_examples(words_of: list[list[str]], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert words_of
    for words in words_of:
        assert main(words) == 0, (words, capsys.readouterr().err)
        if "-o" in words:
            assert (folder / words[words.index("-o") + 1]).exists()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is home and where commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def write_grid_point(folder: Path, temperature: int) -> None:
    """A few lines on a slope, in the format of the PHOENIX grid; its wavelengths beside it."""
    wavelength = np.arange(8640.0, 8660.0, 0.02)
    flux = 1e14 * (wavelength / 8650) ** -2
    for centre in (8643.0, 8648.5, 8649.2, 8656.0):
        flux *= 1 - 0.5 * np.exp(-0.5 * ((wavelength - centre) / 0.06) ** 2)
    hdu = fits.PrimaryHDU(flux.astype("f4"))
    hdu.header["WAVE"], hdu.header["BUNIT"] = WAVES, "erg/s/cm^2/cm"
    hdu.header["PHXTEFF"] = temperature
    hdu.writeto(folder / f"lte{temperature:05d}-4.50-0.0.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits")
    waves = fits.PrimaryHDU(wavelength)
    waves.header["UNIT"] = "Angstrom"
    waves.writeto(folder / WAVES, overwrite=True)


@pytest.mark.filterwarnings("ignore::blase.errors.BlaseWarning")
def test_examples_of_templates_and_clone_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "phoenix").mkdir()
    write_grid_point(home / "phoenix", 3900)
    write_grid_point(home, 4800)
    listed = examples("templates list", capsys)
    assert [words[0] for words in listed] == ["templates", "clone"]
    run_examples([*listed, *examples("clone", capsys)], home, capsys)
    assert "3900" in capsys.readouterr().out


def test_the_example_of_telluric_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "hitran").mkdir()
    (home / "hitran" / "water.par").write_text(RECORD)
    run_examples(examples("telluric", capsys), home, capsys)


@pytest.mark.filterwarnings("ignore::blase.errors.BlaseWarning")
def test_examples_of_prepare_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    n, draw = 400, np.random.default_rng(0)
    waves = np.stack([8000.0 + 30 * order + 0.05 * np.arange(n) for order in range(6)])
    for name in ("Slope-20190224.optimal.fits", "night1.fits", "night2.fits"):
        night = from_arrays(
            waves,
            110.0 + draw.normal(size=(6, n)),
            np.ones((6, n)),
            wavelength_unit="A",
            frame="observatory",
            barycentric_velocity=-20.0,
            sky=np.full((6, n), 10.0),
            sky_uncertainty=np.full((6, n), 0.5),
        )
        write_eprv(night, home / name)
    run_examples(examples("prepare", capsys), home, capsys)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::blase.errors.BlaseWarning")
def test_the_example_of_demo_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_examples([[*words, "--quiet"] for words in examples("demo", capsys)], home, capsys)
