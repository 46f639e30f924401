"""One exception tree. Every message says what is wrong, what was expected and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BlaseError(Exception):
    """Base of every error that blasé raises on purpose."""


class InputError(BlaseError, ValueError):
    """The input is at fault: a file, a value or an option (the command line exits with 2).

    Parameters
    ----------
    problem : what is wrong, in a few words.
    path : the file at fault, if any.
    value : the offending value, if any.
    expected : what was expected instead.
    fix : what the user can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | Path | None = None,
        value: object = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem, self.path, self.value, self.expected, self.fix = problem, path, value, expected, fix
        parts = [f"{path}: {problem}" if path is not None else problem]
        if value is not None:
            parts.append(f"found: {value}")
        if expected is not None:
            parts.append(f"expected: {expected}")
        if fix is not None:
            parts.append(f"fix: {fix}")
        super().__init__("\n  ".join(parts))


@contextmanager
def naming(path: str | Path | None) -> Iterator[None]:
    """Let an `InputError` raised inside name `path`, where it names no file of its own."""
    try:
        yield
    except InputError as error:
        if path is None or error.path is not None:
            raise
        raise InputError(
            error.problem, path=path, value=error.value, expected=error.expected, fix=error.fix
        ) from error


class NotConvergedError(BlaseError):
    """A fit stopped before it converged; its state is still usable (the command line exits with 3)."""


class BlaseWarning(UserWarning):
    """Something was assumed that changes the result; the message says what, and how to state it instead."""
