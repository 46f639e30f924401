"""Every file of a fit: content, units, strictness, and what an interrupted writing leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable
from numpy.testing import assert_array_equal
from safetensors import safe_open

from blase.containers.atomic import OUTPUT_FILES
from blase.containers.json_text import plain, to_line, to_text
from blase.errors import InputError
from blase.results import files
from blase.results.files import write_result
from blase.results.result import FitResult, OrderFit

Factory = Callable[..., FitResult]
NAMES = {"summary.json", "lines.ecsv", "spectrum.fits", "template.fits", "model.safetensors", "report.html"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, result_factory: Factory) -> Path:
    """A result written once for the tests that only read it."""
    return write_result(result_factory(), tmp_path_factory.mktemp("written") / "out")


def reject(text: str) -> Any:
    """Refuse what strict JSON does not have."""
    raise AssertionError(f"not JSON: {text}")


def test_all_files_and_no_others_readable_by_others(written: Path) -> None:
    assert {entry.name for entry in written.iterdir()} == NAMES
    assert NAMES <= OUTPUT_FILES
    modes = {entry.stat().st_mode for entry in written.iterdir()}
    assert len(modes) == 1


def test_summary_is_strict_json_in_the_given_order(written: Path, result_factory: Factory) -> None:
    summary = json.loads((written / "summary.json").read_text(encoding="utf-8"), parse_constant=reject)
    assert list(summary) == list(result_factory().summary)
    assert summary["residual_rms_heldout"] is None
    assert summary["n_pixels"] == 580
    assert summary["radial_velocity"] == {"value": -9.6123, "error": None, "unit": "km/s"}


def test_late_summary_reaches_summary_and_report(tmp_path: Path, result_factory: Factory) -> None:
    late = {"wall_seconds": 12.5, "stages": {"fit": 9.25}}
    target = write_result(result_factory(), tmp_path / "out", late_summary=lambda: late)
    summary = json.loads((target / "summary.json").read_text())
    assert summary["wall_seconds"] == 12.5
    assert "12.5 s (fit 9.25 s)" in (target / "report.html").read_text()


def test_lines_round_trip_with_units(written: Path, result_factory: Factory) -> None:
    lines, expected = QTable.read(written / "lines.ecsv"), result_factory().lines
    assert lines.colnames == expected.colnames
    assert lines["centre"].unit == u.AA
    assert lines["centre_shift"].unit == u.km / u.s
    assert_array_equal(lines["strength"].value, expected["strength"].value)
    assert np.isnan(lines["sigma_cloned"][3].value)
    assert list(lines["origin"]) == ["stellar", "stellar", "telluric", "stellar"]
    assert list(lines["status"]) == ["cloned", "cloned", "cloned", "added"]


def test_spectrum_has_one_table_per_order_with_units(written: Path, result_factory: Factory) -> None:
    with fits.open(written / "spectrum.fits") as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["ORDER_5", "ORDER_7"]
        assert hdus[0].header["FRAME"] == "observatory"
        assert "star * telluric is NOT the model" in str(hdus[0].header["COMMENT"])
        assert "star * telluric is NOT the model" in str(hdus[1].header["COMMENT"])
        units = {column.name: column.unit for column in hdus[1].columns}
        order = result_factory().orders[0]
        for name in ("wavelength", "flux", "mask", "model", "star", "telluric", "continuum", "telluric_free"):
            assert_array_equal(hdus[1].data[name], getattr(order, name))
        data = hdus[1].data
        assert_array_equal(data["residual"], data["flux"] - data["model"])
    assert units["telluric_free_uncertainty"] == "electron"
    assert units["wavelength"] == "Angstrom"
    assert [units[n] for n in ("flux", "uncertainty", "model", "continuum", "residual", "telluric_free")] == [
        "electron"
    ] * 6
    assert (units["star"], units["telluric"], units["mask"]) == (None, None, None)


def test_what_the_air_took_is_not_recovered(order_factory: Callable[..., OrderFit]) -> None:
    """Errors grow as transmission falls; below 5 % the pixel is masked."""
    order = order_factory(0)
    opaque = np.where(np.arange(len(order.flux)) == 50, 0.04, 0.5)
    dark = replace(order, model=order.continuum * order.star * opaque, telluric=opaque)
    assert_array_equal(np.flatnonzero(dark.telluric_free_mask & ~dark.mask), [50])
    assert dark.telluric_free_mask[dark.mask].all()
    assert dark.telluric_free_uncertainty[10] == pytest.approx(2 * dark.uncertainty[10])


def test_corrected_wavelengths_are_written_as_displacements(
    tmp_path: Path, result_factory: Factory, order_factory: Callable[..., OrderFit]
) -> None:
    moved = replace(order_factory(5), displacement=np.linspace(-0.5, 0.5, 300))
    target = result_factory(orders=(moved, order_factory(7))).write(tmp_path / "moved")
    with fits.open(target / "spectrum.fits") as hdus:
        assert hdus["ORDER_5"].columns["displacement"].unit == "km/s"
        np.testing.assert_array_equal(hdus["ORDER_5"].data["displacement"], moved.displacement)
        assert "wavelength * exp(displacement / c)" in str(hdus["ORDER_5"].header["COMMENT"])
        assert "displacement" not in hdus["ORDER_7"].columns.names


def test_unit_unknown_to_astropy_is_kept_as_text(
    tmp_path: Path, result_factory: Factory, order_factory: Callable[..., Any]
) -> None:
    from dataclasses import replace

    result = result_factory(orders=(replace(order_factory(0), flux_unit="blaze counts"),))
    target = write_result(result, tmp_path / "out")
    assert fits.getheader(target / "spectrum.fits", 1)["TUNIT2"] == "blaze counts"


def test_template_keeps_columns_and_units(written: Path, result_factory: Factory) -> None:
    with fits.open(written / "template.fits") as hdus:
        table, expected = hdus["TEMPLATE"], result_factory().template
        assert table.columns.names == expected.colnames
        assert table.columns["wavelength"].unit == "Angstrom"
        assert_array_equal(table.data["normalised"], expected["normalised"])


def test_state_round_trips_even_when_not_contiguous(written: Path, result_factory: Factory) -> None:
    expected = result_factory().state["star.centre"]
    with safe_open(written / "model.safetensors", framework="pt") as file:
        assert list(file.keys()) == ["star.centre"]
        assert_array_equal(file.get_tensor("star.centre").numpy(), expected.numpy())


@pytest.mark.parametrize("writer", ["write_lines", "write_spectrum", "write_state", "draw_figures", "render"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_failure_keeps_the_old_result_and_leaves_nothing(
    tmp_path: Path,
    result_factory: Factory,
    monkeypatch: pytest.MonkeyPatch,
    writer: str,
    error: type[BaseException],
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "summary.json").write_text("old")

    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(files, "draw_figures", lambda result: None)
    monkeypatch.setattr(files, writer, fail)
    with pytest.raises(error):
        write_result(result_factory(), target, overwrite=True)
    with pytest.raises(error):
        write_result(result_factory(), tmp_path / "fresh")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert {entry.name: entry.read_text() for entry in target.iterdir()} == {"summary.json": "old"}


def test_existing_directory_is_refused_before_any_work(
    tmp_path: Path, result_factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "write_lines", lambda *a: pytest.fail("work was done"))
    with pytest.raises(InputError, match="exists and is kept"):
        write_result(result_factory(), tmp_path)


def test_result_writes_itself_and_overwrites_its_own_output(tmp_path: Path, result_factory: Factory) -> None:
    result = result_factory(orders=())
    result.write(tmp_path / "out")
    result.write(tmp_path / "out", overwrite=True)
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == NAMES


def test_writing_twice_gives_the_same_bytes(tmp_path: Path, result_factory: Factory) -> None:
    first, second = (write_result(result_factory(), tmp_path / name) for name in ("a", "b"))
    for name in NAMES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_json_reduces_numpy_and_refuses_the_rest() -> None:
    value = {
        "a": np.float64("inf"),
        "b": np.array([[1.0, np.nan]]),
        "c": (True, np.bool_(False)),
        3: Path("x"),
    }
    assert plain(value) == {"a": None, "b": [[1.0, None]], "c": [True, False], "3": "x"}
    assert to_text({"é": 1}).endswith("}\n")
    line = to_line({"path": "/tmp/é\n", "n": np.int32(4)})
    assert "\n" not in line and line.isascii()
    assert json.loads(line) == {"path": "/tmp/é\n", "n": 4}
    with pytest.raises(TypeError, match="object"):
        plain({"a": object()})
