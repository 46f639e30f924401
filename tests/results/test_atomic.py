"""Atomic writing: the old content survives whatever happens, and nothing is left beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from blase.containers import atomic
from blase.containers.atomic import atomic_directory, atomic_file, check_output
from blase.errors import InputError


def old_output(path: Path) -> Path:
    """An earlier output of blasé with recognisable content."""
    path.mkdir()
    (path / "summary.json").write_text("old")
    (path / "lines.ecsv").write_text("old lines")
    return path


def content(path: Path) -> dict[str, str]:
    return {entry.name: entry.read_text() for entry in path.iterdir()}


@pytest.fixture(params=["exchange", "renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with the one-call exchange and with the three renames of other systems."""
    if request.param == "renames":
        monkeypatch.setattr(atomic, "_exchange", lambda first, second: False)
    return str(request.param)


def test_new_directory_appears_whole_with_its_parents(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    with atomic_directory(target) as folder:
        (folder / "summary.json").write_text("{}")
        assert not target.exists()
    assert content(target) == {"summary.json": "{}"}
    assert [entry.name for entry in target.parent.iterdir()] == ["b"]


def test_overwrite_replaces_everything(tmp_path: Path, way: str) -> None:
    target = old_output(tmp_path / "out")
    with atomic_directory(target, overwrite=True) as folder:
        (folder / "summary.json").write_text("new")
        assert content(target)["summary.json"] == "old"
    assert content(target) == {"summary.json": "new"}
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failure_inside_leaves_the_old_directory_and_nothing_else(
    tmp_path: Path, way: str, error: type[BaseException]
) -> None:
    target = old_output(tmp_path / "out")
    with pytest.raises(error), atomic_directory(target, overwrite=True) as folder:
        (folder / "summary.json").write_text("new")
        raise error
    assert content(target) == {"summary.json": "old", "lines.ecsv": "old lines"}
    assert list(tmp_path.iterdir()) == [target]


def test_interrupted_rename_puts_the_old_directory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = old_output(tmp_path / "out")
    rename = Path.rename
    calls: list[Path] = []

    def second_fails(self: Path, to: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, to)

    monkeypatch.setattr(atomic, "_exchange", lambda first, second: False)
    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(KeyboardInterrupt), atomic_directory(target, overwrite=True) as folder:
        (folder / "summary.json").write_text("new")
    assert content(target)["summary.json"] == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_existing_directory_is_kept_without_overwrite(tmp_path: Path) -> None:
    target = old_output(tmp_path / "out")
    with pytest.raises(InputError, match="exists and is kept") as caught, atomic_directory(target):
        pytest.fail("the body must not run")
    assert "--overwrite" in str(caught.value)
    assert list(tmp_path.iterdir()) == [target]


def test_foreign_directory_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "thesis"
    target.mkdir()
    (target / "chapter.tex").write_text("years of work")
    with pytest.raises(InputError, match="not an output of blasé"):
        check_output(target, overwrite=True)
    (target / "summary.json").write_text("{}")
    with pytest.raises(InputError, match=r"(?s)did not write.*chapter\.tex"):
        check_output(target, overwrite=True)
    assert (target / "chapter.tex").read_text() == "years of work"


def test_file_added_while_running_is_not_deleted(tmp_path: Path) -> None:
    target = old_output(tmp_path / "out")
    with pytest.raises(InputError, match="did not write"), atomic_directory(target, overwrite=True) as folder:
        (folder / "summary.json").write_text("new")
        (target / "notes.txt").write_text("mine")
    assert content(target) == {"summary.json": "old", "lines.ecsv": "old lines", "notes.txt": "mine"}
    assert list(tmp_path.iterdir()) == [target]


def test_empty_directory_may_be_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    check_output(target, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_file_in_the_way(tmp_path: Path, overwrite: bool) -> None:
    target = tmp_path / "out"
    target.write_text("a file")
    with pytest.raises(InputError):
        check_output(target, overwrite=overwrite)
    with pytest.raises(InputError, match="not a directory"):
        check_output(target / "below", overwrite=overwrite)
    assert target.read_text() == "a file"


def test_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path, way: str) -> None:
    real = old_output(tmp_path / "real")
    link = tmp_path / "link"
    link.symlink_to(real)
    with atomic_directory(link, overwrite=True) as folder:
        (folder / "summary.json").write_text("new")
    assert link.is_symlink()
    assert content(real) == {"summary.json": "new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_file_is_replaced_only_when_whole(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "lines.ecsv"
    target.write_text("old")
    with pytest.raises(error), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    with atomic_file(target) as temporary:
        assert temporary.suffix == ".ecsv"
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_file_needs_a_folder_and_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"), atomic_file(tmp_path / "none" / "a.txt"):
        pytest.fail("the body must not run")
    with pytest.raises(InputError, match="directory"), atomic_file(tmp_path):
        pytest.fail("the body must not run")
