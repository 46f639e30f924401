"""How a fit would be with narrower and with wider priors of single lines: from no learning to overfitting.

The widths of all classes of lines, learned and held ones, are multiplied by one factor after another; nothing
else is learned again. Every point starts from its neighbour on the side of the fit itself. Held-out residuals
are those of one fold of blocks, from fits that start from one that never saw it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from blase.fit.descent import Solution
from blase.fit.evidence import log_evidence
from blase.fit.line_columns import FINE_WINDOWS, LINE_PARAMETERS
from blase.fit.objective import Objective
from blase.fit.priors import LinePriorWidths
from blase.model.forward import SpectrumModel
from blase.pipeline.added_lines import own_priors
from blase.pipeline.analysis import analyse
from blase.pipeline.attempt import Attempts, Progress, order_slices
from blase.pipeline.build import Settings, in_reach, within_reach
from blase.pipeline.heldout import Heldout, fold_of_pixels, middle_fold, weighted_rms
from blase.pipeline.prepare import Pixels, without
from blase.pipeline.solve import Solved
from blase.pipeline.state import Start

FACTORS = (1 / 16, 1 / 4, 1 / 2, 1.0, 2.0, 8.0)
"""Factors on the prior widths, the chosen ones in between."""
MOST_ORDERS, SOME_ORDERS = 4, 3
"""Of a spectrum of more orders than the first number, the second number represent it."""
CLEARLY_BETTER = 0.1
"""Relative decrease of the held-out residual that chance hardly makes in one fold."""
_ITERATIONS, _TOLERANCE = 5, 0.005
"""A fit of the curve ends when a step gains less than this fraction of the objective of its neighbour."""
_LEAST_DAMPING = 0.1
"""Of the first step after the priors have changed, which a fit that has converged would take too boldly."""
_STAGE = "regularisation curve"

Numbers = dict[str, float | None]


@dataclass(frozen=True)
class _Case:
    """Pixels to fit, and where to start."""

    pixels: list[Pixels]
    settings: Settings
    start: Start

    @property
    def level(self) -> float:
        """What the objective of a good fit is like: half a unit a pixel."""
        return 0.5 * sum(p.n_used for p in self.pixels)


@dataclass(frozen=True)
class _Found:
    """One fit of the curve, and the state that it started from."""

    objective: Objective[SpectrumModel]
    solution: Solution
    start: Start


def regularisation_curve(
    pixels: list[Pixels],
    settings: Settings,
    solved: Solved,
    heldout: Heldout | None,
    *,
    folds: int,
    progress: Progress | None = None,
) -> dict[str, Any] | None:
    """The entry `regularisation_curve` of `summary.json`; None where no class of lines is free.

    `heldout` are the fits that left out one of `folds` folds each; without them there are no held-out
    residuals.
    """
    if not any(map(_of_lines, solved.objective.space.slices)):
        return None
    some = _representative(len(pixels))
    ended = replace(solved.state, z=solved.solution.z, damping=solved.solution.damping)
    everything = _restricted(pixels, settings, solved, ended, some)
    known = _Found(solved.objective, solved.solution, everything.start) if len(some) == len(pixels) else None
    fitted = _along(everything, lambda found: _fitted(found, everything.pixels), progress, known)
    unseen: list[Numbers] = [{"residual_rms_heldout": None} for _ in FACTORS]
    if heldout is not None:
        case = _restricted(pixels, settings, solved, heldout.middle, some)
        fold = [fold_of_pixels(p, folds, settings.resolving_power) == middle_fold(folds) for p in case.pixels]
        kept = [without(p, left_out) for p, left_out in zip(case.pixels, fold, strict=True)]
        left_out = np.concatenate(fold)
        unseen = _along(
            replace(case, pixels=kept),
            lambda found: {"residual_rms_heldout": _residual(found, case.pixels, left_out)},
            progress,
        )
    points = [
        {"factor": factor} | fit | beyond for factor, fit, beyond in zip(FACTORS, fitted, unseen, strict=True)
    ]
    return {
        "points": points,
        "chosen_factor": 1.0,
        "largest_evidence_factor": _best(points, "log_evidence", largest=True),
        "smallest_heldout_factor": _best(points, "residual_rms_heldout", largest=False),
        "orders": [p.row for p in everything.pixels],
        "n_orders": len(pixels),
        "heldout_fold": None if heldout is None else f"{middle_fold(folds) + 1} of {folds}",
    }


def curve_warnings(curve: dict[str, Any] | None) -> list[str]:
    """A sentence where unseen pixels are predicted much better with other than the chosen prior widths."""
    if curve is None or (best := curve["smallest_heldout_factor"]) is None:
        return []
    residual = {point["factor"]: point["residual_rms_heldout"] for point in curve["points"]}
    gain = 1 - residual[best] / residual[curve["chosen_factor"]]
    if gain <= CLEARLY_BETTER:
        return []
    return [
        f"held-out pixels are predicted {100 * gain:.0f} % better with prior widths times {best:g}: lines "
        "make up for something that the model lacks, such as other lines or a continuum of higher degree"
    ]


def _best(points: list[Numbers], name: str, *, largest: bool) -> float | None:
    """Factor at which a number is largest, or smallest; None where there are none."""
    known = [(value, point["factor"]) for point in points if (value := point[name]) is not None]
    return (max if largest else min)(known)[1] if known else None


def _of_lines(name: str) -> bool:
    return name.rsplit(".", 1)[1] in LINE_PARAMETERS


def _representative(count: int) -> list[int]:
    """Places of the orders that are fitted again: all of a few, some evenly spread ones of many."""
    if count <= MOST_ORDERS:
        return list(range(count))
    return [round(k) for k in np.linspace(0, count - 1, SOME_ORDERS + 2)[1:-1]]


def _restricted(
    pixels: list[Pixels], settings: Settings, solved: Solved, state: Start, some: list[int]
) -> _Case:
    """The fit that ended in `state`, whitened like `solved`, with `some` of its orders and what they feel."""
    assert state.z is not None
    if len(some) == len(pixels):
        return _Case(pixels, settings, state)
    part = [pixels[k] for k in some]
    seen = {"star": in_reach(settings.star, part, settings.radial_velocity)}
    if settings.telluric is not None:
        seen["atmosphere"] = in_reach(settings.telluric, part, settings.wind_velocity)
    kept = []
    for name, where in solved.objective.space.slices.items():
        owner, *rest = name.split(".")
        if _of_lines(name):
            kept.append(state.z[where][torch.from_numpy(seen[owner])])
        elif owner != "orders" or int(rest[0]) in some:
            kept.append(state.z[where])
    slices = order_slices(pixels)
    start = replace(
        state,
        z=torch.cat(kept),
        noise_inflation=state.noise_inflation[some],
        enlargement=np.concatenate([state.enlargement[slices[k]] for k in some]),
        damping=None,
    )
    return _Case(part, within_reach(settings, part), start)


def _along(
    case: _Case,
    measure: Callable[[_Found], Numbers],
    progress: Progress | None,
    known: _Found | None = None,
) -> list[Numbers]:
    """What `measure` says of the fit at each of `FACTORS`; `known` is the one at 1, where there is."""
    first = known or _fit(case, case.start, case.level, progress)
    numbers = {1.0: measure(first)}
    below, above = [f for f in reversed(FACTORS) if f < 1], [f for f in FACTORS if f > 1]
    for branch in (below, above):
        here, before = first, 1.0
        for factor in branch:
            start = _scaled(here, factor / before, case.settings.star.lines.is_added)
            here = _fit(case, start, here.solution.objective, progress)
            numbers[factor], before = measure(here), factor
    return [numbers[factor] for factor in FACTORS]


def _fit(case: _Case, start: Start, level: float, progress: Progress | None) -> _Found:
    """Fit from `start`; `level` is what the objective is like."""
    objective, solution = Attempts(case.pixels, case.settings, _STAGE, progress).descend(
        start,
        _STAGE,
        max_iterations=_ITERATIONS,
        tolerance=_TOLERANCE * level / len(case.pixels),
        windows=FINE_WINDOWS,
    )
    return _Found(objective, solution, start)


def _scaled(found: _Found, factor: float, added: np.ndarray) -> Start:
    """Where a fit ended, as a start with all prior widths of lines times `factor`.

    Those of the star's lines that were `added` (n_lines,) do not follow the widths of a class.
    """
    z = found.solution.z.clone()
    for name, where in found.objective.space.slices.items():
        if _of_lines(name):
            z[where] /= torch.from_numpy(np.where(own_priors(name, added, where), 1.0, factor))
    stellar, telluric = (
        LinePriorWidths(*(factor * widths.array()).tolist())
        for widths in (found.start.stellar_prior, found.start.telluric_prior)
    )
    damping = None if found.solution.damping is None else np.maximum(found.solution.damping, _LEAST_DAMPING)
    return replace(found.start, z=z, stellar_prior=stellar, telluric_prior=telluric, damping=damping)


def _fitted(found: _Found, pixels: list[Pixels]) -> Numbers:
    """Evidence, effective number of parameters and residual of the pixels that were fitted."""
    analysis = analyse(found.objective, found.solution, FINE_WINDOWS)
    logarithm = analysis.posterior.log_determinant
    return {
        "log_evidence": log_evidence(found.objective, found.solution.z, logarithm),
        "n_effective": float(analysis.effective.sum()),
        "residual_rms": _residual(found, pixels, np.ones(found.objective.data.flux.numel(), dtype=bool)),
    }


def _residual(found: _Found, pixels: list[Pixels], which: np.ndarray) -> float | None:
    """`residual_rms` of the pixels `which` (total pixels,), as far as they are good."""
    flux, sigma, used = (
        torch.cat([getattr(p, name) for p in pixels]).numpy() for name in ("flux", "sigma", "used")
    )
    with torch.no_grad():
        model = found.objective.model().numpy()
    return weighted_rms(flux, model, sigma, used & which)
