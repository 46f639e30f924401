"""The record reader and the merging of files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from blase.atmosphere.hitran import is_hitran, read_hitran
from blase.atmosphere.line_files import read_line_files
from blase.errors import InputError


@pytest.fixture
def list_of_lines(tmp_path: Path, oracle: SimpleNamespace) -> Path:
    path = tmp_path / "some.par"
    path.write_bytes(
        "\r\n".join([oracle.record(*oracle.records[1]), oracle.record(*oracle.records[0]), ""]).encode()
    )
    return path


def test_fields_are_read_and_ordered(list_of_lines: Path) -> None:
    lines = read_hitran(list_of_lines)
    assert lines.molecule.tolist() == [1, 1]
    assert lines.isotopologue.tolist() == [4, 1]
    assert lines.wavenumber.tolist() == [7100.2, 10613.4]
    assert lines.intensity.tolist() == [3.0e-24, 2.2e-21]
    assert lines.air_width.tolist() == [0.07, 0.08]
    assert lines.self_width.tolist() == [0.35, 0.4]
    assert lines.lower_energy.tolist() == [46.1735, 212.1564]
    assert lines.width_exponent.tolist() == [0.65, 0.7]
    assert lines.pressure_shift.tolist() == [-0.008, -0.015]


@pytest.mark.parametrize(("code", "number"), [("0", 10), ("A", 11), ("B", 12)])
def test_isotopologues_beyond_nine_have_letters(
    tmp_path: Path, oracle: SimpleNamespace, code: str, number: int
) -> None:
    path = tmp_path / "co2.par"
    path.write_text(
        oracle.record(2, 1, *oracle.records[2][2:])[:2] + code + oracle.record(*oracle.records[2])[3:]
    )
    assert read_hitran(path).isotopologue.tolist() == [number]


@pytest.mark.parametrize(
    ("begin", "end", "instead", "match"),
    [
        (159, 160, "", "159 characters in record 1"),
        (15, 25, "   rubbish", "intensity, record 1"),
        (2, 3, "Z", "'Z' as isotopologue"),
        (0, 160, "", "no record"),
    ],
)
def test_what_is_no_record_is_named(
    tmp_path: Path, oracle: SimpleNamespace, begin: int, end: int, instead: str, match: str
) -> None:
    path, good = tmp_path / "bad.par", oracle.record(*oracle.records[0])
    path.write_text(good[:begin] + instead + good[end:])
    with pytest.raises(InputError, match=match):
        read_hitran(path)
    assert is_hitran(path) is (instead == "Z")


def test_a_line_of_two_files_counts_once(tmp_path: Path, oracle: SimpleNamespace) -> None:
    old, new = list(oracle.records[0]), list(oracle.records[0])
    new[2], new[3] = new[2] + 0.004, 1.1 * old[3]
    (tmp_path / "a.par").write_text(oracle.record(*old) + "\n" + oracle.record(*oracle.records[1]))
    (tmp_path / "b.par").write_text(oracle.record(*new) + "\n" + oracle.record(*oracle.records[2]))
    (tmp_path / "QT.txt").write_text("1  2.0\n")
    read = read_line_files([tmp_path])
    assert len(read.lines) == 3
    assert read.lines.intensity.tolist() == [1.751e-23, 3.0e-24, 2.42e-21]
    assert any("1 lines occur in more than one file" in note for note in read.notes)
    assert any("skipped" in note and "QT.txt" in note for note in read.notes)


def test_neighbours_are_not_merged(tmp_path: Path, oracle: SimpleNamespace) -> None:
    """Neither within a file, nor with another lower energy, nor of another isotopologue."""
    first = oracle.records[0]
    other_energy = (*first[:6], first[6] + 1.0, *first[7:])
    (tmp_path / "a.par").write_text(oracle.record(*first) + "\n" + oracle.record(*first))
    (tmp_path / "b.par").write_text(oracle.record(*other_energy) + "\n" + oracle.record(1, 2, *first[2:]))
    assert len(read_line_files([tmp_path]).lines) == 4


def test_lines_without_partition_sum_are_counted(tmp_path: Path, oracle: SimpleNamespace) -> None:
    (tmp_path / "a.par").write_text(
        oracle.record(*oracle.records[0]) + "\n" + oracle.record(13, 1, *oracle.records[0][2:])
    )
    read = read_line_files([tmp_path / "a.par"])
    assert len(read.lines) == 1
    assert any("left out 1 lines of molecule 13" in note for note in read.notes)


def test_nothing_to_read_says_where_lists_come_from(tmp_path: Path, oracle: SimpleNamespace) -> None:
    with pytest.raises(InputError, match=r"hitran\.org"):
        read_line_files([tmp_path])
    with pytest.raises(InputError, match="does not exist"):
        read_line_files([tmp_path / "absent"])


def test_editions_of_the_same_list_are_merged(shared_data: Path) -> None:
    """HITRAN 2012 and 2020 overlap from 9000 to 9200 Angstrom; 99.9 % of the absorption must not double."""
    folder = shared_data / "hitran"
    both = read_line_files([folder], wavenumber_range=(1e8 / 9190, 1e8 / 9010)).lines
    new = read_hitran(folder / "antaress/H2O/NIRPS/HITRAN2020/H2_16O__9000_18000.txt")
    new = new.take((new.wavenumber > 1e8 / 9190) & (new.wavenumber < 1e8 / 9010))
    main = (both.molecule == 1) & (both.isotopologue == 1)
    np.testing.assert_allclose(both.intensity[main].sum(), new.intensity.sum(), rtol=2e-3)
