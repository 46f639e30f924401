"""Lines of one molecule of the air share their strength; lines of another do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blase.cloning import Clone
from blase.cloning.template_model import voigt_lines
from blase.pipeline import fit_spectrum
from blase.results.catalogue import line_catalogue, select_lines
from blase.results.result import FitResult
from blase.simulation import Simulation

FACTORS = {"H2O": 1.0, "O2": 1.5}
"""True strengths over those of the clone, but for the `telluric_factor` that all of them share."""


@pytest.fixture(scope="module")
def mixture(simulation: Simulation, star: Clone, air: Clone) -> tuple[FitResult, Clone]:
    """Every second line of the air called oxygen, and cloned too weak."""
    count = len(air.lines)
    species = np.array(["H2O", "O2"])[np.arange(count) % 2]
    strength = air.lines.strength / np.array([FACTORS[name] for name in species])
    clone = replace(air, lines=replace(air.lines, species=species, strength=strength))
    result = fit_spectrum(
        simulation.spectrum, star=star, telluric=clone, folds=0, curve=False, new_lines=False, seed=1
    )
    return result, clone


def test_each_molecule_has_a_scale_of_its_own(
    mixture: tuple[FitResult, Clone], simulation: Simulation
) -> None:
    summary = mixture[0].summary
    assert "telluric_strength_scale" not in summary
    for name, factor in FACTORS.items():
        scale = summary[f"telluric_strength_scale_{name}"]
        true = factor * simulation.truth.telluric_factor
        assert scale["value"] == pytest.approx(true, abs=max(3 * scale["error"], 0.03))
        assert 0 < scale["error"] < 0.2


def test_weak_lines_follow_the_strong_ones_of_their_molecule(
    mixture: tuple[FitResult, Clone], simulation: Simulation
) -> None:
    lines = mixture[0].lines
    air = lines[np.asarray(lines["origin"]) == "telluric"]
    air = air[(np.asarray(air["order"]) >= 0) & np.asarray(air["prior_dominated"])]
    assert len(air) > 3
    factor = simulation.truth.telluric_factor * np.array([FACTORS[name] for name in air["species"]])
    ratio, error = (np.asarray(air[name] / air["strength_cloned"]) for name in ("strength", "strength_error"))
    assert np.all(error > 0)
    assert np.sqrt(np.mean(((ratio - factor) / error) ** 2)) < 2


def test_the_table_of_lines_names_molecules(mixture: tuple[FitResult, Clone]) -> None:
    result, clone = mixture
    of_oxygen = select_lines(line_catalogue(result), species="O2")
    assert set(np.asarray(of_oxygen["origin"])) == {"telluric"}
    assert np.isin(of_oxygen["centre"].value.round(0), clone.lines.centre.round(0)).all()
    assert not len(select_lines(line_catalogue(result), species="O2", origin="stellar"))


def test_a_molecule_keeps_its_scale_where_it_has_no_line(mixture: tuple[FitResult, Clone]) -> None:
    """Some orders of a fit are fitted again alone: their parameters must be those of the whole."""
    lines = mixture[1].lines
    module = voigt_lines(lines.take(lines.species == "H2O"), species=("H2O", "O2"))
    assert module.species == ("H2O", "O2")
    assert [which.numel() for _, which in module.strength_scales()] == [len(module), 0]
    assert not voigt_lines(lines, species=("H2O",)).species  # one alone is what all lines share


def test_the_curve_runs_over_molecules_and_airglow(
    simulation: Simulation, star: Clone, mixture: tuple[FitResult, Clone], tmp_path: Path
) -> None:
    (tmp_path / "sky.txt").write_text("wavelength intensity\n8230.0 1\n8236.0 1\n")
    result = fit_spectrum(
        simulation.spectrum,
        star=star,
        telluric=mixture[1],
        airglow="free",
        airglow_list=tmp_path / "sky.txt",
        folds=2,
        new_lines=False,
    )
    assert len(result.summary["regularisation_curve"]["points"]) > 2
    for row in result.summary["airglow"]:  # where none shines
        assert abs(row["flux"]) < 4 * row["error"]


def test_shared_scales_may_be_held(simulation: Simulation, star: Clone, air: Clone) -> None:
    result = fit_spectrum(
        simulation.spectrum, star=star, telluric=air, fix={"telluric_scales": None}, folds=0, curve=False
    )
    assert result.summary["telluric_strength_scale"]["fixed"]
    assert result.summary["telluric_gamma_scale"]["fixed"]
