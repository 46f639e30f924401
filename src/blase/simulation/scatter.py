"""How a real star differs from its template: every line is a little wrong, and a few are not there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList


@dataclass(frozen=True, kw_only=True)
class LineScatter:
    """Standard deviations of the independent Gaussian errors of a template's lines.

    `strength`, `sigma`, `gamma` [dex]; `centre` [km/s]; `missing` the fraction of lines the star lacks.
    """

    strength: float = 0.2
    sigma: float = 0.1
    gamma: float = 0.1
    centre: float = 0.15
    missing: float = 0.03


EXACT = LineScatter(strength=0.0, sigma=0.0, gamma=0.0, centre=0.0, missing=0.0)
"""A template without error."""

STELLAR = LineScatter()
"""Errors of a theoretical stellar template."""

TELLURIC = LineScatter(strength=0.03, sigma=0.0, gamma=0.0, centre=0.0, missing=0.0)
"""Errors of a telluric template, beside the common factor on all its strengths."""


@dataclass(frozen=True, eq=False)
class TrueLines:
    """The lines behind a simulation, as many as in the template, sorted by their true centre.

    `lines` their true parameters, which a missing line would have had; `missing` (n,) True where the line is
    not in the spectrum; `template_index` (n,) place of each in the template's list:
    `template.centre[template_index]` pairs with `lines.centre`.
    """

    lines: LineList
    missing: NDArray[np.bool_]
    template_index: NDArray[np.intp]

    def present(self) -> LineList:
        """The lines that are in the spectrum."""
        return self.lines.take(~self.missing)

    def strength(self) -> NDArray[np.float64]:
        """True strength (n,) [Angstrom]: zero where the line is missing."""
        return np.where(self.missing, 0.0, self.lines.strength)


def scatter_lines(
    template: LineList, scatter: LineScatter, rng: np.random.Generator, *, strength_factor: float = 1.0
) -> TrueLines:
    """Draw the true lines of which `template` is an imperfect copy; all strengths times `strength_factor`."""
    n = len(template)
    strength, sigma, gamma, centre = rng.standard_normal((4, n))
    missing = rng.uniform(size=n) < scatter.missing
    true_centre = template.centre * (1 + scatter.centre * centre / SPEED_OF_LIGHT)
    order = np.argsort(true_centre, kind="stable")
    lines = replace(
        template,
        centre=true_centre,
        strength=template.strength * strength_factor * 10 ** (scatter.strength * strength),
        sigma=template.sigma * 10 ** (scatter.sigma * sigma),
        gamma=template.gamma * 10 ** (scatter.gamma * gamma),
    )
    return TrueLines(lines, missing[order], order)
