"""`blase info`: what a spectrum file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from blase.cli.options import (
    JsonOption,
    QuietOption,
    VerboseOption,
)
from blase.cli.reader_options import ReaderOptions, reads_spectrum


@reads_spectrum
def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The spectrum.")],
    reader: ReaderOptions,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show what a spectrum file holds: its orders by row (the number that --order takes), frame and time.

    \b
    Example:
      blase info Slope-20190224.optimal.fits
    """  # noqa: D301
    spectrum = reader.read(file)
    if json:
        from blase.containers.json_text import to_line

        print(to_line(spectrum.info()))
    else:
        print("\n".join(info_lines(spectrum.info())))


def info_lines(content: Mapping[str, Any]) -> list[str]:
    """Return the content of `EchelleSpectrum.info()` as lines: values, the table of orders, notes."""
    single = {name: value for name, value in content.items() if not isinstance(value, list | tuple | dict)}
    width = max(map(len, single), default=0) + 2
    lines = [
        f"{name:<{width}}{'not known' if value in (None, '') else value}" for name, value in single.items()
    ]
    lines += ["", *order_table(content.get("orders") or [])]
    for name in ("history", "notes"):
        lines += [f"{name}: {text}" for text in content.get(name) or []]
    return lines


def order_table(orders: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one aligned line per order below a line of column names."""
    if not orders:
        return []
    names = list(orders[0])
    rows = [names, *([_cell(order[name]) for name in names] for order in orders)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(names))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _cell(value: Any) -> str:
    """Return one value as short text."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1000 else f"{value:.3f}"
    if isinstance(value, Mapping):
        return "; ".join(f"{count} {reason}" for reason, count in value.items()) or "-"
    return str(value)
