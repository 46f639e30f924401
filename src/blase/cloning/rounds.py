"""Rounds of a clone: fit, remove what is superfluous, add what is missing, until that no longer helps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.cloning.core_floor import give_floors
from blase.cloning.find_lines import TypicalWidths, missing_lines
from blase.cloning.first_lines import first_lines
from blase.cloning.patches import near_changes
from blase.cloning.refit import TOLERANCE, Effort, Fitted, fit_lines, fit_patches
from blase.cloning.removal import RemovedLine, without_duplicates, without_vanished
from blase.cloning.residual import rms
from blase.cloning.template_model import NATIVE_ERROR, blur_of, with_known_blur
from blase.cloning.wing_blends import true_blends
from blase.containers.line_list import LineList
from blase.templates.template import Template

FloatArray = NDArray[np.float64]
Progress = Callable[[dict[str, Any]], None]

STEPS = (4.0, 2.0, 1.0)
"""After each of the first rounds lines are added that stand out by so many times the prominence, then by it.

What little is missing beside a strong line that is not well fitted yet is mostly the misfit of that line.
"""
ROUGH = (Effort(12, TOLERANCE * 16), Effort(8, TOLERANCE * 16), Effort(8, TOLERANCE * 4))
"""How well the first rounds are fitted: as well as what will be looked for after them."""
FINE = Effort(16, TOLERANCE * 2)
TOGETHER = Effort(100)
LEAST_FALL = 0.02
"""The residual has to fall by this share from round to round."""
MOST_ROUNDS = 10
MOST_SWEEPS = 8
"""Most fits of all lines at the end."""
SETTLED = 0.01
"""The last fit of all lines lowers the residual by less than this share of itself, or of `NATIVE_ERROR`."""


@dataclass(frozen=True)
class Round:
    """What one round did: lines were added before its fit, removed after it.

    `residual_rms_native` is that of its fit, `n_lines` the number of lines after it.
    """

    number: int
    added: int
    vanished: int
    duplicates: int
    n_lines: int
    residual_rms_native: float
    iterations: int
    seconds: float


@dataclass(frozen=True)
class Stop:
    """Why no more lines are added, and whether that was enough."""

    enough: bool
    reason: str


@dataclass(frozen=True)
class Outcome:
    """Lines of a template after all rounds, their model of its samples (n,), and why the rounds ended."""

    lines: LineList
    model: FloatArray
    resolving_power: float | None
    rounds: list[Round]
    removed: list[RemovedLine]
    converged: bool
    reason: str


@dataclass
class Search:
    """The rounds of one template: `run` goes through all of them."""

    template: Template
    kind: str
    widths: TypicalWidths
    prominence: float
    progress: Progress | None = None
    most_rounds: int = MOST_ROUNDS
    rounds: list[Round] = field(default_factory=list)
    removed: list[RemovedLine] = field(default_factory=list)
    resolving_power: float | None = None

    def run(self) -> Outcome:
        """Fit, remove and add until nothing is missing or the residual no longer falls; then fit all again.

        Raises `InputError` where no line is found.
        """
        missing = self._first()
        lines, gone = missing.take(slice(0, 0)), np.empty(0)
        while True:
            lines = LineList.concatenated([lines, missing])
            changed = np.concatenate([gone, missing.centre])
            begun = time.perf_counter()
            fitted = self._round(lines, changed)
            lines, gone = self._weed(fitted)
            self._record(fitted, len(missing), lines, begun)
            missing = self._missing(lines, fitted.model)
            stop = self._stop(len(missing))
            if stop is not None:
                return self._close(lines, stop)

    @property
    def _number(self) -> int:
        """Number of the round that comes next."""
        return len(self.rounds) + 1

    def _first(self) -> LineList:
        """The minima of the template, with floors where the evidence asks for them."""
        lines = first_lines(self.template, self.widths, self.prominence)
        if self.kind != "stellar" or blur_of(self.template) is not None:
            return lines
        return give_floors(self.template, lines, self.widths, self.prominence)

    def _round(self, lines: LineList, changed: FloatArray) -> Fitted:
        """Fit, in later rounds only what is near the centres that `changed` [Angstrom].

        An unknown resolving power is found in the first round, held in those that follow, and free at last.
        """
        number, template = self._number, self.template
        everything = number <= len(ROUGH) + 1
        fitted = fit_patches(
            template if number == 1 else with_known_blur(template, self.resolving_power),
            lines,
            np.ones(len(lines), dtype=bool) if everything else near_changes(lines, changed),
            self.widths,
            self.kind,
            ROUGH[number - 1] if number <= len(ROUGH) else FINE,
            resolving_power=self.resolving_power,
            tell=self._teller(f"round {number}", len(lines)),
        )
        self.resolving_power = fitted.resolving_power
        return fitted

    def _weed(self, fitted: Fitted) -> tuple[LineList, FloatArray]:
        """The lines of a fit but those that are superfluous, and the centres [Angstrom] of these."""
        gone: list[RemovedLine] = []
        lines = fitted.lines
        for without in (without_vanished, without_duplicates):
            lines, removed = without(
                self.template, fitted.model, lines, prominence=self.prominence, round_number=self._number
            )
            gone += removed
        self.removed += gone
        return lines, np.array([line.centre for line in gone])

    def _record(self, fitted: Fitted, added: int, lines: LineList, begun: float) -> None:
        """Keep the books of a round that has `begun`, and say how it went."""
        number = self._number
        reasons = [line.reason for line in self.removed if line.round == number]
        residual = rms(fitted.model - self.template.normalised)
        self.rounds.append(
            Round(
                number,
                added=added,
                vanished=reasons.count("vanished"),
                duplicates=reasons.count("duplicate"),
                n_lines=len(lines),
                residual_rms_native=residual,
                iterations=fitted.iterations,
                seconds=time.perf_counter() - begun,
            )
        )

    def _missing(self, lines: LineList, model: FloatArray) -> LineList:
        """Lines that stand out of the residual, from the most prominent on; of the next round."""
        blur = blur_of(self.template)
        for factor in STEPS[min(len(self.rounds), len(STEPS)) - 1 :]:
            found = missing_lines(
                self.template.wavelength,
                self.template.normalised,
                model,
                lines,
                self.widths,
                prominence=min(factor * self.prominence, 1.0),
                blurred_sigma=None if blur is None else blur.sigma,
            )
            if lines.floored.size:
                found = true_blends(self.template, model, found, lines, self.widths)
            if len(found):
                break
        return replace(found, round=np.full(len(found), self._number))

    def _stop(self, missing: int) -> Stop | None:
        """Why to stop adding lines; None while that helps."""
        done, more = len(self.rounds), f"{missing} more lines would be added"
        if not missing:
            return Stop(True, f"nothing is missing after {done} rounds")
        if done > len(ROUGH) + 1:
            before, after = (r.residual_rms_native for r in self.rounds[-2:])
            if after > (1 - LEAST_FALL) * before:
                share = f"{100 * LEAST_FALL:g} %"
                return Stop(True, f"round {done} lowered the residual by less than {share} ({more})")
        if done >= self.most_rounds:
            return Stop(False, f"{done} rounds were not enough ({more})")
        return None

    def _close(self, lines: LineList, stop: Stop) -> Outcome:
        """Fit all lines until that no longer helps; after the first time lines may still be removed."""
        for sweep in range(1, MOST_SWEEPS + 1):
            begun, before = time.perf_counter(), self.rounds[-1].residual_rms_native
            fitted = self._fit_all(lines)
            lines, gone = self._weed(fitted) if sweep == 1 else (fitted.lines, np.empty(0))
            self._record(fitted, 0, lines, begun)
            after = self.rounds[-1].residual_rms_native
            settled = before - after < SETTLED * max(before, NATIVE_ERROR)
            if settled and not gone.size:
                break
        share = 100 * max(1 - after / before, 0.0) if before > 0 else 0.0
        return Outcome(
            lines,
            fitted.model,
            self.resolving_power,
            self.rounds,
            self.removed,
            converged=stop.enough and settled,
            reason=f"{stop.reason}; the last fit of all lines lowered the residual by {share:.2g} %",
        )

    def _fit_all(self, lines: LineList) -> Fitted:
        """Fit all lines: together where they share something, patch by patch, which is faster, elsewhere."""
        template, blur = self.template, blur_of(self.template)
        power, tell = self.resolving_power, self._teller("all lines", len(lines))
        if blur is not None and blur.relative_error > 0:
            fitted = fit_lines(
                template,
                lines,
                self.widths,
                self.kind,
                TOGETHER,
                resolving_power=power,
                stretches=True,
                tell=tell,
            )
        else:
            every = np.ones(len(lines), dtype=bool)
            fitted = fit_patches(
                template, lines, every, self.widths, self.kind, FINE, resolving_power=power, tell=tell
            )
        self.resolving_power = fitted.resolving_power
        return fitted

    def _teller(self, stage: str, n_lines: int) -> Callable[[int, int], None]:
        """Tell whoever listens how far a fit of `n_lines` is, and how good the fit before it was."""
        residual = self.rounds[-1].residual_rms_native if self.rounds else None

        def tell(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(
                    {
                        "stage": f"clone ({self.kind}), {stage}",
                        "iteration": done,
                        "total": total,
                        "residual_rms": residual,
                        "message": f"{n_lines} lines",
                    }
                )

        return tell
