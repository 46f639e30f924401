"""`blase telluric`: what it writes, and what it says to bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import gaussian_filter1d

from blase.cli.main import main
from blase.templates import read_template

RECORD = " 1110613.400000 2.200E-21 1.000E+00.08000.400  212.15640.70-.015000".ljust(146) + "    1.0    1.0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "water.par").write_text(RECORD)
    (lists / "readme.txt").write_text("not a list\n")
    return lists


def run(folder: Path, *more: str) -> int:
    place = ["--wavelength", "9418", "9426", "--line-list", str(folder)]
    return main(["telluric", *place, "-o", str(folder / "out.fits"), *more])


def test_a_table_by_molecule_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        folder,
        *("--site", "Paranal", "--temperature", "286", "--humidity", "20", "--airmass", "1.3", "--json"),
    )
    assert code == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["altitude"] == 2635
    assert facts["humidity"] == pytest.approx(20, rel=1e-3)
    assert facts["n_lines"] == {"H2O": 1}
    with fits.open(folder / "out.fits") as hdus:
        table, header = hdus["TELLURIC"].data, hdus["TELLURIC"].header
        assert table.names == ["wavelength", "transmission", "transmission_H2O"]
        assert header["TUNIT1"] == "Angstrom"
        assert "no continuum" in header["WINGS"]
        assert header["PWV"] == pytest.approx(facts["pwv"], abs=1e-5)
        assert "readme.txt" in str(header["HISTORY"])
        deepest = table["wavelength"][np.argmin(table["transmission"])]
        np.testing.assert_allclose(table["transmission"], table["transmission_H2O"])
    assert deepest == pytest.approx(1e8 / 10613.4, abs=0.02)


def test_the_output_is_a_template(folder: Path) -> None:
    assert run(folder, "--altitude", "2000", "--pwv", "4") == 0
    template = read_template(folder / "out.fits")
    assert template.normalised.min() < 0.5
    assert "Angstrom" not in template.flux_unit


def test_a_continuum_is_named_in_the_header(folder: Path, tmp_path: Path) -> None:
    nodes = np.arange(2000.0, 12000.0, 10.0)
    table = tmp_path / "continuum.npz"
    flat = np.full_like(nodes, 1e-9)
    np.savez(table, wavenumber=nodes, self_296=flat, self_260=2 * flat, foreign_296=1e-3 * flat)
    assert run(folder, "--altitude", "0", "--pwv", "30", "--continuum", str(table)) == 0
    with fits.open(folder / "out.fits") as hdus:
        assert "cut at 25 cm-1" in hdus["TELLURIC"].header["WINGS"]
        assert "transmission_continuum" in hdus["TELLURIC"].data.names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--site NAME or --altitude"),
        (("--site", "paranal", "--altitude", "1"), "both --site and --altitude"),
        (("--altitude", "0", "--humidity", "130"), "check --humidity"),
        (("--altitude", "0", "--humidity", "30", "--pwv", "3"), "not both"),
        (("--altitude", "0", "--temperature", "15"), "180 to 330, K"),
        (("--altitude", "0", "--profile", "absent.atm"), "not an atmospheric profile"),
        (("--altitude", "0", "--line-list", "absent.par"), "hitran.org"),
    ],
)
def test_bad_input_is_explained(
    folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert run(folder, *options) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out.fits").exists()


def test_without_lists_it_says_which_to_get_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path))
    output = tmp_path / "out.fits"
    code = main(["telluric", "--altitude", "0", "--wavelength", "20000", "20008", "-o", str(output)])
    said = capsys.readouterr().err
    assert code == 2
    assert "hitran.org" in said
    assert str(tmp_path / "line-lists") in said
    (tmp_path / "line-lists").mkdir()
    (tmp_path / "line-lists/a.par").write_text(RECORD)
    assert main(["telluric", "--altitude", "0", "--wavelength", "9418", "9426", "-o", str(output)]) == 0


def test_an_existing_file_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out.fits").write_text("mine")
    assert run(folder, "--altitude", "0") == 2
    assert (folder / "out.fits").read_text() == "mine"
    assert run(folder, "--altitude", "0", "--overwrite", "--quiet") == 0


def test_correct_runs_from_file_to_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A flat star behind one line of water that is in the list."""
    assert run(folder, "--altitude", "2000", "--pwv", "4", "--airmass", "1.2", "--step", "0.5") == 0
    with fits.open(folder / "out.fits") as hdus:
        table = hdus["TELLURIC"].data
        wavelength, transmission = table["wavelength"][::8], table["transmission"].reshape(-1)
    blurred = gaussian_filter1d(transmission, 5.0)[::8]
    rng = np.random.default_rng(0)
    rows = np.stack([wavelength, blurred + 0.003 * rng.normal(size=len(wavelength))], axis=1)[5:-5]
    csv = "wavelength_vac_A,flux,uncertainty\n" + "".join(f"{w:.6f},{f:.6f},0.003\n" for w, f in rows)
    (folder / "star.csv").write_text(csv)
    capsys.readouterr()
    code = main(
        [
            *("correct", str(folder / "star.csv"), "-o", str(folder / "free.fits"), "--altitude", "2000"),
            *("--pwv", "3", "--airmass", "1.2", "--line-list", str(folder / "water.par"), "--json"),
            *("--frame", "observatory", "--resolving-power", "50000:5000", "--continuum-degree", "1"),
            *("--template", str(folder / "air.fits")),
        ]
    )
    facts = json.loads(capsys.readouterr().out)
    assert code == 0
    water = facts["parameters"]["log_water"]
    assert abs(water["value"] - np.log(4)) < 4 * water["error"]
    free = fits.getdata(folder / "free.fits", "ORDER_0")
    good = ~free["telluric_free_mask"]
    assert np.abs(free["telluric_free"][good] - 1).max() < 0.05
    assert read_template(folder / "air.fits").normalised.min() < 0.8
    again = ["correct", str(folder / "star.csv"), "-o", str(folder / "free.fits"), "--altitude", "2000"]
    assert main(again) == 2
