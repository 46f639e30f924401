"""Messages on standard error: plain text, one meaning each, no markup (paths hold brackets)."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

DONE, INTERNAL, BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130
"""The exit codes of every command."""


@dataclass
class Verbosity:
    """How much one run says; set by the options of the command, read by whoever reports an error."""

    verbose: bool = False
    quiet: bool = False

    @property
    def traceback(self) -> bool:
        """Whether an internal error shows its traceback."""
        return self.verbose or bool(os.environ.get("BLASE_DEBUG"))


def say(text: str) -> None:
    """Print one message to standard error."""
    print(text, file=sys.stderr, flush=True)


def say_internal(error: BaseException, verbosity: Verbosity) -> None:
    """Report a fault of blasé itself, with the traceback only where it was asked for."""
    if verbosity.traceback:
        traceback.print_exception(error, file=sys.stderr)
    say(f"internal error: {type(error).__name__}: {error}")
    if not verbosity.traceback:
        say("  this is a fault of blasé; please report it with what the same command prints with -v")


@contextmanager
def plain_warnings(verbosity: Verbosity) -> Iterator[None]:
    """Show warnings as `warning: text`, each text once, and none where the run is quiet."""
    seen: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message)
        if text not in seen and not verbosity.quiet:
            seen.add(text)
            say(f"warning: {text}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
