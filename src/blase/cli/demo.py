"""`blase demo`: simulate an observation, fit it, and compare with the truth; needs no file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blase.cli.decisions import decision_lines
from blase.cli.messages import NOT_CONVERGED, say
from blase.cli.options import JsonOption, LogOption, OverwriteOption, QuietOption, SeedOption, VerboseOption
from blase.cli.progress import both, show_progress
from blase.cli.progress_log import log_progress
from blase.cli.summary_text import read_summary
from blase.cli.time_left import Plan, with_time_left
from blase.cli.timing import StageClock


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Directory to write.")] = Path(
        "blase-demo"
    ),
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    log: LogOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Simulate a noisy observation of the embedded star, fit it and print true and recovered values.

    \b
    Example:
      blase demo -o demo-output --seed 3
    """  # noqa: D301
    clock = StageClock()
    from blase.containers.atomic import check_output

    check_output(output, overwrite=overwrite)

    from blase.pipeline import run_demo
    from blase.results.files import write_result

    with (
        show_progress(quiet=quiet, verbose=verbose) as listener,
        log_progress(log, command="demo") as logged,
    ):
        plan = Plan()
        listen = both(clock.event, with_time_left(plan, both(listener, logged)))
        shown = run_demo(seed=seed, progress=listen)
        listen({"stage": "write", "message": str(output)})
        write_result(shown.result, output, overwrite=overwrite, late_summary=clock.summary)
    if verbose and not quiet:
        say("\n".join(decision_lines(read_summary(output))))
    if json:
        from blase.containers.json_text import to_line

        print(to_line(shown.report))
    else:
        seconds = read_summary(output)["wall_seconds"]
        print("\n".join([*shown.lines, f"time: {seconds:.1f} s", f"written: {output}"]))
    if not shown.result.converged:
        say(f"not converged: {shown.result.summary.get('stop_reason')}")
        raise typer.Exit(NOT_CONVERGED)
