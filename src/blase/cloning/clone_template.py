"""Clone a template: find its lines, fit all together, look for what is missing, say how well it went."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from blase.cloning.clone import Clone, Kind
from blase.cloning.find_lines import TypicalWidths, find_lines, missing_lines, typical_widths
from blase.cloning.residual import blurred_residual, rms
from blase.cloning.template_model import Blur, blur_of, fitted_lines, telluric_widths, template_objective
from blase.containers.line_list import LineList
from blase.containers.metadata import require_resolving_power
from blase.errors import InputError
from blase.fit.descent import Solution
from blase.fit.levenberg_marquardt import minimise_structured
from blase.fit.line_columns import COARSE_WINDOWS, LINE_PARAMETERS
from blase.fit.objective import Objective
from blase.fit.stretches import Stretches
from blase.templates.template import LineTemplate, Template

Progress = Callable[[dict[str, Any]], None]

DEFAULT_PROMINENCE = 2e-3
"""A line must stand out by this fraction of the continuum."""
DEFAULT_RESOLVING_POWER = 55_000.0
ROUNDS = 3
_ITERATIONS, _LAST_ITERATIONS = 25, 100
"""Most iterations of a round; only the last one has to converge."""


def clone_template(
    template: Template | LineTemplate,
    *,
    kind: Kind = "stellar",
    wavelength_range: tuple[float, float] | None = None,
    prominence: float | None = None,
    instrument_resolving_power: float = DEFAULT_RESOLVING_POWER,
    progress: Progress | None = None,
) -> Clone:
    """Turn a template into a set of Voigt lines (Gully-Santiago & Morley 2022, ApJ 941, 200, section 2).

    Every minimum that stands out becomes a line; centre, strength, sigma and gamma of all lines are fitted
    together at native resolution (or through the template's declared blur); lines are added where absorption
    is left, and all are fitted again. A line list needs no fit: its lines are the clone.

    Parameters
    ----------
    kind : whether the lines belong to the star or to the atmosphere; sets the starting widths of a blurred
        template.
    wavelength_range : part of the template to clone, vacuum Angstrom.
    prominence : depth by which a minimum must stand out, in units of the continuum; 0.002 by default.
    instrument_resolving_power : at which `residual_rms_instrument` is given.
    progress : called with `stage`, `iteration`, `total`, `residual_rms`, `objective` and `message`.

    Raises
    ------
    InputError
        where the range misses the template, the prominence is not between 0 and 1, or no line is found.
    """
    started = time.perf_counter()
    require_resolving_power(instrument_resolving_power)
    depth = DEFAULT_PROMINENCE if prominence is None else prominence
    if not 0 < depth < 1:
        raise InputError(
            "the prominence is out of range",
            value=prominence,
            expected="a number between 0 and 1",
            fix="pass --prominence 0.002 (prominence=...), for instance",
        )
    if isinstance(template, LineTemplate):
        return _adopt(template, kind, wavelength_range, started)
    if wavelength_range is not None:
        template = template.crop(*wavelength_range)
    widths = _starting_widths(template, kind, depth)
    lines = _first_lines(template, widths, depth)
    solution, objective = None, None
    for round_number in range(1, ROUNDS + 1):
        solution, objective = _fit(template, lines, widths, kind, round_number, progress)
        lines = fitted_lines(objective, kind)
        if round_number < ROUNDS:
            added = _missing(template, objective, lines, widths, depth)
            if not len(added):
                break
            lines = _merged(lines, added)
    assert solution is not None and objective is not None
    summary = _summary(template, objective, solution, lines, kind, instrument_resolving_power)
    summary |= {"prominence": depth, "wall_seconds": time.perf_counter() - started}
    span = (float(template.wavelength[0]), float(template.wavelength[-1]))
    return Clone(kind, lines, span, summary)


def _starting_widths(template: Template, kind: Kind, prominence: float) -> TypicalWidths:
    blur = blur_of(template)
    if blur is None:
        return typical_widths(template.wavelength, template.normalised, prominence=prominence)
    if kind == "telluric":
        return telluric_widths(float(np.median(template.wavelength)))
    return TypicalWidths(1.5, 0.3)


def _blurred_sigma(blur: Blur | None) -> float | None:
    return None if blur is None else blur.sigma


def _first_lines(template: Template, widths: TypicalWidths, prominence: float) -> LineList:
    lines = find_lines(
        template.wavelength,
        template.normalised,
        widths,
        prominence=prominence,
        blurred_sigma=_blurred_sigma(blur_of(template)),
    )
    if not len(lines):
        raise InputError(
            "no line stands out of the continuum",
            path=template.path,
            value=f"prominence {prominence}",
            expected="at least one absorption line",
            fix="lower --prominence, or check that the template is a spectrum",
        )
    return lines


def _missing(
    template: Template, objective: Objective, lines: LineList, widths: TypicalWidths, prominence: float
) -> LineList:
    with torch.no_grad():
        model = objective.model().numpy()
    return missing_lines(
        template.wavelength,
        template.normalised,
        model,
        lines,
        widths,
        prominence=prominence,
        blurred_sigma=_blurred_sigma(blur_of(template)),
    )


def _merged(first: LineList, second: LineList) -> LineList:
    names = ("centre", "strength", "sigma", "gamma")
    return LineList(**{n: np.concatenate([getattr(first, n), getattr(second, n)]) for n in names})


def _stretches(template: Template, objective: Objective, lines: LineList) -> Stretches:
    wavelength = np.full(objective.space.size, np.nan)
    for name, where in objective.space.slices.items():
        if name.rsplit(".", 1)[1] in LINE_PARAMETERS:
            wavelength[where] = lines.centre
    return Stretches.by_wavelength(template.wavelength, wavelength)


def _fit(
    template: Template,
    lines: LineList,
    widths: TypicalWidths,
    kind: Kind,
    number: int,
    progress: Progress | None,
) -> tuple[Solution, Objective]:
    objective = template_objective(template, lines, widths, kind)
    iterations = _LAST_ITERATIONS if number == ROUNDS else _ITERATIONS

    def tell(iteration: int, value: float) -> None:
        if progress is not None:
            progress(
                {
                    "stage": f"clone ({kind}), round {number} of {ROUNDS}",
                    "iteration": iteration,
                    "total": iterations,
                    "residual_rms": None,
                    "objective": value,
                    "message": f"{len(lines)} lines, objective {value:.4g}",
                }
            )

    solution = minimise_structured(
        objective,
        objective.space.pack(objective.model),
        stretches=_stretches(template, objective, lines),
        max_iterations=iterations,
        tolerance=1e-4 * len(template),
        windows=COARSE_WINDOWS,
        progress=tell,
    )
    return solution, objective


def _provenance(template: Template | LineTemplate, kind: Kind, span: tuple[float, float]) -> dict[str, Any]:
    return {
        "kind": kind,
        "template": template.name,
        "path": template.path,
        "sha256": template.sha256,
        "wavelength_range": [float(span[0]), float(span[1])],
        "effective_temperature": template.effective_temperature,
        "notes": list(template.notes),
    }


def _summary(
    template: Template,
    objective: Objective,
    solution: Solution,
    lines: LineList,
    kind: Kind,
    resolving_power: float,
) -> dict[str, Any]:
    with torch.no_grad():
        residual = objective.model().numpy() - template.normalised
    spread = objective.model.line_spread
    blurred = spread is not None
    out = _provenance(template, kind, (template.wavelength[0], template.wavelength[-1]))
    if blurred:
        out["notes"].append(
            "The template is blurred: strengths are measured, sigma "
            + ("is fixed to thermal" if kind == "telluric" else "is held to 1.5 km/s within 15 %")
            + " and gamma is held to its prior; the widths of single lines are not constrained."
        )
    parts = [template.wavelength[part] for part in template.segments()]
    return out | {
        "segments": [[float(part[0]), float(part[-1])] for part in parts],
        "residual_rms_native": rms(residual),
        "residual_rms_instrument": rms(blurred_residual(template, residual, resolving_power)),
        "instrument_resolving_power": resolving_power,
        "template_resolving_power": float(torch.exp(spread.log_resolving_power.detach()))
        if blurred
        else None,
        "n_lines": len(lines),
        "n_samples": len(template),
        "converged": solution.converged,
        "stop_reason": solution.reason,
    }


def _adopt(template: LineTemplate, kind: Kind, span: tuple[float, float] | None, started: float) -> Clone:
    """A line list is its own clone: there is no residual to report."""
    low, high = span or (float(template.lines.centre[0]), float(template.lines.centre[-1]))
    lines = template.lines.in_range(low, high)
    if not len(lines):
        raise InputError(
            "the line list has no line in the wavelength range",
            path=template.path,
            value=f"{low:.2f} to {high:.2f} A",
            expected=f"a range inside {template.lines.centre[0]:.2f} to {template.lines.centre[-1]:.2f} A",
            fix="choose another line list or range, and check the wavelength unit",
        )
    summary = _provenance(template, kind, (low, high)) | {
        "residual_rms_native": None,
        "residual_rms_instrument": None,
        "instrument_resolving_power": None,
        "template_resolving_power": None,
        "n_lines": len(lines),
        "n_samples": 0,
        "converged": True,
        "stop_reason": "a line list is taken as it is",
        "prominence": None,
        "wall_seconds": time.perf_counter() - started,
    }
    return Clone(kind, lines, (low, high), summary)
