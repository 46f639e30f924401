"""Bad input through the real commands: exit code 2, a message that helps, and nothing touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from blase.cli.main import main
from blase.templates.embedded import embedded_lines, embedded_template

Columns = dict[str, np.ndarray]
N = 400


def spectrum(**changed: np.ndarray) -> Columns:
    """A spectrum that could be fitted, but for what is `changed`."""
    wavelength = 8640.0 + 0.05 * np.arange(N)
    flux = 1 - 0.3 * np.exp(-0.5 * ((wavelength - 8650) / 0.1) ** 2)
    return {"wavelength_vac_A": wavelength, "flux": flux, "uncertainty": np.full(N, 0.01)} | changed


def csv(columns: Columns) -> str:
    rows = ["".join(f"{value:.8g}," for value in row)[:-1] for row in zip(*columns.values(), strict=True)]
    return "\n".join([",".join(columns), *rows]) + "\n"


def swapped() -> str:
    columns = spectrum()
    columns["wavelength_vac_A"][[100, 101]] = columns["wavelength_vac_A"][[101, 100]]
    return csv(columns)


def with_good_pixels(count: int) -> str:
    flux = spectrum()["flux"]
    flux[count:] = np.nan
    return csv(spectrum(flux=flux))


def short(count: int) -> str:
    return csv({name: values[:count] for name, values in spectrum().items()})


def ecsv_with_mixed_units() -> str:
    head = "# %ECSV 1.0\n# ---\n# datatype:\n"
    for name, unit in (("wavelength", "Angstrom"), ("flux", "Jy"), ("uncertainty", "m")):
        head += f"# - {{name: {name}, unit: {unit}, datatype: float64}}\n"
    rows = csv(spectrum()).replace(",", " ").split("\n", 1)[1]
    return f"{head}# schema: astropy-2.0\nwavelength flux uncertainty\n{rows}"


def in_unit(factor: float) -> str:
    columns = spectrum()
    return csv({"wavelength_vac": columns.pop("wavelength_vac_A") * factor, **columns})


def in_two_units() -> str:
    columns = spectrum()
    columns["wavelength_vac_A"][:200] /= 10
    return csv(columns)


def two_chips() -> str:
    columns = spectrum()
    columns["wavelength_vac_A"][200:] += 300
    return csv(columns)


SPECTRA: dict[str, tuple[Callable[[], str] | None, list[str]]] = {
    "missing file": (None, ["no such file"]),
    "empty file": (lambda: "", ["empty", "0 bytes"]),
    "blank file": (lambda: "\n \n", ["empty", "3 bytes"]),
    "only a header": (lambda: csv(spectrum()).split("\n")[0] + "\n", ["no rows"]),
    "flux all zero": (lambda: csv(spectrum(flux=np.zeros(N))), ["median flux is not positive", "found: 0.0"]),
    "tiny uncertainties": (
        lambda: csv(spectrum(uncertainty=np.full(N, 1e-30))),
        ["order 0: an uncertainty is too small", "1e-30 at pixel 0"],
    ),
    "wavelength missing": (
        lambda: csv(spectrum(wavelength_vac_A=np.r_[8640.0, np.nan, 8641 + 0.05 * np.arange(N - 2)])),
        ["not a positive number", "at pixel 1"],
    ),
    "rows in two units": (in_two_units, ["mixed units, or several chips", "at pixel 200"]),
    "two chips in one table": (two_chips, ["mixed units, or several chips", "at pixel 200", "order column"]),
    "not a spectrum": (
        lambda: "once upon a time\nthere was a star\n",
        ["not a spectrum", "expected:", "fix:"],
    ),
    "not increasing": (swapped, ["not increasing", "at pixel 101", "expected:", "fix:"]),
    "beside the template": (
        lambda: csv(spectrum(wavelength_vac_A=15_000 + 0.05 * np.arange(N))),
        ["range", "15095", "overlaps 8630", "expected:", "fix:"],
    ),
    "flux all NaN": (
        lambda: csv(spectrum(flux=np.full(N, np.nan))),
        ["no pixel can be used", "400 with non-finite flux", "expected:", "fix:"],
    ),
    "errors all zero": (
        lambda: csv(spectrum(uncertainty=np.zeros(N))),
        ["no pixel can be used", "400 with non-finite or non-positive uncertainty", "fix:"],
    ),
    "fewer than 50 good pixels": (
        lambda: short(45),
        ["too few good pixels", "45 good of 45", "at least 50", "fix:"],
    ),
    "less than 20 % left": (
        lambda: with_good_pixels(75),
        ["too few good pixels", "75 good of 400", "20%", "325 with non-finite flux", "fix:"],
    ),
    "unknown columns": (
        lambda: csv(dict(zip(("abscissa", "ordinate", "bar"), spectrum().values(), strict=True))),
        ["abscissa, ordinate, bar", "expected:", "fix:"],
    ),
    "mixed units": (ecsv_with_mixed_units, ["mixed units", "Jy", "fix:"]),
    "nm without a unit": (lambda: in_unit(0.1), ["--wavelength-unit", "fix:"]),
    "micron without a unit": (lambda: in_unit(1e-4), ["--wavelength-unit", "fix:"]),
}

OPTIONS: dict[str, tuple[list[str], list[str]]] = {
    "order not in the file": (["--order", "7"], ["row 7", "s.csv", "expected:", "--order"]),
    "order unreadable": (["--order", "8-5"], ["--order", "8-5", "expected:"]),
    "resolving power unreadable": (
        ["--resolving-power", "sharp"],
        ["--resolving-power", "sharp", "expected:"],
    ),
    "resolving power negative": (["--resolving-power", "-5"], ["--resolving-power", "-5", "expected:"]),
    "unknown instrument": (["--instrument", "hpff"], ["hpff", "expected:"]),
    "name misspelt": (["--fix", "vsinni=3"], ["vsinni", "did you mean vsini"]),
    "fixed and free": (["--fix", "vsini", "--free", "vsini"], ["vsini", "both"]),
    "range elsewhere": (["--wavelength", "5000", "5100"], ["5000", "5100", "s.csv", "fix:"]),
    "range too narrow": (["--wavelength", "8645", "8646"], ["too few good pixels", "s.csv", "fix:"]),
    "range reversed": (["--wavelength", "8650", "8645"], ["--wavelength", "8650", "expected:"]),
    "continuum degree": (["--continuum-degree", "2000"], ["s.csv", "continuum degree", "2000", "0 to 40"]),
    "resolving power too low": (["--resolving-power", "499"], ["499", "from 500 to 1e+06", "s.csv"]),
    "resolving power too high": (["--resolving-power", "2e6"], ["2000000", "from 500 to 1e+06", "s.csv"]),
    "resolving power held too low": (["--fix", "resolving_power=1"], ["resolving_power", "found: 1.0"]),
    "everything fixed": (
        [
            a
            for n in ("stellar_lines", "continuum", "radial_velocity", "vsini", "resolving_power")
            for a in ("--fix", n)
        ],
        ["nothing is left to fit", "vsini"],
    ),
    "HPF by name": (["--instrument", "hpf"], ["s.csv", "not an extracted HPF spectrum", "no FITS file"]),
    "sky of a table": (["--sky", "subtract"], ["s.csv", "no sky to subtract", "--sky"]),
    "column unreadable": (["--column", "flux"], ["--column", "found: flux", "ROLE=NAME"]),
    "column twice": (["--column", "flux=a", "--column", "flux=b"], ["--column", "found: flux=b"]),
    "column of no role": (["--column", "colour=flux"], ["s.csv", "colour", "--column"]),
    "column not there": (["--column", "flux=counts"], ["s.csv", "'counts'", "--column flux=NAME"]),
    "blur without air": (["--telluric-resolving-power", "fit"], ["--telluric-resolving-power", "--telluric"]),
    "medium without air": (["--telluric-medium", "air"], ["--telluric-medium", "--telluric"]),
    "unit without air": (["--telluric-wavelength-unit", "nm"], ["--telluric-wavelength-unit"]),
    "wind without air": (["--fix", "wind_velocity=1"], ["wind_velocity", "--telluric"]),
    "embedded star in air": (
        ["--star", "embedded:star", "--template-medium", "air"],
        ["embedded:star", "found: --template-medium", "leave --template-medium away"],
    ),
    "one fold": (["--folds", "1"], ["folds", "1", "expected:"]),
    "device": (["--device", "abacus"], ["abacus", "expected:", "fix:"]),
    "device that is not there": (["--device", "cuda:99"], ["no CUDA device", "found: cuda:99", "fix:"]),
    "correction unreadable": (["--wavelength-correction", "some"], ["found: some", "KM_S:DEGREE", "fix:"]),
    "correction too wide": (["--wavelength-correction", "50"], ["found: 50.0", "20 km/s", "fix:"]),
    "one order of its own": (["--free", "resolving_power_orders"], ["single order", "--order"]),
    "BERV in m/s": (["--berv", "27500"], ["27500", "km/s", "--berv"]),
    "air without a frame": (["--telluric", "embedded:telluric"], ["frame unknown", "--frame observatory"]),
    "seed": (["--star", "embedded:star?seed=x"], ["seed", "x", "expected:"]),
    "star absent": (["--star", "no/such.npz"], ["no/such.npz", "no such file"]),
    "nothing to resume": (["--resume"], ["no checkpoint", "--resume"]),
}


@pytest.fixture(scope="module")
def star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "star.ecsv"
    embedded_lines("star", wavelength_range=(8630.0, 8670.0)).write(path)
    return path


def refused(arguments: list[object], parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The command fails with 2 and says all `parts` on standard error, nothing on standard output."""
    assert main([str(argument) for argument in arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "Traceback" not in shown.err and "internal" not in shown.err
    for part in ("error: ", "\n  found: ", "\n  expected: ", "\n  fix: ", *parts):
        assert part in shown.err, shown.err


def untouched(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kept", [False, True], ids=["new output", "existing output"])
@pytest.mark.parametrize("case", SPECTRA)
def test_spectrum(
    tmp_path: Path, star: Path, capsys: pytest.CaptureFixture[str], case: str, kept: bool
) -> None:
    make, parts = SPECTRA[case]
    path, out = tmp_path / "s.csv", tmp_path / "out"
    if make is not None:
        path.write_text(make())
    if kept:
        out.mkdir()
        (out / "summary.json").write_text("old")
    before = untouched(tmp_path)
    options = ["--resolving-power", "55000", "--frame", "observatory", "--quiet", *["--overwrite"] * kept]
    name = star if case == "beside the template" else path
    refused(["fit", path, "--star", star, "-o", out, *options], [f"error: {name}: ", *parts], capsys)
    assert untouched(tmp_path) == before and out.exists() == kept


@pytest.mark.parametrize("case", OPTIONS)
def test_option(tmp_path: Path, star: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    options, parts = OPTIONS[case]
    path, out = tmp_path / "s.csv", tmp_path / "out"
    path.write_text(csv(spectrum()))
    before = untouched(tmp_path)
    base = ["fit", path, "--star", star, "-o", out, "--quiet", "--resolving-power", "55000"]
    base += [] if case == "air without a frame" else ["--frame", "observatory"]
    refused([*base, *options], parts, capsys)
    assert untouched(tmp_path) == before and not out.exists()


def test_resolving_power_is_asked_for(tmp_path: Path, star: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.csv"
    path.write_text(csv(spectrum()))
    parts = [str(path), "--resolving-power R[:ERR]", "expected:"]
    command = ["fit", path, "--star", star, "-o", tmp_path / "out", "--frame", "observatory"]
    refused(command, parts, capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["fit", "clone"])
def test_existing_output_is_kept(
    tmp_path: Path, star: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path, out = tmp_path / "s.csv", tmp_path / "out"
    path.write_text(csv(spectrum()))
    out.mkdir()
    (out / "lines.ecsv").write_text("old")
    before = untouched(tmp_path)
    arguments = ["fit", path, "--star", star, "--resolving-power", "55000"]
    arguments = arguments if command == "fit" else ["clone", star]
    refused([*arguments, "-o", out], [str(out), "--overwrite"], capsys)
    assert untouched(tmp_path) == before


def template_npz(path: Path) -> None:
    template = embedded_template("star", wavelength_range=(8640.0, 8645.0))
    np.savez(path, wave_vac=template.wavelength, norm=template.normalised)


def flat_npz(path: Path) -> None:
    np.savez(path, wave_vac=np.linspace(8600.0, 8610.0, 3000), norm=np.ones(3000))


def nan_npz(path: Path) -> None:
    np.savez(path, wave_vac=np.linspace(8600.0, 8610.0, 3000), norm=np.full(3000, np.nan))


def zero_npz(path: Path) -> None:
    np.savez(path, wave_vac=np.linspace(8600.0, 8610.0, 3000), flux=np.zeros(3000))


def line_list(path: Path, **changed: object) -> None:
    """A list of two lines as an ECSV file, but for what is `changed`."""
    columns: dict[str, object] = {
        "centre": [8640.0, 8641.0] * u.AA,
        "strength": [0.1, 0.1] * u.AA,
        "sigma": [1.0, 1.0] * u.km / u.s,
        "gamma": [0.1, 0.1] * u.km / u.s,
    }
    QTable(columns | changed).write(path, format="ascii.ecsv")


def deep_lines(path: Path) -> None:
    QTable({"wavelength": [8640.0, 8641.0] * u.AA, "depth": [0.3, 30.0]}).write(path, format="ascii.ecsv")


def disordered_npz(path: Path) -> None:
    wavelength = np.linspace(8600.0, 8610.0, 3000)
    wavelength[[5, 6]] = wavelength[[6, 5]]
    np.savez(path, wave_vac=wavelength, norm=np.full(3000, 0.9))


TEMPLATES: dict[str, tuple[Callable[[Path], object] | None, list[str], list[str]]] = {
    "missing": (None, [], ["no such file"]),
    "empty": (lambda path: path.write_bytes(b""), [], ["empty", "expected:"]),
    "not a template": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0"), [], ["expected:"]),
    "prose": (lambda path: path.write_text("once upon a time\n"), [], ["expected:"]),
    "without lines": (flat_npz, [], ["no line stands out", "--prominence"]),
    "all NaN": (nan_npz, [], ["expected:"]),
    "all zero": (zero_npz, [], ["nowhere positive"]),
    "strength of a line": (
        lambda path: line_list(path, strength=[0.1, -0.1] * u.AA),
        [],
        ["strength is out of range", "-0.1 in line 1"],
    ),
    "unit of a strength": (lambda path: line_list(path, strength=[0.1, 0.1] * u.Jy), [], ["strength", "Jy"]),
    "depth of a line": (deep_lines, [], ["depth", "30 in column depth, line 2"]),
    "in disorder": (disordered_npz, [], ["increasing", "expected:"]),
    "range elsewhere": (template_npz, ["--wavelength", "9000", "9100"], ["9000", "8640", "expected:"]),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_template(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    make, options, parts = TEMPLATES[case]
    path, out = tmp_path / "t.npz", tmp_path / "clone"
    if make is not None:
        make(path)
    before = untouched(tmp_path)
    refused(["clone", path, "-o", out, "--quiet", *options], [f"error: {path}: ", *parts], capsys)
    assert untouched(tmp_path) == before and not out.exists()


@pytest.mark.parametrize("role", ["--star", "--telluric"])
@pytest.mark.parametrize(
    "case", [case for case in TEMPLATES if case not in ("without lines", "range elsewhere")]
)
def test_template_of_a_fit(
    tmp_path: Path, star: Path, capsys: pytest.CaptureFixture[str], case: str, role: str
) -> None:
    make, _, parts = TEMPLATES[case]
    path, out = tmp_path / "t.npz", tmp_path / "out"
    (tmp_path / "s.csv").write_text(csv(spectrum()))
    if make is not None:
        make(path)
    sources = [role, path] if role == "--star" else ["--star", star, role, path]
    quick = ["--frame", "observatory", "--resolving-power", "55000", "--quiet"]
    refused(["fit", tmp_path / "s.csv", *sources, "-o", out, *quick], [f"error: {path}: ", *parts], capsys)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--prominence", "2"], ["prominence", "2", "expected:"]),
        (["--template-resolving-power", "blurry"], ["--template-resolving-power", "blurry", "expected:"]),
        (["--wavelength", "8700", "8600"], ["--wavelength", "8700", "expected:"]),
        (["--wavelength", "100", "200"], ["100", "embedded:star", "expected:"]),
        (["--teff", "4500"], ["embedded:star", "is made, not read", "found: --teff"]),
        (["--medium", "air"], ["embedded:star", "is made, not read", "leave --medium away"]),
        (["--resolving-power", "inf"], ["resolving power", "found: inf", "from 500 to 1e+06"]),
        (["--resolving-power", "10"], ["resolving power", "found: 10.0", "from 500 to 1e+06"]),
    ],
)
def test_option_of_clone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], parts: list[str]
) -> None:
    refused(["clone", "embedded:star", "-o", tmp_path / "c", "--quiet", *options], parts, capsys)
    assert list(tmp_path.iterdir()) == []
