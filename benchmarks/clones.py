"""What the rounds of a clone are good for: lines and residual after the first fit, and after all rounds.

    python benchmarks/clones.py TEMPLATE [--kind telluric] [--template-resolving-power R] [--piece LO HI ...]
        [--output docs/bench/clones.md]

One row for every piece: those that are given, else those between gaps of the template that are wider than 1 %
of the wavelength. "First" are the lines that are found first, fitted until that no longer helps. The time is
that of all rounds; CPU seconds, of all threads, depend less on what else the machine does. A piece whose row
the output has already is not measured again: one band after another, when the machine is free.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from blase.cloning.clone_template import DEFAULT_PROMINENCE, DEFAULT_RESOLVING_POWER
from blase.cloning.first_lines import starting_widths
from blase.cloning.rounds import MOST_ROUNDS, Search
from blase.cloning.summary import fit_summary
from blase.templates import read_template
from blase.templates.template import Template

HEADER = (
    "| range [Å] | samples | first: lines | native | R = 55,000 | all rounds: lines (added, removed) "
    "| native | R = 55,000 | time (CPU) |\n|---|---|---|---|---|---|---|---|---|"
)


def clone(template: Template, kind: str, rounds: int) -> dict[str, Any]:
    """The summary of a clone of `template` after at most so many rounds; `wall` and `cpu` seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    widths = starting_widths(template, kind, DEFAULT_PROMINENCE)
    outcome = Search(template, kind, widths, DEFAULT_PROMINENCE, most_rounds=rounds).run()
    summary = fit_summary(template, outcome, kind, DEFAULT_RESOLVING_POWER)
    return summary | {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def span(template: Template) -> str:
    """The first cell of the row of a template."""
    return f"{template.wavelength[0]:.0f}-{template.wavelength[-1]:.0f}"


def row(template: Template, kind: str) -> str:
    """A row of the table."""
    first, last = (clone(template, kind, rounds) for rounds in (1, MOST_ROUNDS))
    cells = [
        span(template),
        f"{len(template):,}",
        str(first["n_lines"]),
        f"{100 * first['residual_rms_native']:.3f} %",
        f"{100 * first['residual_rms_instrument']:.3f} %",
        f"{last['n_lines']} ({sum(each['added'] for each in last['rounds'][1:])}, "
        f"{sum(last['n_removed'].values())})",
        f"{100 * last['residual_rms_native']:.3f} %",
        f"{100 * last['residual_rms_instrument']:.3f} %",
        f"{last['wall']:.1f} s ({last['cpu']:.1f} s)",
    ]
    return f"| {' | '.join(cells)} |"


def pieces(template: Template, given: list[list[float]] | None) -> list[tuple[float, float]]:
    """The ranges [vacuum Angstrom] that are cloned one by one."""
    if given:
        return [(low, high) for low, high in given]
    edges = [template.wavelength[part][[0, -1]] for part in template.segments()]
    out = [tuple(edges[0])]
    for low, high in edges[1:]:
        near = low < 1.01 * out[-1][1]
        out = [*out[:-1], (out[-1][0], high)] if near else [*out, (low, high)]
    return out


def main() -> None:
    """Clone, and print the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("template")
    parser.add_argument("--kind", choices=("stellar", "telluric"), default="stellar")
    parser.add_argument("--template-resolving-power", type=float, metavar="R")
    parser.add_argument("--piece", type=float, nargs=2, action="append", metavar=("LO", "HI"))
    parser.add_argument("--output", type=Path, metavar="FILE")
    options = parser.parse_args()
    power = options.template_resolving_power
    template = read_template(options.template, resolving_power=None if power is None else (power, None))
    clone(template.crop(template.wavelength[0], template.wavelength[0] * 1.001), options.kind, 2)  # compiles
    rows = measured(options.output)
    print(HEADER, flush=True)
    for low, high in pieces(template, options.piece):
        piece = template.crop(low, high)
        found = next((known for known in rows if known.startswith(f"| {span(piece)} |")), None)
        if found is None:
            found = row(piece, options.kind)
            rows = sorted([*rows, found], key=first_wavelength)
            write(options.output, rows)
        print(found, flush=True)


def measured(output: Path | None) -> list[str]:
    """The rows that `output` has."""
    if output is None or not output.is_file():
        return []
    return output.read_text(encoding="utf-8").splitlines()[2:]


def write(output: Path | None, rows: list[str]) -> None:
    """The table into `output`, where there is one."""
    if output is not None:
        output.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")


def first_wavelength(text: str) -> float:
    """Of a row, by which the table is sorted."""
    return float(text.split("|")[1].split("-")[0])


if __name__ == "__main__":
    main()
