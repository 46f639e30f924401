"""LineList: order, units, files."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from blase.containers import LineList
from blase.errors import InputError

positive = st.floats(1e-300, 1e300, allow_nan=False)


def make(n=5, **changes):
    columns = {
        "centre": np.linspace(8000.0, 8100.0, n),
        "strength": np.full(n, 0.1),
        "sigma": np.full(n, 2.0),
        "gamma": np.zeros(n),
    }
    return LineList(**{**columns, **changes})


def test_lines_are_sorted_with_all_their_columns():
    lines = make(3, centre=[3.0, 1.0, 2.0], strength=[30.0, 10.0, 20.0], species=["c", "a", "b"])
    assert lines.centre.tolist() == [1.0, 2.0, 3.0] and lines.strength.tolist() == [10.0, 20.0, 30.0]
    assert lines.species.tolist() == ["a", "b", "c"] and len(lines) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("centre", -1.0), ("strength", 0.0), ("sigma", -0.1), ("gamma", np.nan), ("strength", np.inf)],
)
def test_values_out_of_range_are_refused(name, value):
    values = np.ones(5)
    values[2] = value
    with pytest.raises(InputError, match=f"{name} is out of range"):
        make(**{name: values})


def test_unequal_shapes_are_refused():
    with pytest.raises(InputError, match="sigma has the wrong shape"):
        make(sigma=np.ones(4))


@settings(max_examples=15, deadline=None)
@given(arrays(np.float64, (4, 6), elements=positive))
def test_ecsv_round_trip_is_exact(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("lines") / "lines.ecsv"
    lines = LineList(
        *values, species=list("abcdef"), lower_energy=np.array([0.1, np.nan, 1 / 3, 2.0, 3.0, 4.0])
    )
    lines.write(path)
    again = LineList.read(path)
    for name in ("centre", "strength", "sigma", "gamma", "species", "lower_energy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(lines, name))


def test_empty_list_round_trips(tmp_path):
    make(0).write(tmp_path / "none.ecsv")
    assert len(LineList.read(tmp_path / "none.ecsv")) == 0


def test_table_has_units_and_converts_back_from_others():
    table = make().to_table({"origin": "test"})
    assert (
        table["centre"].unit == u.AA and table["sigma"].unit == u.km / u.s and table.meta["origin"] == "test"
    )
    table["centre"] = table["centre"].to(u.nm)
    np.testing.assert_allclose(LineList.from_table(table).centre, make().centre, rtol=1e-15)


def test_energies_convert_from_wavenumbers():
    table = make(lower_energy=np.full(5, 2.0)).to_table()
    table["lower_energy"] = np.full(5, 2 * 8065.543937) / u.cm
    np.testing.assert_allclose(LineList.from_table(table).lower_energy, 2.0, rtol=1e-8)


def test_values_out_of_range_name_the_file():
    table = make().to_table()
    table["strength"][2] = -1.0 * u.AA
    with pytest.raises(InputError, match="x.ecsv: line list: strength is out of range"):
        LineList.from_table(table, path="x.ecsv")


def test_wrong_tables_are_refused():
    table = make().to_table()
    table["sigma"] = np.ones(5) * u.AA
    with pytest.raises(InputError, match="sigma has a unit that does not convert"):
        LineList.from_table(table)
    with pytest.raises(InputError, match="without sigma, gamma"):
        LineList.from_table(QTable({"centre": [1.0], "strength": [1.0]}))
    air = make().to_table({"wavelength_medium": "air"})
    with pytest.raises(InputError, match="not in vacuum"):
        LineList.from_table(air)


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        LineList.read(tmp_path / "absent.ecsv")
    (tmp_path / "text.ecsv").write_text("hello\n")
    with pytest.raises(InputError, match="not an ECSV table"):
        LineList.read(tmp_path / "text.ecsv")


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "lines.ecsv"
    make().write(path)
    before = path.read_bytes()

    def fail(self, where, **_):
        where.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(QTable, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        make(3).write(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_range_and_concatenation():
    lines = make(11, centre=np.arange(11.0) + 1, lower_energy=np.arange(11.0))
    assert lines.in_range(3.0, 5.0).centre.tolist() == [3.0, 4.0, 5.0]
    both = LineList.concatenated([lines.in_range(6.0, 20.0), make(1, centre=[2.5])])
    assert both.centre.tolist() == [2.5, 6, 7, 8, 9, 10, 11] and both.lower_energy is None
    assert len(LineList.concatenated([])) == 0


def test_the_round_of_a_line_is_a_whole_number_that_goes_with_it(tmp_path):
    lines = make(3, centre=[3.0, 1.0, 2.0], round=[7, 1, 2])
    assert lines.round.tolist() == [1, 2, 7] and lines.round.dtype == np.int64
    lines.write(tmp_path / "lines.ecsv")
    assert LineList.read(tmp_path / "lines.ecsv").round.tolist() == [1, 2, 7]
    assert LineList.concatenated([lines, make(2, round=[4, 4])]).round.tolist() == [1, 2, 7, 4, 4]


def test_a_column_of_somebody_else_is_no_round(tmp_path):
    table = make(3).to_table()
    table["round"] = [0.5, 1.5, 2.5]
    assert LineList.from_table(table).round is None


FLOORS = {
    "core_floor": [np.nan, 0.1, np.nan, 1 / 3, np.nan],
    "wing_floor": [np.nan, 0.4, np.nan, 0.5, np.nan],
    "core_opacity": [np.nan, 3000.0, np.nan, 7.0, np.nan],
    "wing_power": [np.nan, 0.45, np.nan, 1.0, np.nan],
}


def test_floors_of_a_few_lines_go_where_their_lines_go(tmp_path):
    lines = make(**FLOORS)
    assert lines.floored.tolist() == [1, 3]
    assert lines.floors()["core_floor"].tolist() == [0.1, 1 / 3]
    lines.write(tmp_path / "lines.ecsv")
    again = LineList.read(tmp_path / "lines.ecsv")
    for name, values in FLOORS.items():
        np.testing.assert_array_equal(getattr(again, name), values)
    both = LineList.concatenated([lines.take([3]), make(1, centre=[7000.0])])
    assert both.floored.tolist() == [1] and np.isnan(both.wing_power[0])


def test_lists_without_floors_have_no_such_columns():
    assert make(**FLOORS).take([0, 2]).core_floor is None
    plain = make()
    assert plain.floored.size == 0 and not any("floor" in name for name in plain.to_table().colnames)
    assert LineList.concatenated([plain, plain]).core_opacity is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("core_floor", 1.0),
        ("core_floor", np.nan),
        ("wing_floor", 0.0),
        ("core_opacity", -1.0),
        ("wing_power", 0),
    ],
)
def test_floors_out_of_range_are_refused(name, value):
    values = list(FLOORS[name])
    values[1] = value
    with pytest.raises(InputError, match=f"{name} is out of range"):
        make(**{**FLOORS, name: values})


def test_half_a_floor_is_refused():
    with pytest.raises(InputError, match="half a core floor"):
        make(core_floor=FLOORS["core_floor"])
