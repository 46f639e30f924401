"""Macroturbulence: held, freed, and what a fit without it makes of the wings of lines."""

from __future__ import annotations

import numpy as np
import pytest

from blase.cloning import Clone, clone_template
from blase.pipeline import fit_spectrum
from blase.results.result import FitResult
from blase.simulation import Simulation, simulate_observation
from blase.simulation.scatter import EXACT
from blase.templates.embedded import embedded_lines
from blase.templates.template import LineTemplate

ZETA, VSINI, SPAN = 5.0, 1.5, (8226.0, 8242.0)
"""Of the simulated star [km/s], and its wavelengths."""


@pytest.fixture(scope="module")
def stirred() -> tuple[Simulation, Clone]:
    lines = embedded_lines("star", wavelength_range=(SPAN[0] - 40, SPAN[1] + 40))
    seen = simulate_observation(
        lines,
        seed=3,
        wavelength_range=SPAN,
        n_pixels=640,
        radial_velocity=0.0,
        vsini=VSINI,
        macroturbulence=ZETA,
        resolving_power=100_000.0,
        signal_to_noise=300.0,
        line_scatter=EXACT,
    )
    return seen, clone_template(LineTemplate("embedded star", lines.in_range(SPAN[0] - 12, SPAN[1] + 12)))


def fit(stirred: tuple[Simulation, Clone], **more: float | None) -> FitResult:
    """Lines held at the truth in shape, free in strength; vsini and resolving power known."""
    free = [name for name, value in more.items() if value is None]
    given = {name: value for name, value in more.items() if value is not None}
    held = {"vsini": VSINI, "resolving_power": 100_000.0, "stellar_sigma": None, "stellar_gamma": None}
    return fit_spectrum(
        stirred[0].spectrum, star=stirred[1], folds=0, curve=False, fix={**held, **given}, free=free
    )


def test_a_freed_one_is_found_with_its_error(stirred: tuple[Simulation, Clone]) -> None:
    result = fit(stirred, macroturbulence=None)
    found = result.summary["macroturbulence"]
    assert found["value"] == pytest.approx(ZETA, abs=4 * found["error"]) and 0 < found["error"] < 0.2
    assert found["unit"] == "km/s" and "macroturbulence" in result.summary["correlation"]["names"]


def test_held_at_the_truth_lines_are_as_strong_as_they_are(stirred: tuple[Simulation, Clone]) -> None:
    result = fit(stirred, macroturbulence=ZETA)
    found = result.summary["macroturbulence"]
    assert found["value"] == pytest.approx(ZETA, rel=1e-12) and found["fixed"]
    strength, cloned, error = (
        np.asarray(result.lines[f"strength{part}"].value) for part in ("", "_cloned", "_error")
    )
    seen = (strength > 20 * error) & (result.lines["origin"] == "stellar")
    pull = (np.log(strength / cloned) * strength / error)[seen]
    assert seen.sum() > 5 and np.abs(pull).max() < 4 and abs(pull.mean()) < 3 / np.sqrt(seen.sum())


def test_without_it_the_evidence_is_far_smaller(stirred: tuple[Simulation, Clone]) -> None:
    without, with_it = fit(stirred), fit(stirred, macroturbulence=ZETA)
    assert "macroturbulence" not in without.summary
    assert with_it.summary["log_evidence"] > without.summary["log_evidence"] + 20
    assert without.summary["residual_rms"] > with_it.summary["residual_rms"]
