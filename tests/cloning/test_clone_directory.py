"""A clone on disk: exact numbers, no pickle, and a clear refusal of what is damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file, save_file

from blase.cloning import Clone, clone_template, is_clone
from blase.cloning.removed_lines import RemovedLine
from blase.containers import LineList
from blase.containers.line_list import FLOOR_COLUMNS
from blase.errors import InputError
from blase.templates.template import LineTemplate


@pytest.fixture
def clone(isolated_lines: LineList) -> Clone:
    return clone_template(LineTemplate("a list", isolated_lines), kind="telluric")


@pytest.fixture
def folder(clone: Clone, tmp_path: Path) -> Path:
    return clone.write(tmp_path / "clone")


def test_round_trip_is_exact(clone: Clone, folder: Path) -> None:
    back = Clone.read(folder)
    assert back.kind == clone.kind
    assert back.wavelength_range == clone.wavelength_range
    assert back.summary == clone.summary
    for name in ("centre", "strength", "sigma", "gamma"):
        assert_array_equal(getattr(back.lines, name), getattr(clone.lines, name))


def test_files_are_plain(folder: Path) -> None:
    names = ["clone.safetensors", "lines.ecsv", "removed.ecsv", "summary.json"]
    assert sorted(p.name for p in folder.iterdir()) == names
    assert json.loads((folder / "summary.json").read_text())["n_lines"] == 12
    tensors = load_file(folder / "clone.safetensors")
    assert set(tensors) == {"centre", "strength", "sigma", "gamma"}
    assert all(t.dtype == np.float64 for t in tensors.values())


def test_when_lines_were_found_and_why_others_went_is_kept(clone: Clone, tmp_path: Path) -> None:
    removed = (
        RemovedLine(8641.5, 0.01, 1.5, 0.2, found=1, round=2, reason="vanished"),
        RemovedLine(8642.5, 1 / 3, 1.5, 0.2, found=3, round=4, reason="duplicate", duplicate_of=8642.4),
    )
    lines = replace(clone.lines, round=np.arange(len(clone.lines)) + 1)
    folder = replace(clone, lines=lines, removed=removed).write(tmp_path / "rounds")
    back = Clone.read(folder)
    assert_array_equal(back.lines.round, lines.round)
    assert repr(back.removed) == repr(removed)  # NaN is not equal to itself
    table = QTable.read(folder / "removed.ecsv", format="ascii.ecsv")
    assert table["duplicate_of"].unit == u.AA and table["reason"].tolist() == ["vanished", "duplicate"]
    assert QTable.read(folder / "lines.ecsv", format="ascii.ecsv")["round"].tolist() == lines.round.tolist()


def test_no_fit_needs_the_removed_lines(clone: Clone, folder: Path) -> None:
    (folder / "removed.ecsv").unlink()
    assert is_clone(folder) and Clone.read(folder).removed == ()
    (folder / "removed.ecsv").write_text("# nothing of the kind")
    with pytest.raises(InputError, match="removed lines cannot be read"):
        Clone.read(folder)


def test_floors_are_kept_exactly(isolated_lines: LineList, tmp_path: Path) -> None:
    columns = {name: np.full(12, np.nan) for name in FLOOR_COLUMNS}
    for name, level in zip(FLOOR_COLUMNS, (0.11, 1 / 3, 4000.0, 0.45), strict=True):
        columns[name][4] = level
    lines = replace(isolated_lines, **columns)
    clone = clone_template(LineTemplate("a list", lines))
    folder = clone.write(tmp_path / "clone")
    assert set(load_file(folder / "clone.safetensors")) >= set(FLOOR_COLUMNS)
    for name in FLOOR_COLUMNS:
        assert_array_equal(getattr(Clone.read(folder).lines, name), columns[name])
    clone_template(LineTemplate("a list", isolated_lines)).lines.write(folder / "lines.ecsv")
    with pytest.raises(InputError, match="disagree"):
        Clone.read(folder)


def test_existing_directory_is_kept(clone: Clone, folder: Path) -> None:
    before = (folder / "lines.ecsv").read_bytes()
    with pytest.raises(InputError, match="overwrite"):
        clone.write(folder)
    assert (folder / "lines.ecsv").read_bytes() == before
    clone.write(folder, overwrite=True)
    assert is_clone(folder)


@pytest.mark.parametrize("name", ["clone.safetensors", "lines.ecsv", "summary.json"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match="is not a clone") as caught:
        Clone.read(folder)
    assert str(folder) in str(caught.value) and "blase clone" in str(caught.value)


@pytest.mark.parametrize("name", ["clone.safetensors", "lines.ecsv", "summary.json"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage", b"{}"])
def test_damaged_file(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        Clone.read(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("change", ["shorter", "other numbers", "without strength", "without centre"])
def test_files_that_disagree(folder: Path, change: str) -> None:
    tensors = load_file(folder / "clone.safetensors")
    if change == "shorter":
        tensors = {name: t[:-1] for name, t in tensors.items()}
    elif change == "other numbers":
        tensors["gamma"] = tensors["gamma"] * 1.001
    else:
        del tensors[change.split()[1]]
    save_file(tensors, folder / "clone.safetensors")
    with pytest.raises(InputError, match="disagree"):
        Clone.read(folder)


@pytest.mark.parametrize(
    "change", [{"kind": "lunar"}, {"wavelength_range": [1.0]}, {"wavelength_range": None}]
)
def test_summary_without_sense(folder: Path, change: dict) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | change))
    with pytest.raises(InputError, match="cannot be read"):
        Clone.read(folder)


def test_any_other_path_is_no_clone(tmp_path: Path) -> None:
    assert not is_clone(tmp_path) and not is_clone(tmp_path / "absent") and not is_clone("embedded:star")
