"""A log of progress for machines: one JSON object a line, written as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from blase.cli.progress import Event, Listener
from blase.cli.timing import process_age
from blase.errors import InputError


@contextmanager
def log_progress(path: Path | None, *, command: str) -> Iterator[Listener]:
    """Yield a function that writes every event to `path`; to nowhere for None. An old log is replaced.

    Every line has `time` (UTC), `seconds` since the process started, and `event`: `begin` with the `command`,
    `progress` with `stage`, `iteration`, `total`, `residual_rms` and `message`, and at last `end`,
    or `failed` or `interrupted` with the `error`.

    Raises `InputError` where the file cannot be written.
    """
    if path is None:
        yield lambda event: None
        return
    with _opened(path) as stream:
        _write(stream, "begin", {"command": command})
        try:
            yield lambda event: _write(stream, "progress", event)
        except BaseException as error:
            name = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            _write(stream, name, {"error": f"{type(error).__name__}: {error}"})
            raise
        _write(stream, "end", {})


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(
            "the log cannot be written",
            path=path,
            value=str(error.strerror),
            expected="a file in a directory that exists and may be written",
            fix="give --log another FILE",
        ) from error


def _write(stream: TextIO, event: str, fields: Event | dict[str, Any]) -> None:
    """Write one line and let it reach the disk, so that others can follow."""
    from blase.containers.json_text import to_line

    stamp = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "seconds": round(process_age(), 3)}
    stream.write(to_line(stamp | {"event": event} | dict(fields)) + "\n")
    stream.flush()
