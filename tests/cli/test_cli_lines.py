"""`blase lines` on a written fit: what is printed and written, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from astropy import units as u
from astropy.table import Table

from blase.cli.main import main
from blase.results.result import FitResult


@pytest.fixture(scope="module")
def directory(small_fit: Callable[..., FitResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fit().write(tmp_path_factory.mktemp("lines") / "fit")


def test_lines_are_printed_as_csv(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", str(directory), "--format", "csv", "--detection", "15"]) == 0
    out, err = capsys.readouterr()
    rows = out.splitlines()
    assert rows[0].startswith("line_id,origin") and [row[:6] for row in rows[1:]] == ["S00000", "S00001"]
    assert err.strip() == "2 lines"


def test_gaussian_widths_stand_beside_the_others(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", str(directory), "--gaussian", "--format", "csv"]) == 0
    header = capsys.readouterr().out.splitlines()[0].split(",")
    assert {"gaussian_width [Angstrom]", "gaussian_width_error [Angstrom]"} < set(header)
    assert header.index("gaussian_width [Angstrom]") > header.index("equivalent_width [Angstrom]")


def test_lines_are_written_in_the_format_of_the_suffix(directory: Path, tmp_path: Path) -> None:
    target = tmp_path / "lines.fits"
    assert main(["lines", str(directory), "-o", str(target), "--origin", "stellar"]) == 0
    table = Table.read(target)
    assert len(table) == 3 and table["velocity"].unit == u.km / u.s
    assert main(["lines", str(directory), "-o", str(target)]) == 2
    assert main(["lines", str(directory), "-o", str(target), "--overwrite", "--quiet"]) == 0


def test_lines_are_named_by_a_list(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known.csv"
    known.write_text(
        "wavelength_angstrom,depth,species\n8600.01,0.5,Fe 1\n8605.02,0.2,Si 1\n8625.0,0.2,Ti 1\n"
    )
    arguments = ["lines", str(directory), "--list", str(known), "--format", "csv"]
    assert main([*arguments, "--species", "Si"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 and rows[1].startswith("S00001") and "Si 1" in rows[1]
    assert main([*arguments, "--tolerance", "0.1"]) == 0
    assert "Si 1" not in capsys.readouterr().out


def test_the_template_against_theory(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", str(directory), "--theory", "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    assert (
        out.startswith("low [Angstrom],high [Angstrom],area [Angstrom],area_error [Angstrom],largest")
        and "stretches" in err
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--species", "Fe 1"], "no line has a name"),
        (["--teff", "5000"], "--teff has no effect"),
        (["--theory", "--species", "Fe"], "--species has no effect"),
        (["--theory", "--gaussian"], "--gaussian has no effect"),
        (["--format", "fits"], "FITS is not text"),
        (["--list", "missing.dat"], "missing.dat"),
    ],
)
def test_what_makes_no_sense_is_refused(
    directory: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lines", str(directory), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", str(tmp_path)]) == 2
    assert "not the output of a fit" in capsys.readouterr().err
