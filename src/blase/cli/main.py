"""The command `blase`: its subcommands, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from blase.cli.bench import bench
from blase.cli.clone import clone
from blase.cli.correct import correct
from blase.cli.covariance import covariance
from blase.cli.demo import demo
from blase.cli.doctor import doctor
from blase.cli.fit import fit
from blase.cli.info import info
from blase.cli.lines import lines
from blase.cli.messages import (
    BAD_INPUT,
    DONE,
    INTERNAL,
    INTERRUPTED,
    NOT_CONVERGED,
    Verbosity,
    plain_warnings,
    say,
    say_internal,
)
from blase.cli.plot import plot
from blase.cli.prepare import prepare
from blase.cli.telluric import telluric
from blase.cli.templates import templates
from blase.errors import InputError, NotConvergedError

app = typer.Typer(
    name="blase",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog="Exit codes: 0 done, 1 internal error, 2 bad input, 3 not converged (files written), "
    "130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for command in (clone, fit, prepare, telluric, correct, demo, info, lines, covariance, plot, bench, doctor):
    app.command()(command)
app.add_typer(templates, name="templates")


def _print_version(value: bool) -> None:
    """Print the version and stop."""
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"blase {version('blase-echelle')}")
        except PackageNotFoundError:
            print("blase (not installed)")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Fit échelle spectra line by line, star and atmosphere together.

    \b
    Examples:
      blase demo -o demo                        simulate, fit, compare; needs no file
      blase info spectrum.fits                  what a file holds
      blase prepare a.fits b.fits -o stack.fits subtract the sky, mask, stack
      blase fit spectrum.fits --star template.npz --order 0 -o fit
      blase lines fit --detection 5 -o lines.csv
      blase plot fit corner
    """  # noqa: D301


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing is raised.

    0 done, 1 internal error, 2 bad input, 3 not converged (files written), 130 interrupted.
    """
    verbosity = Verbosity()
    with plain_warnings(verbosity), _termination_as_interrupt():
        try:
            code = app(
                args=None if arguments is None else list(arguments),
                prog_name="blase",
                standalone_mode=False,
                obj=verbosity,
            )
            if code == INTERRUPTED:
                say("interrupted")
            return code if isinstance(code, int) else DONE
        except (Exception, KeyboardInterrupt) as error:
            return report(error, verbosity)


def report(error: BaseException, verbosity: Verbosity) -> int:
    """Say what went wrong on standard error and return the exit code that belongs to it."""
    match error:
        case TyperException():
            _say_usage(error)
            return error.exit_code
        case InputError():
            say(f"error: {error}")
            return BAD_INPUT
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | NotADirectoryError():
            say(f"error: {error.filename}: {error.strerror}")
            return BAD_INPUT
        case NotConvergedError():
            say(f"not converged: {error}")
            return NOT_CONVERGED
        case KeyboardInterrupt() | typer.Abort():
            say("interrupted")
            return INTERRUPTED
    say_internal(error, verbosity)
    return INTERNAL


def _say_usage(error: Any) -> None:
    """Show a usage error as the parser words it."""
    show = getattr(error, "show", None)
    if show is None:
        say(f"error: {error}")
    else:
        show(file=sys.stderr)
        near = nearest_choice(str(getattr(error, "message", "")))
        if near is not None:
            say(f"Did you mean {near!r}?")


def nearest_choice(message: str) -> str | None:
    """Of `'x' is not one of 'a', 'b'` the choice that looks like x, None where there is none."""
    found = re.search(r"('[^']*') is not one of ((?:'[^']*'(?:, )?)+)", message)
    if found is None:
        return None
    close = get_close_matches(found[1].strip("'"), re.findall(r"'([^']*)'", found[2]), n=1, cutoff=0.4)
    return close[0] if close else None


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that temporary files are removed there too (main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
