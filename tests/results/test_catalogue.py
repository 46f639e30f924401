"""The catalogue of lines: widths and velocities, names against brute force, formats read back by astropy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from numpy.testing import assert_allclose, assert_array_equal

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.results.catalogue import line_catalogue, select_lines
from blase.results.cross_match import name_lines
from blase.results.result import FitResult
from blase.results.table_formats import FORMATS, format_of, table_text, write_table
from blase.results.template_departure import template_departures
from blase.results.theory import cloned_equivalent_width, theoretical_template

Factory = Callable[..., FitResult]


@pytest.fixture
def result(result_factory: Factory) -> FitResult:
    """The hand-made fit with errors, and a blend of the last two lines."""
    lines = result_factory().lines
    lines["equivalent_width_error"] = [0.004, 0.010, 0.005, 0.006] * u.AA
    lines["centre_shift_error"] = [0.2, 0.1, 0.02, 0.5] * u.km / u.s
    lines["blend"] = [0, 0, 7, 7]
    return result_factory(lines=lines)


@pytest.fixture
def table(result: FitResult) -> QTable:
    return line_catalogue(result)


def known_lines(seed: int = 0, n: int = 400) -> LineList:
    generator = np.random.default_rng(seed)
    return LineList(
        centre=generator.uniform(8600, 8615, n),
        strength=10 ** generator.uniform(-4, -1, n),
        sigma=np.full(n, 1.5),
        gamma=np.full(n, 0.2),
        species=generator.choice(["Fe 1", "Fe 2", "Si 1", "Ti 1"], n),
        lower_energy=generator.uniform(0, 6, n),
    )


def test_widths_departures_and_velocities(result: FitResult, table: QTable) -> None:
    assert_allclose(table["equivalent_width"].to_value("Angstrom"), [0.019, 0.120, 0.050, 0.0098])
    cloned = cloned_equivalent_width(result.lines)
    assert_allclose(table["departure"][1], (0.12 - cloned[1]) / 0.01)
    assert np.isnan(table["departure"][3])  # added: there is no theory of it
    assert_allclose(table["strength_change"][:3], np.log10([1.0, 2.0, 1.2]))
    beta, own = -9.6123 / SPEED_OF_LIGHT, 0.4 / SPEED_OF_LIGHT
    expected = SPEED_OF_LIGHT * ((1 + beta) * (1 + own) - 1)
    assert_allclose(table["velocity"][1].to_value("km/s"), expected, rtol=1e-10)
    assert table["velocity"][2].value == 0.0  # telluric, and no wind is known
    assert_array_equal(table["velocity_error"].value, [0.2, 0.1, 0.02, 0.5])
    assert table["centre"].info.description and table.meta["frame"] == "observatory"


def test_everything_that_is_asked_holds(table: QTable) -> None:
    def ids(**asked: object) -> list[str]:
        return list(select_lines(table, **asked)["line_id"])

    assert ids() == ["0", "1", "2", "3"]
    assert ids(wavelength_range=(8604.0, 8611.0)) == ["1", "2"]
    assert ids(detection=10) == ["1", "2"]
    assert ids(departure=2.0) == [
        i for i, d in zip(table["line_id"], table["departure"], strict=True) if abs(d) >= 2
    ]
    assert ids(origin="telluric") == ["2"] and ids(status="added") == ["3"]
    assert ids(blends=False) == ["0", "1"]
    assert ids(origin="stellar", blends=False, detection=6) == ["1"]
    with pytest.raises(InputError, match="no line has a name"):
        ids(species="Fe 1")


def test_names_are_the_likeliest_of_those_near(table: QTable) -> None:
    known, tolerance = known_lines(), 5.0
    named = name_lines(table, known, tolerance=tolerance)
    for row in named:
        offset = (row["centre"].value / known.centre - 1) * SPEED_OF_LIGHT
        near = np.abs(row["centre"].value - known.centre) <= row["centre"].value * tolerance / SPEED_OF_LIGHT
        if row["origin"] == "telluric" or not near.any():
            assert row["species"] == "" and np.isnan(row["list_centre"].value)
            continue
        likely = np.where(near, known.strength * np.exp(-0.5 * (2 * offset / tolerance) ** 2), 0.0)
        best = int(np.argmax(likely))
        assert row["species"] == known.species[best]
        assert row["candidates"] == near.sum()
        assert_allclose(row["list_offset"].value, offset[best], rtol=1e-9)
        assert_allclose(row["lower_energy"].value, known.lower_energy[best])
    assert (named["species"] != "").sum() == 3
    chosen = select_lines(named, species="fe1")
    assert set(chosen["species"]) <= {"Fe 1"}
    elements = {name.split()[0] for name in select_lines(named, species="Fe")["species"]}
    assert elements <= {"Fe"}
    assert_array_equal(table.colnames, line_catalogue_columns(named))


def line_catalogue_columns(named: QTable) -> list[str]:
    added = {"species", "list_centre", "list_offset", "lower_energy", "candidates"}
    return [name for name in named.colnames if name not in added]


def test_an_empty_list_and_a_senseless_tolerance(table: QTable) -> None:
    nothing = LineList(*(np.empty(0),) * 4)
    named = name_lines(table, nothing)
    assert set(named["species"]) == {""} and named["candidates"].sum() == 0
    with pytest.raises(InputError, match="not positive"):
        name_lines(table, known_lines(), tolerance=0.0)


@pytest.mark.parametrize("form", FORMATS)
def test_formats_are_read_back_by_astropy(table: QTable, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"lines.{form}"
    write_table(table, path, form=form)
    readers = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "fits": "fits", "votable": "votable"}
    back = Table.read(path, format=readers[form])
    name = "equivalent_width [Angstrom]" if form == "csv" else "equivalent_width"
    assert_allclose(np.asarray(back[name]), table["equivalent_width"].value, rtol=1e-5)
    assert list(np.asarray(back["origin"], dtype=np.str_)) == list(table["origin"])
    if form != "csv":
        assert back["centre"].unit == u.AA
        assert_array_equal(np.asarray(back["centre"]), table["centre"].value)
    with pytest.raises(InputError, match="exists and is kept"):
        write_table(table, path, form=form)
    write_table(table[:1], path, form=form, overwrite=True)
    assert len(Table.read(path, format=readers[form])) == 1


def test_text_and_the_format_of_a_suffix(table: QTable) -> None:
    assert table_text(table, "csv").startswith("line_id,origin,status,centre [Angstrom]")
    assert "<VOTABLE" in table_text(table, "votable")
    with pytest.raises(InputError, match="not text"):
        table_text(table, "fits")
    assert format_of(Path("a.vot"), None) == "votable" and format_of(Path("a.FITS"), None) == "fits"
    assert format_of(Path("a.csv"), "ecsv") == "ecsv" and format_of(None, None) == "ecsv"
    assert format_of(Path("a.dat"), None) == "ecsv"


def test_the_template_is_wrong_where_it_was_changed(result: FitResult) -> None:
    """A notch of known area in the fitted template is found, measured, and its line is named."""
    wavelength = np.exp(np.linspace(np.log(8600.0), np.log(8615.0), 6000))
    template = QTable({"wavelength": wavelength * u.AA, "normalised": np.ones(6000)})
    template["uncertainty"] = np.full(6000, 0.01)
    template["continuum"] = np.ones(6000)
    theory = theoretical_template(replace(result, template=template))
    notch = 0.2 * np.exp(-0.5 * ((wavelength - 8605.0) / 0.05) ** 2)
    bump = -0.1 * np.exp(-0.5 * ((wavelength - 8611.0) / 0.02) ** 2)
    template["normalised"] = theory - notch - bump
    found = template_departures(replace(result, template=template), threshold=3.0)
    assert len(found) == 2
    assert found["low"][0].value < 8605.0 < found["high"][0].value and found["lines"][0] == "1"
    inside = notch > 0.03
    step = np.gradient(wavelength)
    assert_allclose(found["area"].value[0], np.sum((notch * step)[inside]), rtol=1e-6)
    assert_allclose(found["area"].value[0], 0.2 * 0.05 * np.sqrt(2 * np.pi), rtol=0.07)
    assert_allclose(found["area_error"].value[0], np.sum((0.01 * step)[inside]), rtol=1e-6)
    assert_allclose(found["largest"], [-0.2, 0.1], atol=1e-3)
    assert_allclose(found["significance"], [-20.0, 10.0], atol=0.1)
    template["continuum"] = np.where(wavelength > 8608, 1.0, np.nan)  # the notch lies between orders
    assert len(template_departures(replace(result, template=template), threshold=3.0)) == 1
