"""A small fit made by hand: two orders, a few lines, known residuals; nothing of the fitting code is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from astropy import units as u
from astropy.table import QTable

from blase.results.result import FitResult, OrderFit

TRIPLES = {"centre_shift": u.km / u.s, "strength": u.AA, "sigma": u.km / u.s, "gamma": u.km / u.s}


def make_order(row: int, *, n: int = 300, start: float = 8600.0, seed: int = 0) -> OrderFit:
    """An order with one stellar and one telluric line, noise of 1 sigma and ten masked pixels."""
    generator = np.random.default_rng(seed)
    wavelength = start + 0.05 * np.arange(n)
    star = 1 - 0.5 * np.exp(-0.5 * ((wavelength - start - 5.0) / 0.2) ** 2)
    telluric = 1 - 0.3 * np.exp(-0.5 * ((wavelength - start - 10.0) / 0.1) ** 2)
    continuum = 1000.0 + 2.0 * np.arange(n)
    model = star * telluric * continuum
    uncertainty = np.full(n, 5.0)
    flux = model + uncertainty * generator.standard_normal(n)
    mask = np.zeros(n, dtype=bool)
    mask[100:107] = True
    mask[-3:] = True
    flux[-3:] = np.nan
    return OrderFit(
        row=row,
        wavelength=wavelength,
        flux=flux,
        uncertainty=uncertainty,
        mask=mask,
        model=model,
        star=star,
        telluric=telluric,
        continuum=continuum,
        telluric_free=flux / telluric,
        flux_unit="electron",
    )


def make_lines() -> QTable:
    """Four lines: two stellar, one telluric, one added; the second stellar line moved by far the most."""
    table = QTable()
    table["line_id"] = np.arange(4)
    table["origin"] = ["stellar", "stellar", "telluric", "stellar"]
    table["status"] = ["cloned", "cloned", "cloned", "added"]
    table["centre"] = [8602.0, 8605.0, 8610.0, 8612.0] * u.AA
    table["centre_error"] = np.full(4, np.nan) * u.AA
    table["centre_cloned"] = [8602.0, 8605.0, 8610.0, np.nan] * u.AA
    values = {
        "centre_shift": ([0.0, 0.4, 0.0, 0.0], [0.0, 0.0, 0.0, np.nan]),
        "strength": ([0.02, 0.30, 0.06, 0.01], [0.02, 0.15, 0.05, np.nan]),
        "sigma": ([1.5, 2.0, 0.5, 1.5], [1.5, 1.8, 0.5, np.nan]),
        "gamma": ([0.2, 0.3, 0.6, 0.1], [0.2, 0.3, 0.6, np.nan]),
    }
    for name, unit in TRIPLES.items():
        value, cloned = values[name]
        table[name] = value * unit
        table[f"{name}_error"] = np.full(4, np.nan) * unit
        table[f"{name}_cloned"] = cloned * unit
    table["equivalent_width"] = [0.019, 0.12, 0.05, 0.0098] * u.AA
    table["equivalent_width_error"] = np.full(4, np.nan) * u.AA
    table["blend_id"] = [0, 1, 2, 2]
    table["prior_dominated"] = [True, False, False, True]
    table["order"] = [5, 5, 5, 5]
    return table


def make_summary() -> dict[str, Any]:
    """A summary with every key of the schema; errors are null, one number is not finite."""
    return {
        "target": "HD <1> & co",
        "radial_velocity": {"value": -9.6123, "error": None, "unit": "km/s"},
        "radial_velocity_barycentric": {"value": None, "error": None, "unit": "km/s"},
        "vsini": {"value": 1.1, "error": None, "unit": "km/s", "upper_limit_95": 2.4},
        "resolving_power": {"value": 55321.0, "error": None, "unit": "", "prior_dominated": True},
        "correlation": None,
        "frame": "observatory",
        "chi2_reduced": 1.21,
        "n_pixels": np.int64(580),
        "n_masked": 20,
        "n_parameters": 400,
        "n_effective": 61.5,
        "n_lines": {"stellar": 2, "telluric": 1, "added": 1, "dropped": 0},
        "line_search": [{"added": 1, "removed": 0, "dropped": 0, "gain": 9.5, "accepted": True}],
        "residual_rms": np.float64(0.0047),
        "residual_rms_heldout": float("nan"),
        "noise_inflation": [1.1, 1.0],
        "line_priors": {
            "stellar_centre": {
                "shape": "student-t",
                "width": 1.2,
                "unit": "km/s",
                "state": "at upper bound",
                "bounds": [0.075, 1.2],
                "hyperprior": {"family": "scaled inverse chi-square", "mode": 0.3, "weight_in_lines": 2.0},
            },
            "stellar_strength": {
                "shape": "gaussian",
                "width": 0.31,
                "unit": "ln",
                "state": "held",
                "bounds": None,
                "hyperprior": None,
            },
        },
        "regularisation_curve": make_curve(),
        "blends": [
            {
                "blend": 1,
                "lines": ["1", "3"],
                "centre": 8608.1,
                "equivalent_width": {"value": 0.01234, "error": 0.0011, "unit": "Angstrom"},
            }
        ],
        "stop_reason": "the objective changed by less than 1e-6",
        "converged": True,
        "wall_seconds": None,
        "stages": {},
        "versions": {"blase": "0.1.0", "numpy": np.__version__},
        "inputs": {"spectrum": {"path": "/data/<script>alert(1)</script>.fits", "sha256": "ab" * 32}},
        "warnings": ["the flux of 3 pixels was not finite"],
        "notes": ["the blaze was divided out"],
    }


def make_curve() -> dict[str, Any]:
    """A regularisation curve of one order of two, best on unseen pixels beside the chosen point."""
    numbers = [(0.0625, -900.0, 0.02, 0.03), (1.0, 40.0, 0.0047, 0.0081), (8.0, 35.5, 0.003, 0.0078)]
    names = ("factor", "log_evidence", "residual_rms", "residual_rms_heldout")
    return {
        "points": [dict(zip(names, row, strict=True)) | {"n_effective": 10.0} for row in numbers],
        "chosen_factor": 1.0,
        "largest_evidence_factor": 1.0,
        "smallest_heldout_factor": 8.0,
        "orders": [5],
        "n_orders": 2,
        "heldout_fold": "3 of 5",
    }


def make_template() -> QTable:
    """A template of five samples, uniform in ln(wavelength)."""
    table = QTable()
    table["wavelength"] = np.exp(np.linspace(np.log(8600.0), np.log(8601.0), 5)) * u.AA
    table["normalised"] = np.linspace(0.5, 1.0, 5)
    table["continuum"] = np.full(5, 2.0) * u.electron
    table["uncertainty"] = np.full(5, np.nan)
    return table


def make_result(**changes: Any) -> FitResult:
    """The whole result; keyword arguments replace fields of `FitResult`."""
    fields: dict[str, Any] = {
        "summary": make_summary(),
        "lines": make_lines(),
        "orders": (make_order(5), make_order(7, start=8700.0, seed=1)),
        "template": make_template(),
        "state": {"star.centre": torch.arange(3.0, dtype=torch.float64)[:, None].expand(3, 2).t()},
        "convergence": [
            {"stage": "all", "iteration": i, "objective": 100.0 / (i + 1), "residual_rms": 0.01}
            for i in range(80)
        ],
    }
    return FitResult(**{**fields, **changes})


@pytest.fixture(scope="session")
def result_factory() -> Callable[..., FitResult]:
    """Return the function that makes the result."""
    return make_result


@pytest.fixture(scope="session")
def order_factory() -> Callable[..., OrderFit]:
    """Return the function that makes an order."""
    return make_order
