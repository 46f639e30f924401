"""What a fit of a simulated order says: summary, components, template, and how near it is to the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import units as u

from blase.constants import SPEED_OF_LIGHT
from blase.containers.json_text import to_line
from blase.results.result import FitResult
from blase.simulation import Simulation

PARAMETERS = {"radial_velocity", "vsini", "resolving_power", "resolving_power_effective", "wind_velocity"}
KEYS = {
    "radial_velocity_barycentric",
    "correlation",
    "frame",
    "chi2_reduced",
    "n_pixels",
    "n_masked",
    "n_parameters",
    "n_effective",
    "n_lines",
    "residual_rms",
    "residual_rms_heldout",
    "noise_inflation",
    "stop_reason",
    "wall_seconds",
    "stages",
    "versions",
    "inputs",
}


def test_summary_has_every_key(fitted: FitResult) -> None:
    summary = fitted.summary
    assert summary.keys() >= PARAMETERS | KEYS
    for name in PARAMETERS | {"radial_velocity_barycentric"}:
        assert summary[name].keys() >= {"value", "error", "unit"}
        if "upper_limit_95" in summary[name] or summary[name].get("fixed"):
            assert summary[name]["error"] is None
        else:
            assert summary[name]["error"] > 0
        assert math.isfinite(summary[name]["value"])
    assert summary["radial_velocity"]["unit"] == summary["vsini"]["unit"] == "km/s"
    assert summary["n_lines"].keys() == {"stellar", "telluric", "added", "dropped"}
    assert summary["inputs"].keys() == {"spectrum", "star", "telluric"}
    assert summary["inputs"]["spectrum"].keys() >= {"path", "sha256"}
    assert {"python", "blase-echelle", "torch", "numpy"} <= summary["versions"].keys()
    assert summary["frame"] == "observatory" and summary["seed"] == 7
    assert "NaN" not in to_line(summary)


def test_counts(fitted: FitResult, simulation: Simulation) -> None:
    summary, order = fitted.summary, simulation.spectrum.orders[0]
    assert summary["n_pixels"] == order.n_good == len(order) - 5
    assert summary["n_masked"] == 5
    n_lines = summary["n_lines"]
    assert summary["n_parameters"] > 4 * n_lines["stellar"] + 3 * n_lines["telluric"]
    assert 10 < summary["n_effective"] < min(summary["n_pixels"], summary["n_parameters"])
    assert summary["wall_seconds"] == pytest.approx(sum(summary["stages"].values()))


def test_residuals_follow_from_the_order(fitted: FitResult) -> None:
    [order] = fitted.orders
    good = ~order.mask
    r = (order.flux / order.model - 1)[good]
    w = ((order.model / order.uncertainty) ** 2)[good]
    assert fitted.summary["residual_rms"] == pytest.approx(np.sqrt((w * r**2).sum() / w.sum()))
    chi2 = (((order.flux - order.model) / order.uncertainty)[good] ** 2).sum()
    free = fitted.summary["n_pixels"] - fitted.summary["n_effective"]
    assert fitted.summary["chi2_reduced"] == pytest.approx(chi2 / free)


def test_correlation_is_one(fitted: FitResult) -> None:
    matrix = np.array(fitted.summary["correlation"]["matrix"])
    names = fitted.summary["correlation"]["names"]
    assert names[:3] == ["radial_velocity", "vsini", "resolving_power"] and len(names) == 3
    np.testing.assert_allclose(np.diag(matrix), 1.0)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_near_the_truth(fitted: FitResult, simulation: Simulation) -> None:
    summary, truth = fitted.summary, simulation.truth
    assert fitted.converged
    assert summary["radial_velocity"]["value"] == pytest.approx(truth.radial_velocity, abs=0.3)
    assert summary["vsini"]["value"] == pytest.approx(truth.vsini, abs=1.0)
    assert summary["wind_velocity"]["value"] == pytest.approx(truth.wind_velocity, abs=0.3)
    [order] = fitted.orders
    noise = 1 / np.sqrt(np.mean((order.model / order.uncertainty)[~order.mask] ** 2))
    assert summary["residual_rms"] == pytest.approx(noise, rel=0.2)
    assert summary["residual_rms"] < summary["residual_rms_heldout"] < 2 * summary["residual_rms"]


def test_barycentric_velocity(fitted: FitResult) -> None:
    observed, berv = fitted.summary["radial_velocity"]["value"], -12.5
    wanted = SPEED_OF_LIGHT * ((1 + observed / SPEED_OF_LIGHT) * (1 + berv / SPEED_OF_LIGHT) - 1)
    assert fitted.summary["radial_velocity_barycentric"]["value"] == pytest.approx(wanted, abs=2e-3)


def test_effective_resolving_power(fitted: FitResult) -> None:
    """Variances of line spread and pixel add; a pixel of width d has variance d^2 / 12."""
    [order] = fitted.orders
    pixel = np.median(np.gradient(np.log(order.wavelength)))
    alone = fitted.summary["resolving_power"]["value"]
    to_fwhm = np.sqrt(8 * np.log(2))
    wanted = 1 / np.hypot(1 / alone, to_fwhm * pixel / np.sqrt(12))
    assert fitted.summary["resolving_power_effective"]["value"] == pytest.approx(wanted, rel=1e-3)


def test_components_against_the_truth(fitted: FitResult, simulation: Simulation) -> None:
    """The telluric-free spectrum is what the star alone would have shown, to the noise."""
    [order], truth = fitted.orders, simulation.truth
    good = ~order.mask
    star_alone = truth.star * truth.continuum
    error = order.uncertainty * star_alone / truth.flux
    pull = ((order.telluric_free - star_alone) / error)[good]
    assert np.sqrt(np.mean(pull**2)) < 1.3
    deep = good & (truth.telluric < 0.9)
    assert deep.sum() > 10
    uncorrected = ((order.flux - star_alone) / error)[deep]
    assert np.sqrt(np.mean(uncorrected**2)) > 3 * np.sqrt(np.mean(pull[deep[good]] ** 2))
    np.testing.assert_allclose(
        order.telluric_free[good] * order.model[good],
        order.flux[good] * order.star[good] * order.continuum[good],
        rtol=1e-12,
    )
    assert np.isnan(order.flux[order.mask]).all() and np.isfinite(order.model).all()


def test_super_resolution_template(fitted: FitResult) -> None:
    table = fitted.template
    assert {"wavelength", "normalised", "uncertainty", "continuum"} <= set(table.colnames)
    assert table["wavelength"].unit == u.AA
    steps = np.diff(np.log(table["wavelength"].value))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert SPEED_OF_LIGHT * steps[0] < 0.3
    rest = np.array([8226.0, 8242.0]) * (1 - fitted.summary["radial_velocity"]["value"] / SPEED_OF_LIGHT)
    np.testing.assert_allclose(table["wavelength"].value[[0, -1]], rest, atol=0.06)
    assert 0 < table["normalised"].min() < 0.7 and table["normalised"].max() <= 1
