"""Where the passes of a fit end: at widths of the priors with which the evidence is content."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blase.cloning import Clone
from blase.fit.evidence import Evidence, log_evidence
from blase.fit.normal_equations import NormalEquations
from blase.fit.priors import LinePriorWidths
from blase.pipeline.analysis import analyse
from blase.pipeline.build import Settings, within_reach
from blase.pipeline.options import freedom
from blase.pipeline.prepare import Pixels, to_pixels
from blase.pipeline.prior_widths import HYPERPRIOR_LINES, learned
from blase.pipeline.solve import Solved, solve
from blase.pipeline.state import Start
from blase.simulation import Simulation

FIRST = LinePriorWidths(centre_shift=0.6, log_strength=0.3, log_sigma=0.5, log_gamma=0.6)
"""Far from the 0.15 km/s, 0.46, 0.23 and 0.23 that the simulated star was drawn with."""


@pytest.fixture(scope="module")
def fit(simulation: Simulation, star: Clone, air: Clone) -> tuple[list[Pixels], Settings, Solved]:
    pixels = [to_pixels(order) for order in simulation.spectrum.orders]
    liberty = freedom(None, None)
    settings = Settings(star, air, 20.0, 8.0, 0.0, 55_000.0, 1650.0, 0.6, 3, liberty, stellar_prior=FIRST)
    settings = within_reach(settings, pixels)
    return pixels, settings, solve(pixels, settings)


def test_another_pass_would_not_change_them(fit: tuple[list[Pixels], Settings, Solved]) -> None:
    _, settings, solved = fit
    analysis = analyse(solved.objective, solved.solution, 1e-4)
    assert isinstance(analysis.normal, NormalEquations)
    evidence = Evidence(solved.objective, solved.solution.z, analysis.normal, analysis.posterior)
    now, air = solved.state.stellar_prior, solved.state.telluric_prior
    space, chosen = solved.objective.space, settings.regularisation
    after = learned(evidence, space, "stellar", now, FIRST, chosen)
    np.testing.assert_allclose(after.array(), now.array(), rtol=0.02)
    assert np.abs(np.log(now.array() / FIRST.array())).max() > 0.5
    after = learned(evidence, space, "telluric", air, settings.telluric_prior, chosen)
    np.testing.assert_allclose(after.array(), air.array(), rtol=0.02)


@pytest.mark.parametrize("kind", ["centre_shift", "log_strength"])
def test_wider_and_narrower_ones_are_less_likely(
    fit: tuple[list[Pixels], Settings, Solved], kind: str
) -> None:
    """The evidence of fits at other widths, times the hyperprior: it is largest where learning ended."""
    pixels, settings, solved = fit
    width = getattr(solved.state.stellar_prior, kind)

    def value(factor: float) -> float:
        prior = replace(solved.state.stellar_prior, **{kind: factor * width})
        found = solve(pixels, settings, start=replace(solved.state, stellar_prior=prior), fixed=True)
        logarithm = log_evidence(found.objective, found.solution.z, found.posterior.log_determinant)
        ratio = getattr(FIRST, kind) / (factor * width)
        return logarithm - HYPERPRIOR_LINES * (0.5 * ratio**2 - np.log(ratio))

    low, middle, high = (value(factor) for factor in (1 / 1.3, 1.0, 1.3))
    peak = 0.5 * (low - high) / (low - 2 * middle + high)  # of the parabola, in steps of ln(1.3)
    assert middle > max(low, high)
    assert abs(peak) * np.log(1.3) < 0.1


def test_a_width_on_its_way_has_not_settled() -> None:
    noise, air = np.ones(2), LinePriorWidths(0.03, 0.2, 0.0, 0.15)
    before = Start(None, noise, FIRST, air, np.ones(9))
    for after, settled in (
        (before, True),
        (replace(before, noise_inflation=1.05 * noise), False),
        (replace(before, stellar_prior=replace(FIRST, log_gamma=1.01 * FIRST.log_gamma)), True),
        (replace(before, stellar_prior=replace(FIRST, log_gamma=1.05 * FIRST.log_gamma)), False),
        (replace(before, telluric_prior=replace(air, centre_shift=0.95 * air.centre_shift)), False),
    ):
        assert after.settled(before) == settled
