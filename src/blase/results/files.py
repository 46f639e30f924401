"""All files of a fit, written in one atomic step; see docs for the content of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.table import QTable

from blase.containers.atomic import atomic_directory, check_output
from blase.containers.json_text import to_text
from blase.results.fits_tables import write_spectrum, write_template
from blase.results.linearised import COVARIANCE
from blase.results.report import draw_figures, render
from blase.results.result import FitResult

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_output", "write_result"]


def write_result(
    result: FitResult,
    directory: str | Path,
    *,
    overwrite: bool = False,
    late_summary: Callable[[], dict[str, Any]] | None = None,
) -> Path:
    """Write every file of `result` into `directory` and return its path.

    The files are written to a temporary sibling that is renamed at the end, so that an interrupted run
    leaves the old directory or none. `late_summary` is called once, after everything slow is done, and
    what it returns is added to the summary (the wall time, which would otherwise miss the writing).

    Raises `InputError` before any work where `directory` exists and `overwrite` is False, or where it
    holds anything that blasé did not write.
    """
    with atomic_directory(directory, overwrite=overwrite) as folder:
        write_lines(result.lines, folder / "lines.ecsv")
        write_spectrum(result, folder / "spectrum.fits")
        write_template(result.template, folder / "template.fits")
        write_state(result.state, folder / "model.safetensors")
        if result.linearised is not None:
            result.linearised.write(folder / COVARIANCE)
        figures = draw_figures(result)
        if late_summary is not None:
            result = replace(result, summary={**result.summary, **late_summary()})
        (folder / "report.html").write_text(render(result, figures), encoding="utf-8")
        (folder / "summary.json").write_text(to_text(result.summary), encoding="utf-8")
    return Path(directory)


def write_lines(lines: QTable, path: Path) -> None:
    """Write the line table as ECSV, units and all."""
    lines.write(path, format="ascii.ecsv")


def write_state(state: dict[str, Tensor], path: Path) -> None:
    """Write the tensors of the model; safetensors holds numbers only, never code."""
    from safetensors.torch import save

    path.write_bytes(
        save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()})
    )
