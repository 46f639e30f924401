"""The files of a benchmark, written in one step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blase.benchmark.figure import plot_scaling
from blase.benchmark.table import to_markdown
from blase.containers.atomic import atomic_directory
from blase.containers.json_text import to_text


def write_benchmark(bench: Mapping[str, Any], directory: str | Path, *, overwrite: bool = False) -> None:
    """Write `bench.json`, `bench.md` and `bench.png` into `directory`, all or nothing.

    Raises InputError where `directory` exists and `overwrite` is False, or holds anything else.
    """
    with atomic_directory(directory, overwrite=overwrite) as folder:
        (folder / "bench.json").write_text(to_text(bench), encoding="utf-8")
        (folder / "bench.md").write_text(to_markdown(bench), encoding="utf-8")
        plot_scaling(bench["pieces"]["scaling"]).savefig(folder / "bench.png", dpi=110)
