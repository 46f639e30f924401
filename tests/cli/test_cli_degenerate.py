"""Input with nothing to fit, or nothing to tell apart, through the real command: a statement, never a NaN."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable

from blase.cli.main import main
from blase.templates.embedded import embedded_lines

pytestmark = pytest.mark.filterwarnings("ignore::blase.errors.BlaseWarning")
SPAN = (8226.0, 8236.0)
N = 200
OPTIONS = ["--resolving-power", "55000", "--frame", "barycentric", "--rv-guess", "0", "--quiet", "--json"]


def spectrum() -> dict[str, np.ndarray]:
    """An order with three lines and noise of 0.5 per cent."""
    wavelength = np.linspace(*SPAN, N)
    flux = np.ones(N)
    for centre, depth in ((8228.5, 0.4), (8231.0, 0.6), (8233.0, 0.2)):
        flux -= depth * np.exp(-0.5 * ((wavelength - centre) / 0.1) ** 2)
    noise = np.random.default_rng(4).normal(0, 0.005, N)
    return {"wavelength_vac_A": wavelength, "flux": flux + noise, "uncertainty": np.full(N, 0.005)}


def write(path: Path, columns: dict[str, np.ndarray]) -> Path:
    QTable(columns).write(path, format="ascii.csv")
    return path


def write_lines(path: Path, *centres: float) -> Path:
    """A list of lines with depths like those of the spectrum."""
    lines = "".join(f"{centre:.3f},0.4,Fe 1\n" for centre in centres)
    path.write_text("wavelength_vac_angstrom,depth,species\n" + lines)
    return path


def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *more: str, **files: Path
) -> tuple[int, str, str]:
    """Exit code, standard output and error of a fit."""
    arguments = ["fit", str(files["data"]), "--star", str(files["star"]), "-o", str(tmp_path / "fit")]
    code = main([*arguments, *OPTIONS, *more])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err and "internal" not in shown.err
    return code, shown.out, shown.err


def require_fit(tmp_path: Path, out: str) -> tuple[dict, QTable]:
    """Summary and lines of a fit that ended, in which every number is one."""
    summary = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in the summary"))
    lines = QTable.read(tmp_path / "fit" / "lines.ecsv")
    for name in ("strength", "strength_error", "equivalent_width", "equivalent_width_error"):
        kept = lines["status"] != "dropped"
        assert np.isfinite(np.asarray(lines[name][kept].value, dtype=float)).all()
    assert summary["stop_reason"] and summary["residual_rms"] < 0.1
    return summary, lines


def test_a_line_outside_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    star = write_lines(tmp_path / "star.csv", 8228.5, 8231.0, 8233.0, 8240.0)
    code, out, _ = run(
        tmp_path, capsys, "--folds", "2", data=write(tmp_path / "s.csv", spectrum()), star=star
    )
    summary, lines = require_fit(tmp_path, out)
    assert code in (0, 3) and summary["n_lines"]["stellar"] == 3 + (lines["order"] == -1).sum()


def test_two_identical_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    star = write_lines(tmp_path / "star.csv", 8228.5, 8231.0, 8231.0, 8233.0)
    code, out, _ = run(
        tmp_path, capsys, "--folds", "2", data=write(tmp_path / "s.csv", spectrum()), star=star
    )
    summary, lines = require_fit(tmp_path, out)
    twins = lines[np.abs(lines["centre_cloned"].value - 8231.0) < 0.1]
    assert code in (0, 3) and len(twins) == 2
    assert summary["blends"] or "dropped" in twins["status"]


def test_an_order_fully_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = spectrum()
    dark = columns | {"wavelength_vac_A": columns["wavelength_vac_A"] + 10.5, "flux": np.full(N, np.nan)}
    both = {name: np.concatenate([columns[name], dark[name]]) for name in columns}
    data = write(tmp_path / "s.csv", both | {"order": np.repeat([0, 1], N)})
    star = write_lines(tmp_path / "star.csv", 8228.5, 8231.0, 8233.0, 8240.0)
    code, out, err = run(tmp_path, capsys, "--folds", "0", "--no-curve", data=data, star=star)
    summary, _ = require_fit(tmp_path, out)
    assert code in (0, 3) and [order["row"] for order in summary["orders"]] == [0]
    assert any("order 1" in text and "left out" in text for text in summary["warnings"])
    code, _, err = run(tmp_path, capsys, "--order", "1", "--overwrite", data=data, star=star)
    assert code == 2 and "no pixel can be used" in err and "fix:" in err


@pytest.mark.parametrize("good", [1, 3])
def test_one_pixel(tmp_path: Path, capsys: pytest.CaptureFixture[str], good: int) -> None:
    star = write_lines(tmp_path / "star.csv", 8228.5, 8231.0)
    columns = spectrum()
    alone = write(tmp_path / "alone.csv", {name: values[:good] for name, values in columns.items()})
    columns["flux"][good:] = np.nan
    masked = write(tmp_path / "masked.csv", columns)
    for data in (alone, masked):
        code, out, err = run(tmp_path, capsys, data=data, star=star)
        assert code == 2 and not out and "pixel" in err and "expected:" in err and "fix:" in err
        assert str(data) in err and not (tmp_path / "fit").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--prior-width", "stellar_strength=0"], "would freeze"),
        (["--prior-width", "stellar_centre=0"], "would freeze"),
        (["--noise-inflation", "0"], "noise"),
        (["--resolving-power", "55000:0"], "--resolving-power"),
        (["--wavelength-correction", "0"], "--wavelength-correction"),
    ],
)
def test_no_width_of_a_prior(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    star = write_lines(tmp_path / "star.csv", 8228.5, 8231.0)
    code, out, err = run(tmp_path, capsys, *options, data=write(tmp_path / "s.csv", spectrum()), star=star)
    assert code == 2 and not out and said in err and "found: " in err and "fix:" in err


def test_no_line_and_no_light(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A star whose lines all lie elsewhere, and a spectrum of noise about zero."""
    far = embedded_lines("star", wavelength_range=(8600.0, 8610.0))
    far.write(tmp_path / "far.ecsv")
    data = write(tmp_path / "s.csv", spectrum())
    code, _, err = run(tmp_path, capsys, data=data, star=tmp_path / "far.ecsv")
    assert code == 2 and "no line in the wavelength range" in err and "fix:" in err
    noise = spectrum() | {"flux": np.random.default_rng(2).normal(0, 0.005, N)}
    star = write_lines(tmp_path / "star.csv", 8228.5, 8231.0)
    code, _, err = run(tmp_path, capsys, data=write(tmp_path / "noise.csv", noise), star=star)
    assert code == 2 and "flux" in err and "fix:" in err
