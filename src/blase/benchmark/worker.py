"""One piece in a process of its own: `python -m blase.benchmark.worker PIECE FOLDER`."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

from blase.benchmark.case import Case
from blase.benchmark.memory import peak_memory
from blase.benchmark.pieces import PIECES
from blase.benchmark.warm_up import warm_up
from blase.containers.json_text import to_text
from blase.errors import InputError


def run_piece(name: str, folder: Path) -> dict[str, Any]:
    """The numbers of one piece, its processor time [s], and the memory held before it and at most [MB]."""
    warm_up(name)
    before = peak_memory()
    busy = time.process_time()
    numbers = PIECES[name](Case(folder))
    busy = time.process_time() - busy
    return {**numbers, "cpu_seconds": busy, "memory_before_mb": before, "memory_peak_mb": peak_memory()}


def outcome(name: str, folder: Path) -> dict[str, Any]:
    """`numbers`, or what is wrong with the input."""
    try:
        return {"numbers": run_piece(name, folder)}
    except InputError as error:
        fields = ("problem", "path", "value", "expected", "fix")
        return {"input_error": {field: _text(getattr(error, field)) for field in fields}}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    piece, place = sys.argv[1], Path(sys.argv[2])
    (place / f"{piece}.json").write_text(to_text(outcome(piece, place)), encoding="utf-8")
