"""Fit the lines of a clone to its template: patch by patch, or all together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from blase.cloning.find_lines import TypicalWidths
from blase.cloning.patches import apart, blurred_patches, native_patches
from blase.cloning.template_model import NATIVE_ERROR, blur_of, fitted_lines, samples_of, template_objective
from blase.containers.line_list import LineList
from blase.fit.descent import Solution
from blase.fit.levenberg_marquardt import minimise_structured
from blase.fit.line_columns import COARSE_WINDOWS, LINE_PARAMETERS
from blase.fit.objective import Objective
from blase.fit.stretches import Stretches
from blase.functional.parallel import map_all
from blase.templates.template import Template

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TOLERANCE = 1e-4
"""A fit ends with a step that gains less than this for every sample, in ln(posterior)."""

PATCH_DAMPING = 1.0
"""Of the first step. A patch is damped as a whole, so a step that is too long costs no more than itself."""

Tell = Callable[[int, int], None]
"""Called with the number of iterations, or of patches, that are done, and how many there may be."""


@dataclass(frozen=True)
class Effort:
    """Most iterations of a fit, and the gain of a step for every sample below which it ends."""

    iterations: int
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Fitted:
    """Lines after a fit, the samples as they model them (n,), the blur of the template, and how it went."""

    lines: LineList
    model: FloatArray
    resolving_power: float | None
    iterations: int
    converged: bool
    reason: str


def fit_lines(
    template: Template,
    lines: LineList,
    widths: TypicalWidths,
    kind: str,
    effort: Effort,
    *,
    others: LineList | None = None,
    resolving_power: float | None = None,
    stretches: bool = False,
    tell: Tell | None = None,
) -> Fitted:
    """Fit all `lines` together, and the resolving power of a blurred template where it is to be found.

    The `others` are there but held; `resolving_power` is where its fit begins. Every step is damped as a
    whole, or, for whole templates, in `stretches`.
    """
    objective = template_objective(
        template, lines, widths, kind, others=others, resolving_power=resolving_power
    )
    solution = minimise_structured(
        objective,
        objective.space.pack(objective.model),
        stretches=_stretches(template, objective, lines) if stretches else None,
        damping=None if stretches else np.full(2, PATCH_DAMPING),
        windows=COARSE_WINDOWS,
        max_iterations=effort.iterations,
        tolerance=effort.tolerance * len(template),
        progress=None if tell is None else lambda iteration, *_: tell(iteration, effort.iterations),
    )
    return _fitted(objective, solution, lines, kind)


def _stretches(template: Template, objective: Objective, lines: LineList) -> Stretches:
    wavelength = np.full(objective.space.size, np.nan)
    for name, where in objective.space.slices.items():
        if name.rsplit(".", 1)[1] in LINE_PARAMETERS:
            wavelength[where] = lines.centre
    return Stretches.by_wavelength(template.wavelength, wavelength)


def _fitted(objective: Objective, solution: Solution, lines: LineList, kind: str) -> Fitted:
    with torch.no_grad():
        residual = NATIVE_ERROR * objective.residuals(solution.z).numpy()
    spread = objective.model.line_spread
    return Fitted(
        fitted_lines(objective, kind, lines),
        objective.data.flux.numpy() - residual,
        None if spread is None else float(torch.exp(spread.log_resolving_power.detach())),
        len(solution.history),
        solution.converged,
        solution.reason,
    )


def fit_patches(
    template: Template,
    lines: LineList,
    active: BoolArray,
    widths: TypicalWidths,
    kind: str,
    effort: Effort,
    *,
    resolving_power: float | None = None,
    tell: Tell | None = None,
) -> Fitted:
    """Fit the `active` lines (n_lines,) patch by patch; all others are held.

    Side by side only patches that share no sample, each with all samples that its lines darken: two that
    share some would both mend the same fault, and undo together what either would have gained alone. Where
    the resolving power is to be found every patch finds its own, from `resolving_power` on; their median,
    each weighing as much as it has lines, is returned.
    """
    cut = native_patches if blur_of(template) is None else blurred_patches
    parts = [patch for patch in cut(template, lines, active) if patch.samples.size > 1]
    held = np.ones(len(lines), dtype=bool)
    for patch in parts:
        held[patch.lines] = False
    rest, now = lines.take(held), [lines.take(patch.lines) for patch in parts]
    found: dict[int, Fitted] = {}

    def fit(k: int) -> None:
        others = LineList.concatenated([rest, *now[:k], *now[k + 1 :]])
        part = samples_of(template, parts[k].samples)
        found[k] = fit_lines(
            part, now[k], widths, kind, effort, others=others, resolving_power=resolving_power
        )
        if tell is not None:
            tell(len(found), len(parts))

    with threadpool_limits(1, user_api="blas"):  # set once, since threads that set and restore it would mix
        for group in apart(parts):
            map_all(fit, group)
            now = [found[k].lines if k in found else mine for k, mine in enumerate(now)]
    together = LineList.concatenated([rest, *now])
    return _joined(template, together, widths, kind, list(found.values()), resolving_power)


def _joined(
    template: Template,
    lines: LineList,
    widths: TypicalWidths,
    kind: str,
    found: list[Fitted],
    resolving_power: float | None,
) -> Fitted:
    """All `lines` after the fits `found` of patches, with their model of all samples."""
    power = _median_power(found) or resolving_power
    objective = template_objective(template, lines, widths, kind, resolving_power=power)
    with torch.no_grad():
        model = objective.model().numpy()
    most = max((fitted.iterations for fitted in found), default=0)
    unfinished = sum(not fitted.converged for fitted in found)
    reason = f"{unfinished} of {len(found)} patches did not converge"
    return Fitted(lines, model, power, most, not unfinished, reason)


def _median_power(found: list[Fitted]) -> float | None:
    powers = [np.full(len(f.lines), f.resolving_power) for f in found if f.resolving_power is not None]
    return float(np.median(np.concatenate(powers))) if powers else None
