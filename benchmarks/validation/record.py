"""What is kept of one simulated and fitted spectrum: a dictionary of arrays, in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blase.containers import LineList
from blase.containers.atomic import atomic_file
from blase.results.result import FitResult
from blase.simulation import Truth
from validation.lines import compare_lines

Record = dict[str, NDArray[np.float64]]
GLOBALS = ("radial_velocity", "vsini", "resolving_power")


def record(
    result: FitResult,
    template: LineList,
    truths: Sequence[Truth],
    *,
    bound: dict[str, float],
    resolving_power: float,
) -> Record:
    """Everything that is to be known of a draw.

    Of every one of `GLOBALS` an array (4,): truth, value, error (NaN where a limit is given instead) and
    bound. `limit` is the upper limit of vsini, or NaN; `widths` (4,) the prior widths that the fit has
    learned of the star's lines; the lines as in `compare_lines`.
    """
    true = {name: getattr(truths[0], name) for name in GLOBALS} | {"resolving_power": resolving_power}
    said = result.summary
    found = {
        name: np.array([true[name], said[name]["value"], said[name]["error"] or np.nan, bound[name]])
        for name in GLOBALS
    }
    priors = said["line_priors"]
    return (
        found
        | compare_lines(result.lines, template, truths[0])
        | {
            "limit": np.array(said["vsini"].get("upper_limit_95", np.nan)),
            "widths": np.array(
                [priors[f"stellar_{n}"]["width"] for n in ("centre", "strength", "sigma", "gamma")]
            ),
            "noise_inflation": np.array(said["noise_inflation"]),
            "converged": np.array(float(result.converged)),
            "seconds": np.array(said["wall_seconds"]),
        }
    )


def save(path: Path, found: Record) -> None:
    """Write a record, whole or not at all; single precision is enough."""
    with atomic_file(path) as temporary:
        np.savez_compressed(temporary, **{name: np.float32(values) for name, values in found.items()})


def load(path: Path) -> Record:
    """A record that was saved."""
    with np.load(path, allow_pickle=False) as held:
        return {name: np.float64(held[name]) for name in held.files}
