"""Priors chosen by the user and by the data, and the curve that shows what else they could be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blase.cloning import Clone
from blase.containers import EchelleSpectrum
from blase.errors import InputError
from blase.fit.priors import STELLAR
from blase.pipeline import fit_spectrum
from blase.pipeline.options import freedom
from blase.pipeline.regularisation import FREED_TELLURIC_SIGMA, Regularisation, first_widths, regularisation
from blase.pipeline.regularisation_curve import FACTORS, _representative
from blase.results.result import FitResult
from blase.simulation import Simulation

regularisation_curve = sys.modules["blase.pipeline.regularisation_curve"]


def points(result: FitResult) -> dict[float, dict[str, Any]]:
    return {point["factor"]: point for point in result.summary["regularisation_curve"]["points"]}


def with_wiggles(simulation: Simulation, amplitude: float = 0.03) -> EchelleSpectrum:
    """The spectrum under a continuum of five waves, which a polynomial of low degree cannot follow."""
    [order] = simulation.spectrum.orders
    x = np.linspace(-1, 1, len(order))
    wave = 1 + amplitude * np.sin(5 * np.pi * x)
    return replace(
        simulation.spectrum,
        orders=(replace(order, flux=order.flux * wave, uncertainty=order.uncertainty * wave),),
    )


def without_a_molecule(air: Clone) -> Clone:
    """An atmosphere that lacks every eighth line."""
    return replace(air, lines=air.lines.take(np.arange(len(air.lines)) % 8 != 1))


@pytest.fixture
def clear(two_orders: tuple[EchelleSpectrum, Clone]) -> dict[str, Any]:
    """Arguments of a quick fit where the atmosphere is clear."""
    spectrum, clone = two_orders
    return {"spectrum": spectrum, "star": clone, "orders": [0], "rv_guess": 20.0, "folds": 0}


@pytest.fixture(scope="module")
def right(simulation: Simulation, star: Clone, air: Clone) -> FitResult:
    return fit_spectrum(simulation.spectrum, star=star, telluric=air, folds=3)


def test_a_wrong_model_drives_nothing_out_of_bounds(simulation: Simulation, star: Clone, air: Clone) -> None:
    """A straight line for a continuum with waves, and telluric lines in the data that the model lacks."""
    summary = fit_spectrum(
        with_wiggles(simulation),
        star=star,
        telluric=without_a_molecule(air),
        continuum_degree=1,
        folds=0,
        curve=False,
        new_lines=False,
    ).summary
    assert summary["converged"]
    require_within_bounds(summary)
    assert summary["noise_inflation"][0] > 1.2


def require_within_bounds(summary: dict[str, Any]) -> None:
    for entry in summary["line_priors"].values():
        if entry["state"] != "frozen":
            low, high = entry["bounds"]
            assert np.isfinite(entry["width"]) and low <= entry["width"] <= high
    [inflation] = summary["noise_inflation"]
    assert 1.0 <= inflation < 3.0
    assert 0 < summary["n_effective"] < summary["n_pixels"]


def require_best_on_unseen_pixels(result: FitResult) -> None:
    heldout = {factor: point["residual_rms_heldout"] for factor, point in points(result).items()}
    assert heldout[1.0] <= 1.05 * min(heldout.values())
    assert heldout[1 / 16] > 1.5 * heldout[1.0]
    assert heldout[8.0] > heldout[1.0]
    curve = result.summary["regularisation_curve"]
    assert heldout[curve["smallest_heldout_factor"]] == min(heldout.values())
    assert curve["largest_evidence_factor"] == 1.0
    assert curve["orders"] == [0]


def test_chosen_widths_are_nearly_the_best_on_unseen_pixels(right: FitResult) -> None:
    require_within_bounds(right.summary)
    require_best_on_unseen_pixels(right)
    assert right.summary["regularisation_curve"]["heldout_fold"] == "2 of 3"


@pytest.mark.slow
def test_they_are_so_for_a_wrong_model_too(
    simulate_order: Callable[..., tuple[Simulation, Clone, Clone]],
) -> None:
    """Enough pixels that chance moves the residual of one fold less than what is asked."""
    simulation, star, air = simulate_order((8226.0, 8258.0), n_pixels=640)
    lacking = without_a_molecule(air)
    assert len(air.lines) - len(lacking.lines) >= 6
    result = fit_spectrum(
        with_wiggles(simulation), star=star, telluric=lacking, continuum_degree=1, folds=3, rv_guess=20.0
    )
    require_within_bounds(result.summary)
    require_best_on_unseen_pixels(result)


def test_wider_priors_fit_more_with_more_parameters(right: FitResult) -> None:
    curve = [points(right)[factor] for factor in FACTORS]
    residual, effective = ([p[name] for p in curve] for name in ("residual_rms", "n_effective"))
    assert residual == sorted(residual, reverse=True)
    assert effective == sorted(effective)
    chosen = points(right)[1.0]
    assert chosen["residual_rms"] == right.summary["residual_rms"]
    assert chosen["log_evidence"] == pytest.approx(right.summary["log_evidence"], abs=0.1)
    assert chosen["n_effective"] == pytest.approx(right.summary["n_effective"], rel=1e-3)


def test_a_better_prediction_elsewhere_is_a_warning(right: FitResult) -> None:
    curve = right.summary["regularisation_curve"]
    assert regularisation_curve.curve_warnings(curve) == [] == regularisation_curve.curve_warnings(None)
    at = {**points(right)[8.0], "residual_rms_heldout": 0.8 * points(right)[1.0]["residual_rms_heldout"]}
    moved = curve | {
        "points": [p if p["factor"] != 8.0 else at for p in curve["points"]],
        "smallest_heldout_factor": 8.0,
    }
    [warning] = regularisation_curve.curve_warnings(moved)
    assert "20 % better with prior widths times 8" in warning


def test_without_folds_the_curve_is_of_the_evidence_alone(clear: dict[str, Any]) -> None:
    result = fit_spectrum(**clear)
    assert {p["residual_rms_heldout"] for p in points(result).values()} == {None}
    curve = result.summary["regularisation_curve"]
    assert curve["heldout_fold"] is None and curve["smallest_heldout_factor"] is None
    off = fit_spectrum(**clear, curve=False)
    assert off.summary["regularisation_curve"] is None
    assert off.summary["residual_rms"] == pytest.approx(result.summary["residual_rms"], rel=1e-6)
    held = fit_spectrum(**clear, fix={"stellar_lines": None})
    assert held.summary["regularisation_curve"] is None


def test_some_orders_stand_for_many(
    two_orders: tuple[EchelleSpectrum, Clone], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _representative(4) == [0, 1, 2, 3] and _representative(21) == [5, 10, 15]
    spectrum, clone = two_orders
    monkeypatch.setattr(regularisation_curve, "_representative", lambda count: [1])
    alike = {"resolving_power_orders": None}
    summary = fit_spectrum(spectrum, star=clone, folds=2, rv_guess=20.0, fix=alike).summary
    curve = summary["regularisation_curve"]
    assert curve["orders"] == [1] and curve["n_orders"] == 2
    [chosen] = [p for p in curve["points"] if p["factor"] == 1.0]
    assert chosen["residual_rms"] == pytest.approx(summary["orders"][1]["residual_rms"], rel=0.05)
    assert chosen["n_effective"] == pytest.approx(summary["orders"][1]["n_effective"], rel=0.2)
    assert chosen["residual_rms_heldout"] > chosen["residual_rms"]


@pytest.mark.parametrize("shape", ["laplace", "student-t"])
def test_other_shapes_fit_about_as_well(clear: dict[str, Any], shape: str) -> None:
    normal = fit_spectrum(**clear, curve=False).summary
    result = fit_spectrum(**clear, curve=False, priors={"stellar_lines": shape})
    summary = result.summary
    assert summary["converged"]
    assert {entry["shape"] for entry in summary["line_priors"].values()} == {shape}
    assert summary["residual_rms"] == pytest.approx(normal["residual_rms"], rel=0.15)
    assert summary["radial_velocity"]["value"] == pytest.approx(normal["radial_velocity"]["value"], abs=0.15)
    assert summary["log_evidence"] < normal["log_evidence"]  # tails of what is not determined are not counted
    errors = np.asarray(result.lines["strength_error"] / result.lines["strength"])
    assert np.all((errors > 0) & (errors < 10))


def test_what_is_held_stays(clear: dict[str, Any]) -> None:
    widths = {"stellar_strength": 0.31, "stellar_centre": 0.11}
    result = fit_spectrum(**clear, curve=False, prior_widths=widths, noise_inflation=1.4)
    priors = result.summary["line_priors"]
    assert priors["stellar_strength"]["width"] == 0.31 and priors["stellar_strength"]["state"] == "held"
    assert priors["stellar_centre"]["width"] == 0.11 and priors["stellar_centre"]["hyperprior"] is None
    assert priors["stellar_gamma"]["state"] == "learned"
    assert priors["stellar_gamma"]["hyperprior"]["mode"] == STELLAR.log_gamma
    assert result.summary["noise_inflation"] == [1.4]
    assert result.summary["noise_inflation_state"] == "held"


def test_first_widths_know_what_is_freed_held_and_frozen() -> None:
    liberty = freedom({"stellar_gamma": None}, ["telluric_sigma"])
    stellar, telluric = first_widths(Regularisation(widths={"stellar_sigma": 0.05}), liberty)
    assert stellar.log_gamma == 0 and stellar.log_sigma == 0.05 and stellar.log_strength > 0
    assert telluric.log_sigma == FREED_TELLURIC_SIGMA
    assert first_widths(Regularisation(), freedom(None, None))[1].log_sigma == 0


def test_a_group_stands_for_its_free_classes() -> None:
    liberty = freedom({"stellar_gamma": None}, None)
    chosen = regularisation(
        {"stellar_lines": "laplace"}, {"telluric_lines": 0.02}, None, liberty, with_air=True
    )
    assert set(chosen.shapes) == {"stellar_centre", "stellar_strength", "stellar_sigma"}
    assert set(chosen.widths) == {"telluric_centre", "telluric_strength", "telluric_gamma"}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"priors": {"stellar_strenght": "laplace"}}, ["unknown parameter", "did you mean stellar_strength"]),
        ({"priors": {"vsini": "laplace"}}, ["unknown parameter", "vsini"]),
        (
            {"priors": {"stellar_sigma": "cauchy"}},
            ["unknown shape", "cauchy", "gaussian, laplace, student-t"],
        ),
        ({"prior_widths": {"stellar_sigma": 0.0}}, ["without any width", "--fix stellar_sigma"]),
        ({"prior_widths": {"stellar_sigma": -0.1}}, ["out of range", "-0.1", "--fix stellar_sigma"]),
        ({"prior_widths": {"stellar_sigma": float("nan")}}, ["out of range", "nan"]),
        ({"prior_widths": {"stellar_centre": 101.0}}, ["out of range", "at most 100 [km/s]"]),
        ({"prior_widths": {"telluric_gamma": 0.1}}, ["without an atmosphere", "--telluric"]),
        ({"priors": {"telluric_lines": "laplace"}}, ["without an atmosphere", "--prior of telluric_lines"]),
        (
            {"priors": {"stellar_gamma": "laplace"}, "fix": {"stellar_gamma": None}},
            ["has no effect", "drop --fix"],
        ),
        (
            {"prior_widths": {"stellar_lines": 0.1}, "fix": {"stellar_lines": None}},
            ["has no effect", "--prior-width of stellar_lines"],
        ),
        ({"noise_inflation": 0.0}, ["noise inflation is out of range", "--noise-inflation 1"]),
        ({"noise_inflation": float("inf")}, ["noise inflation is out of range"]),
    ],
)
def test_choices_that_make_no_sense(
    simulation: Simulation, star: Clone, options: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        fit_spectrum(simulation.spectrum, star=star, **options)
    for part in parts:
        assert part in str(caught.value)


def test_a_class_that_is_fixed_by_default_must_be_freed_first() -> None:
    with pytest.raises(InputError, match="add --free telluric_sigma"):
        regularisation(None, {"telluric_sigma": 0.1}, None, freedom(None, None), with_air=True)
    free = freedom(None, ["telluric_sigma"])
    assert regularisation(None, {"telluric_sigma": 0.1}, None, free, with_air=True).widths == {
        "telluric_sigma": 0.1
    }


def test_a_freed_telluric_sigma_is_learned(simulation: Simulation, star: Clone, air: Clone) -> None:
    result = fit_spectrum(
        simulation.spectrum,
        star=star,
        telluric=air,
        free=["telluric_sigma"],
        fix={"stellar_lines": None},
        folds=0,
        curve=False,
        rv_guess=20.0,
    )
    entry = result.summary["line_priors"]["telluric_sigma"]
    assert entry["state"] != "frozen"
    assert entry["width"] != FREED_TELLURIC_SIGMA
    assert entry["bounds"] == [FREED_TELLURIC_SIGMA / 4, 4 * FREED_TELLURIC_SIGMA]
