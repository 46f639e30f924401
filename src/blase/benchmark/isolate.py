"""Start a piece in a process of its own, so that its peak of memory is its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from blase.errors import InputError


def measure(name: str, folder: Path) -> dict[str, Any]:
    """The numbers of the piece `name` on the case in `folder`.

    Raises InputError where the piece did, RuntimeError where it failed in another way.
    """
    command = [sys.executable, "-m", "blase.benchmark.worker", name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        end = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RuntimeError(f"the benchmark of {name} ended with code {done.returncode}: {end[0]}")
    outcome = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    if "input_error" in outcome:
        raise InputError(**outcome["input_error"])
    numbers: dict[str, Any] = outcome["numbers"]
    return numbers
