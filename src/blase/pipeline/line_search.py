"""Rounds of a fit: bring in lines that the data show, take out those that they do not, fit again.

A round is judged at fixed noise, prior widths and weights of outliers: the fall of the objective, less what
the freedom of the lines added costs, plus that of those taken out (`Presence.occam`), has to exceed
`LEAST_GAIN` for every line more that is added or dropped. ln(evidence) of the whole fit would say the same,
were it not for its determinant, which hundreds of hardly determined lines let drift. After lines were added,
noise and widths are learned anew; lines that have vanished change neither. What is refused is tried with
fewer changes. Only lines of the star are searched: where the air absorbs, its own are catalogued.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.fit.jacobian import Jacobian, jacobian
from blase.fit.line_presence import Presence, line_presence
from blase.pipeline.attempt import Progress, objective_at
from blase.pipeline.build import Settings
from blase.pipeline.missing_lines import LEAST_GAIN, Missing, missing_lines
from blase.pipeline.prepare import Pixels
from blase.pipeline.revision import Revision, revised
from blase.pipeline.solve import Solved, solve
from blase.pipeline.state import Start

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Save = Callable[[Start, Revision], None]

MOST_ROUNDS = 4
VANISHED = 3.0
"""A cloned line whose strength the data alone would put less than so many standard deviations above zero may
be dropped."""


UNSEEN = 25.0
"""Chi-square by which the effect of such a line, all others held, may stand out of the noise. A line that
others could replace has not vanished: without it the fit would begin anew, far from where it stood."""


@dataclass(frozen=True)
class Round:
    """What one round tried: lines `added`, `removed` that had been added, cloned ones `dropped`.

    `gain` of ln(evidence) by that, and whether it was `accepted`.
    """

    added: int
    removed: int
    dropped: int
    gain: float
    accepted: bool


@dataclass(frozen=True)
class Searched:
    """A fit after its rounds, with the lines that `settings` name: those of the `revision`."""

    settings: Settings
    solved: Solved
    revision: Revision
    rounds: list[Round] = field(default_factory=list)

    @property
    def presence(self) -> Presence:
        """How much the evidence owes to every line of the star."""
        return line_presence(
            self.solved.objective,
            self.solved.solution.z,
            self.solved.normal_space,
            self.solved.posterior,
            prefix="star",
            count=len(self.settings.star.lines),
        )

    @property
    def counts(self) -> dict[str, int]:
        """`n_lines` of `summary.json`, as far as the star is concerned."""
        added = int(self.added.sum())
        cloned = len(self.added) - added
        return {"stellar": cloned, "added": added, "dropped": int((~self.revision.kept).sum())}

    @property
    def describe(self) -> list[dict[str, Any]]:
        """`line_search` of `summary.json`: what every round did."""
        return [asdict(done) for done in self.rounds]

    @property
    def added(self) -> BoolArray:
        """Which lines (n_lines,) of the star were added."""
        return self.settings.star.lines.is_added


@dataclass(frozen=True)
class _Plan:
    """Lines of the star to `keep` (n_lines,), and those that are `missing`."""

    keep: BoolArray
    missing: Missing

    @property
    def is_empty(self) -> bool:
        return bool(self.keep.all()) and not len(self.missing.lines)


def search_lines(
    pixels: list[Pixels],
    settings: Settings,
    solved: Solved,
    revision: Revision,
    *,
    max_iterations: int = 60,
    progress: Progress | None = None,
    save: Save | None = None,
) -> Searched:
    """Revise the lines of the star in the fit `solved`, round by round, as long as it gains by that.

    `settings` have the lines of the `revision`; `save` is told of every pass, and the revision that it has.
    """
    here = Searched(settings, solved, revision)
    if "star.lines.log_strength" not in solved.objective.space.slices:
        return here
    most, rounds = len(settings.star.lines), []
    for number in range(1, MOST_ROUNDS + 1):
        plan = _plan(pixels, here, most, only_less=number == MOST_ROUNDS)
        if plan.is_empty:
            break
        options = {"max_iterations": max_iterations, "progress": progress, "stage": f"lines, round {number}"}
        there = _refitted(pixels, here, plan, options)
        gain = _gain(pixels, here, there, plan)
        accepted = gain > LEAST_GAIN * (there.revision.size - here.revision.size)
        rounds.append(_round(here, plan, gain, accepted))
        if accepted:
            here = _learned(pixels, there, options, save) if len(plan.missing.lines) else there
        elif plan.keep.sum() >= plan.keep.size - 1:
            break
        else:
            most = int((~plan.keep).sum()) // 2
    return replace(here, rounds=rounds)


def _plan(pixels: list[Pixels], here: Searched, most: int, *, only_less: bool) -> _Plan:
    """What to change: at `most` so many lines fewer, and what is missing unless `only_less`."""
    solved = here.solved
    derivative = jacobian(solved.model, solved.objective.data, solved.normal_space)
    missing = missing_lines(pixels, here.settings, solved, derivative)
    return _Plan(~_superfluous(here, derivative, most), missing.none() if only_less else missing)


def _superfluous(here: Searched, derivative: Jacobian, most: int) -> BoolArray:
    """Lines (n_lines,) of the star that the fit is better without, none within a resolution element of
    another: of two that do the same work one has to stay.
    """
    lines, found = here.settings.star.lines, here.presence
    needed = np.where(here.added, LEAST_GAIN, -LEAST_GAIN)
    idle = (found.gain < needed) & (here.added | (found.significance < VANISHED))
    idle &= _effects(here.solved, derivative) < UNSEEN
    out = np.zeros(len(lines), dtype=bool)
    element = lines.centre / here.settings.resolving_power
    for j in np.flatnonzero(idle)[np.argsort((found.gain - needed)[idle])]:
        near = np.abs(lines.centre - lines.centre[j]) < element
        out[j] = not out[near].any() and out.sum() < most
    return out


def _effects(solved: Solved, derivative: Jacobian) -> FloatArray:
    """Chi-square (n_lines,) that the absorption of every line of the star makes by itself, to first order."""
    space, name = solved.normal_space, "star.lines.log_strength"
    power = derivative.power().sum(axis=0)
    return np.asarray(power[space.slices[name]] / space.priors[name].width.numpy() ** 2)


def _refitted(pixels: list[Pixels], here: Searched, plan: _Plan, options: dict[str, Any]) -> Searched:
    """The fit after the changes of the `plan`, at the same noise and prior widths."""
    missing = plan.missing
    settings, start = revised(
        here.settings,
        replace(_ended(here.solved), enlargement=missing.enlargement),
        here.solved.objective.space,
        keep=plan.keep,
        new=missing.lines,
        strength=missing.strength,
    )
    revision = here.revision.followed_by(here.settings.star.lines, plan.keep, missing.lines)
    return Searched(
        settings, _after(here, solve(pixels, settings, start=start, fixed=True, **options)), revision
    )


def _learned(pixels: list[Pixels], there: Searched, options: dict[str, Any], save: Save | None) -> Searched:
    """The same fit with noise, outliers and prior widths learned anew."""

    def tell(state: Start) -> None:
        if save is not None:
            save(state, there.revision)

    again = solve(pixels, there.settings, start=_ended(there.solved), checkpoint=tell, **options)
    return replace(there, solved=_after(there, again))


def _ended(solved: Solved) -> Start:
    return replace(solved.state, z=solved.solution.z, damping=solved.solution.damping)


def _after(before: Searched, solved: Solved) -> Solved:
    """The fit `solved` with the history of that from which it started."""
    return replace(solved, history=before.solved.history + solved.history)


def _gain(pixels: list[Pixels], here: Searched, there: Searched, plan: _Plan) -> float:
    """Rise of ln(evidence) from one fit to another with the same noise and prior widths."""
    z, weights = here.solved.solution.z, there.solved.state.enlargement
    before = here.solved.objective
    if not np.array_equal(weights, here.solved.state.enlargement):
        before = objective_at(pixels, here.settings, replace(here.solved.state, enlargement=weights))
    fall = before.value(z) - there.solved.solution.objective
    new = there.added.copy()
    new[there.added] = np.isin(there.settings.star.lines.centre[there.added], plan.missing.lines.centre)
    return fall + float(there.presence.occam[new].sum() - here.presence.occam[~plan.keep].sum())


def _round(here: Searched, plan: _Plan, gain: float, accepted: bool) -> Round:
    removed, dropped = (int((which & ~plan.keep).sum()) for which in (here.added, ~here.added))
    return Round(len(plan.missing.lines), removed, dropped, gain, accepted)
