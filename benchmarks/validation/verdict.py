"""Judge what was found: every demand with its number, the standard error of that, and how many draws it has.

Lines of one draw share noise, velocity and widths, so that every number is an average over draws of what each
gives, and its error follows from the scatter from draw to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from validation.lines import NUMBERS
from validation.record import GLOBALS, Record

FloatArray = NDArray[np.float64]
STRONG = 0.020
"""True equivalent width [Angstrom] from which a line is strong."""
ALONE = 0.1
"""A line is blended where its neighbours add up to more than this share of its own equivalent width."""
COVERAGE = (0.65, 0.71)
TRUTH, VALUE, ERROR, BOUND = range(4)


@dataclass(frozen=True)
class Criterion:
    """A `number` with its standard `error` from so many `draws`, and the limits that it must keep."""

    name: str
    number: float
    error: float
    draws: int
    low: float
    high: float

    @property
    def passed(self) -> bool:
        """Whether the number keeps its limits; one that is not known does not."""
        return bool(self.low <= self.number <= self.high)

    def describe(self) -> str:
        """One line of a table."""
        verdict = "PASS" if self.passed else "FAIL"
        limits = f"{self.low:.4g} to {self.high:.4g}" if np.isfinite(self.low) else f"<= {self.high:.4g}"
        return (
            f"| {self.name} | {self.number:.4f} +- {self.error:.4f} | {limits} | {self.draws} | {verdict} |"
        )


def judge(records: list[Record], *, bright: bool) -> list[Criterion]:
    """Every criterion; that of equivalent widths where the spectra are `bright`."""
    found = [_coverage(name, [_inside_global(r, name) for r in records]) for name in GLOBALS]
    for group, some in GROUPS.items():
        for name in NUMBERS:
            inside = [_inside_lines(r, name, some(r)) for r in records]
            found.append(_coverage(f"{name.replace('_', ' ')} of {group} lines", inside))
    found.append(_limits([_limit_holds(r) for r in records]))
    found.extend(_radial_velocity(np.array([r["radial_velocity"] for r in records])))
    if bright:
        found.append(_equivalent_widths(records))
    found.extend(_strengths(records, group, some) for group, some in (GROUPS | {"all": _all}).items())
    return found


def _alone(record: Record) -> NDArray[np.bool_]:
    return record["neighbours"] < ALONE


def _strong(record: Record) -> NDArray[np.bool_]:
    return record["width"] >= STRONG


def _all(record: Record) -> NDArray[np.bool_]:
    return np.ones_like(record["width"], dtype=bool)


GROUPS: dict[str, Callable[[Record], NDArray[np.bool_]]] = {
    "strong": lambda record: _strong(record) & _alone(record),
    "weak": lambda record: ~_strong(record) & _alone(record),
    "blended": lambda record: ~_alone(record),
}
"""Which lines (n,) of a draw belong to which group."""


def _mean(values: list[float] | FloatArray) -> tuple[float, float, int]:
    """Mean, its standard error and how many there are, of those that are known."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if known.size < 2:
        return np.nan, np.nan, known.size
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(known.size)), known.size


def _pooled(parts: list[tuple[float, int]]) -> tuple[float, float, int]:
    """Mean of all lines of all draws, from the sum and the number of each draw, and its standard error."""
    total = np.array([part for part in parts if part[1] > 0], dtype=np.float64)
    if len(total) < 2:
        return np.nan, np.nan, len(total)
    mean = float(total[:, 0].sum() / total[:, 1].sum())
    rest = total[:, 0] - mean * total[:, 1]
    error = np.sqrt((rest**2).sum() * len(total) / (len(total) - 1)) / total[:, 1].sum()
    return mean, float(error), len(total)


def _coverage(name: str, parts: list[tuple[float, int]]) -> Criterion:
    return Criterion(f"68 % interval covers {name.replace('_', ' ')}", *_pooled(parts), *COVERAGE)


def _inside_global(record: Record, name: str) -> tuple[float, int]:
    truth, value, error, _ = record[name]
    return float(abs(value - truth) < error), int(np.isfinite(error))


def _inside_lines(record: Record, name: str, some: NDArray[np.bool_]) -> tuple[float, int]:
    off, error = record[f"off_{name}"][some], record[f"error_{name}"][some]
    known = np.isfinite(off) & (error > 0)
    return float((np.abs(off) < error)[known].sum()), int(known.sum())


def _limit_holds(record: Record) -> tuple[float, int]:
    return float(record["vsini"][TRUTH] < record["limit"]), int(np.isfinite(record["limit"]))


def _limits(parts: list[tuple[float, int]]) -> Criterion:
    """Of draws where rotation is not seen; not among what is asked for, but part of the answer on vsini."""
    return Criterion("95 % limit of vsini holds", *_pooled(parts), 0.92, 1.0)


def _radial_velocity(found: FloatArray) -> Iterator[Criterion]:
    """Bias, reported error and scatter of radial velocities `found` (n, 4), the latter two over the bound."""
    off = found[:, VALUE] - found[:, TRUTH]
    yield Criterion("mean bias of RV over its error", *_mean(off / found[:, ERROR]), -0.1, 0.1)
    ratio = _mean(found[:, ERROR] / found[:, BOUND])
    yield Criterion("reported error of RV over the bound", *ratio, -np.inf, 1.05)
    squared, error, count = _mean((off / found[:, BOUND]) ** 2)
    scatter = float(np.sqrt(squared))
    yield Criterion("scatter of RV over the bound", scatter, error / (2 * scatter), count, -np.inf, 1.10)


def _equivalent_widths(records: list[Record]) -> Criterion:
    parts = []
    for r in records:
        some = _strong(r) & _alone(r)
        relative = r["off_equivalent_width"][some] / r["width"][some]
        parts.append((float(relative.sum()), relative.size))
    name = "bias of equivalent widths, unblended lines of 20 mA and more"
    return Criterion(name, *_pooled(parts), -0.01, 0.01)


def _strengths(records: list[Record], group: str, some: Callable[[Record], NDArray[np.bool_]]) -> Criterion:
    """Root mean square error of ln(strength) over that of the template."""
    after = _pooled([_squares(r["off_strength"][some(r)]) for r in records])
    before = _pooled([_squares(r["template_off_strength"][some(r)]) for r in records])
    ratio = float(np.sqrt(after[0] / before[0]))
    error = 0.5 * ratio * float(np.hypot(after[1] / after[0], before[1] / before[0]))
    name = f"error of strengths over the template's, {group} lines"
    return Criterion(name, ratio, error, after[2], -np.inf, 1.0)


def _squares(values: FloatArray) -> tuple[float, int]:
    return float((values**2).sum()), values.size


def table(verdicts: dict[str, list[Criterion]]) -> Iterator[str]:
    """All of them, as a table in Markdown for every kind of spectrum."""
    for name, criteria in verdicts.items():
        yield f"\n{name}\n\n| criterion | number | demanded | draws | |\n|---|---|---|---|---|"
        yield from (criterion.describe() for criterion in criteria)
    every = [criterion for criteria in verdicts.values() for criterion in criteria]
    yield f"\n{sum(c.passed for c in every)} of {len(every)} criteria hold"
