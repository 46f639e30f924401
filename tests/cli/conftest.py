"""A written fit for the commands that show one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from blase.results.result import FitResult, OrderFit


def flat_order() -> OrderFit:
    """Row 3: 200 pixels of noise about a flat model."""
    wavelength, ones = np.linspace(8599, 8611, 200), np.ones(200)
    noise = 0.01 * np.random.default_rng(0).standard_normal(200)
    names = ("model", "star", "telluric", "continuum", "telluric_free")
    return OrderFit(
        row=3,
        wavelength=wavelength,
        flux=ones + noise,
        uncertainty=0.01 * ones,
        mask=np.zeros(200, dtype=bool),
        **dict.fromkeys(names, ones),
    )


def make_fit() -> FitResult:
    """A fit of three stellar lines and a telluric one."""
    lines = QTable()
    lines["line_id"] = ["S00000", "S00001", "T00000", "S00002"]
    lines["origin"] = ["stellar", "stellar", "telluric", "stellar"]
    lines["status"] = ["cloned"] * 4
    lines["order"], lines["blend"], lines["blend_id"] = np.zeros(4, int), np.zeros(4, int), np.full(4, -1)
    lines["prior_dominated"] = [False, False, False, True]
    columns = {
        "centre": u.AA,
        "centre_shift": u.km / u.s,
        "strength": u.AA,
        "sigma": u.km / u.s,
        "gamma": u.km / u.s,
    }
    values = {
        "centre": [8600.0, 8605.0, 8607.0, 8610.0],
        "centre_shift": [0.1, 0.0, 0.0, 0.0],
        "strength": [0.05, 0.02, 0.01, 0.001],
        "sigma": [1.5] * 4,
        "gamma": [0.2] * 4,
    }
    for name, unit in columns.items():
        lines[name] = values[name] * unit
        lines[f"{name}_error"] = np.full(4, 0.001) * unit
        lines[f"{name}_cloned"] = values[name] * unit
    lines["equivalent_width"] = [0.048, 0.019, 0.0098, 0.001] * u.AA
    lines["equivalent_width_error"] = np.full(4, 0.001) * u.AA
    template = QTable({"wavelength": np.linspace(8599, 8611, 500) * u.AA, "normalised": np.full(500, 0.9)})
    template["uncertainty"] = np.full(500, 0.001)
    summary = {
        "radial_velocity": {"value": 12.5, "error": 0.1, "unit": "km/s"},
        "resolving_power": {"value": 55_000.0, "error": 900.0, "unit": ""},
        "correlation": {"names": ["radial_velocity", "resolving_power"], "matrix": [[1.0, 0.3], [0.3, 1.0]]},
        "converged": True,
    }
    return FitResult(summary=summary, lines=lines, orders=(flat_order(),), template=template, state={})


@pytest.fixture(scope="session")
def small_fit() -> Callable[..., FitResult]:
    """Return the function that makes the fit."""
    return make_fit
