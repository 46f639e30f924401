"""Progress on standard error: a live bar on a terminal, one line per stage elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Event = Mapping[str, Any]
"""`stage`, `iteration`, `total`, `residual_rms`, `message`, `seconds_left` of the job; some are None."""

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
    """One line when a stage begins, with its message; iterations and what they say only where `verbose`."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._said: tuple[str, str | None] | None = None

    def __call__(self, event: Event) -> None:
        """Print what is new in `event`."""
        stage, message = str(event["stage"]), event.get("message")
        if event.get("iteration"):
            if self._said is None or self._said[0] != stage:
                self._say(stage, None, event)
            if self._verbose:
                print(f"  {iteration_text(event)}", file=sys.stderr, flush=True)
        elif (stage, message) != self._said:
            self._say(stage, message, event)

    def _say(self, stage: str, message: str | None, event: Event) -> None:
        left = left_text(event)
        text = f"{stage}: {message}" if message else stage
        print(f"{text} ({left})" if left else text, file=sys.stderr, flush=True)
        self._said = stage, message


def iteration_text(event: Event) -> str:
    """Return the iteration of an event with what is known of it: objective, residual, message."""
    objective = event.get("objective")
    parts = [f"iteration {event['iteration']}", describe(event), left_text(event)]
    if objective is not None and not event.get("message"):
        parts.insert(1, f"objective {objective:.8g}")
    return ", ".join(filter(None, parts))


def left_text(event: Event) -> str:
    """How long the whole job still takes, as people say it; nothing where the event does not know."""
    seconds = event.get("seconds_left")
    if seconds is None:
        return ""
    if seconds < 90:
        return f"some {max(5, 5 * round(seconds / 5))} s left"
    minutes = round(seconds / 60)
    return f"some {minutes} min left" if minutes < 90 else f"some {minutes / 60:.1f} h left"


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
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    bars: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def listen(event: dict[str, Any]) -> None:
            stage = str(event["stage"])
            if stage not in bars:
                for done in bars.values():
                    progress.update(done, total=1, completed=1, left="")
                bars[stage] = progress.add_task(stage, total=None, detail="", left="")
            total, done = event.get("total"), event.get("iteration") or 0
            progress.update(
                bars[stage], total=total, completed=done, detail=describe(event), left=left_text(event)
            )

        yield listen


def _ignore(event: dict[str, Any]) -> None:
    """Show nothing."""
