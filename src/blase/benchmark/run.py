"""The whole benchmark in one call."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blase.benchmark.case import Case
from blase.benchmark.compare import compare
from blase.benchmark.isolate import measure
from blase.benchmark.machine import describe_machine
from blase.benchmark.pieces import PIECES
from blase.benchmark.settings import Settings

Progress = Callable[[dict[str, Any]], None]


def run_benchmark(
    settings: Settings, *, wavelength_file: Path | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Measure every piece in a process of its own and return what goes into `bench.json`.

    `wavelength_file` holds the wavelengths of a PHOENIX template that keeps them apart. `progress` is called
    with the name of every piece as its `stage`. Raises InputError where the template is at fault.
    """
    machine = describe_machine()  # now, so that its load is that of others
    with tempfile.TemporaryDirectory(prefix="blase-bench-") as name:
        case = Case.create(Path(name), settings, wavelength_file=wavelength_file)
        Case.create(case.folder / "long", settings.of_long, wavelength_file=wavelength_file)
        pieces = {}
        for number, piece in enumerate(PIECES, start=1):
            if progress is not None:
                message = f"{number} of {len(PIECES)}"
                progress({"stage": piece, "iteration": 0, "total": None, "message": message})
            pieces[piece] = measure(piece, case.folder)
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "settings": settings.plain(),
        "pieces": pieces,
        "comparison": compare(pieces),
    }
