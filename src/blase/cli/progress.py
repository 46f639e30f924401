"""Progress on standard error: a live bar on a terminal, one line per stage elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Event = Mapping[str, Any]
"""`stage`, `iteration`, `total` (or None), `residual_rms` (or None), `message` (or None)."""

Listener = Callable[[dict[str, Any]], None]


@contextmanager
def show_progress(*, quiet: bool = False, verbose: bool = False) -> Iterator[Listener]:
    """Yield a function that shows progress events in the way that standard error allows.

    `verbose` shows every iteration on a line of its own, on a terminal too.
    """
    if quiet:
        yield _ignore
    elif verbose:
        yield PlainProgress(verbose=True)
    elif sys.stderr.isatty():
        with _live() as listener:
            yield listener
    else:
        yield PlainProgress()


def both(*listeners: Listener) -> Listener:
    """Return a listener that passes each event on to all of `listeners`."""

    def listen(event: dict[str, Any]) -> None:
        for listener in listeners:
            listener(event)

    return listen


class PlainProgress:
    """One line when a stage begins, and one for every message; iterations only where `verbose`."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._stage: str | None = None
        self._message: str | None = None

    def __call__(self, event: Event) -> None:
        """Print what is new in `event`."""
        stage, message = str(event["stage"]), event.get("message")
        if stage != self._stage or (message and message != self._message):
            print(f"{stage}: {message}" if message else stage, file=sys.stderr, flush=True)
        elif self._verbose and event.get("iteration"):
            print(f"  {iteration_text(event)}", file=sys.stderr, flush=True)
        self._stage, self._message = stage, message


def iteration_text(event: Event) -> str:
    """Return the iteration of an event with its objective and residual, where they are known."""
    objective, rms = event.get("objective"), event.get("residual_rms")
    parts = [f"iteration {event['iteration']}"]
    parts += [f"objective {objective:.8g}"] if objective is not None else []
    return ", ".join(parts + ([f"residual {100 * rms:.3g} %"] if rms is not None else []))


def describe(event: Event) -> str:
    """Return what stands right of the bar: the residual and the message of an event."""
    rms, message = event.get("residual_rms"), event.get("message")
    parts = [f"residual {100 * rms:.3g} %"] if rms is not None else []
    return ", ".join([*parts, str(message)] if message else parts)


@contextmanager
def _live() -> Iterator[Listener]:
    """Yield a listener that keeps one bar per stage on the terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("at most"),
        TimeRemainingColumn(),
    )
    bars: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def listen(event: dict[str, Any]) -> None:
            stage = str(event["stage"])
            if stage not in bars:
                for done in bars.values():
                    progress.update(done, total=1, completed=1)
                bars[stage] = progress.add_task(stage, total=None, detail="")
            total, done = event.get("total"), event.get("iteration") or 0
            progress.update(bars[stage], total=total, completed=done, detail=describe(event))

        yield listen


def _ignore(event: dict[str, Any]) -> None:
    """Show nothing."""
