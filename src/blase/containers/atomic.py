"""Writing that is never seen half-done: a temporary sibling is filled first and renamed into place.

A run that raises or is interrupted removes its temporary files; a run that is killed outright leaves the
old file or directory as it was (and at worst a hidden `.NAME.partial-*` beside it).
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blase.errors import InputError

OUTPUT_FILES = frozenset(
    {
        "summary.json",
        "lines.ecsv",
        "removed.ecsv",
        "continuum.ecsv",
        "spectrum.fits",
        "template.fits",
        "model.safetensors",
        "covariance.safetensors",
        "clone.safetensors",
        "report.html",
        "bench.json",
        "bench.md",
        "bench.png",
    }
)
"""Every file name that blasé writes into an output directory."""

OUTPUT_MARKS = ("summary.json", "bench.json")
"""The files by either of which an output directory of blasé is known."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it replaces `path`, otherwise it is removed.

    Raises `InputError` where `path` is a directory or its folder does not exist.
    """
    target = Path(path)
    if target.is_dir():
        raise InputError(
            "is a directory",
            path=target,
            expected="a file name",
            value="a directory",
            fix="give the name of a file",
        )
    if not target.parent.is_dir():
        raise InputError(
            "the folder does not exist",
            path=target.parent,
            fix="create it first",
            value="no folder",
            expected="an existing folder",
        )
    temporary = _partial(target, suffix=target.suffix)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty temporary directory beside `path`; on a clean exit it becomes `path`.

    An existing directory is replaced in one step and only with `overwrite`; see `check_output`.
    Whatever is raised inside the block leaves the old directory untouched and nothing beside it.
    """
    check_output(path, overwrite=overwrite)
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _partial(target)
    try:
        temporary.mkdir()
        yield temporary
        check_output(target, overwrite=overwrite)
        _install(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_output(path: str | Path, *, overwrite: bool = False) -> None:
    """Raise `InputError` unless a result may be written to the directory `path`; touches nothing.

    An existing path is refused without `overwrite`. With it, only an empty directory or one that blasé
    wrote (it holds `summary.json` or `bench.json`, and nothing but blasé's own files) may be replaced.
    """
    target = Path(path)
    if not os.path.lexists(target):
        _check_creatable(target)
    elif not overwrite:
        raise InputError(
            "the output directory exists and is kept",
            path=target,
            expected="a path that does not exist yet",
            fix="give another -o, or --overwrite to replace it",
            value="an existing path",
        )
    else:
        _check_replaceable(target)


def check_file(path: str | Path, *, overwrite: bool = False) -> None:
    """Raise `InputError` where the file `path` exists and is not to be replaced."""
    if Path(path).exists() and not overwrite:
        raise InputError(
            "the file exists and is kept",
            path=path,
            value="an existing file",
            expected="a path that does not exist yet",
            fix="give another path (-o), or --overwrite (overwrite=True) to replace it",
        )


def _check_creatable(target: Path) -> None:
    """Raise `InputError` unless the nearest existing ancestor is a directory that can be written to."""
    ancestor = target.absolute().parent
    while not os.path.lexists(ancestor):
        ancestor = ancestor.parent
    if not ancestor.is_dir():
        raise InputError(
            "is not a directory",
            path=ancestor,
            expected=f"a directory to hold {target.name}",
            value="a file",
            fix="choose another -o",
        )
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise InputError(
            "the directory cannot be written to",
            path=ancestor,
            fix="choose another -o",
            value="no permission to write",
            expected="a directory that may be written to",
        )


def _check_replaceable(target: Path) -> None:
    """Raise `InputError` unless `target` is an empty directory or holds only files that blasé wrote."""
    if not target.is_dir():
        raise InputError(
            "exists and is not a directory",
            path=target,
            fix="choose another -o",
            value="a file",
            expected="a directory, or nothing",
        )
    _check_creatable(target.resolve())
    names = {entry.name for entry in target.iterdir()}
    if not names:
        return
    if names.isdisjoint(OUTPUT_MARKS):
        raise InputError(
            f"is not an output of blasé (it holds no {' or '.join(OUTPUT_MARKS)}), so it is not overwritten",
            path=target,
            fix="choose another -o",
            value=f"{len(names)} other entries",
            expected="an output of blasé, or an empty directory",
        )
    foreign = sorted(names - OUTPUT_FILES)
    if foreign:
        raise InputError(
            "holds files that blasé did not write, so it is not overwritten",
            path=target,
            value=", ".join(foreign[:5]) + (" ..." if len(foreign) > 5 else ""),
            fix="move them elsewhere, or choose another -o",
            expected="nothing but files that blasé writes",
        )


def _partial(target: Path, suffix: str = "") -> Path:
    """Return a hidden, unused name beside `target`."""
    return target.with_name(f".{target.name}.partial-{secrets.token_hex(4)}{suffix}")


def _install(temporary: Path, target: Path) -> None:
    """Put `temporary` in the place of `target`; afterwards `temporary` is absent or holds the old content."""
    if not target.exists():
        temporary.rename(target)
    elif not _exchange(temporary, target):
        _swap(temporary, target)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one system call (Linux renameat2); False where that is not offered."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    code = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    if code == 0:
        return True
    error = ctypes.get_errno()
    if error in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(error, os.strerror(error), str(second))


def _swap(temporary: Path, target: Path) -> None:
    """Exchange two directories in three renames, putting the old one back if a rename fails."""
    old = _partial(target)
    target.rename(old)
    try:
        temporary.rename(target)
    except BaseException:
        old.rename(target)
        raise
    old.rename(temporary)
