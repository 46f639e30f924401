"""The table of lines: columns, units, equivalent widths, blends."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from astropy import units as u
from scipy.integrate import quad
from scipy.special import voigt_profile

from blase.cloning import Clone
from blase.constants import SPEED_OF_LIGHT
from blase.results.result import FitResult
from blase.simulation import Simulation

UNITS = {
    "centre": u.AA,
    "centre_shift": u.km / u.s,
    "strength": u.AA,
    "sigma": u.km / u.s,
    "gamma": u.km / u.s,
}


def test_columns_and_units(fitted: FitResult) -> None:
    table = fitted.lines
    wanted = {"line_id", "origin", "status", "blend", "equivalent_width", "equivalent_width_error"}
    wanted |= {"blend_id", "prior_dominated", "order", "species"}
    wanted |= {f"{name}{suffix}" for name in UNITS for suffix in ("", "_error", "_cloned")}
    floors = ("core_floor", "wing_floor", "core_opacity", "wing_power")
    wanted |= {f"{name}{suffix}" for name in floors for suffix in ("", "_error", "_cloned")}
    assert set(table.colnames) == wanted
    assert np.isnan(table["core_floor"]).all()  # there is no line that has one
    for name, unit in UNITS.items():
        assert {table[name + s].unit for s in ("", "_error", "_cloned")} == {unit}
    assert table["equivalent_width"].unit == table["equivalent_width_error"].unit == u.AA


def test_errors_are_positive_where_a_parameter_is_free(fitted: FitResult) -> None:
    lines = fitted.lines[fitted.lines["status"] != "dropped"]
    for name in (*UNITS, "equivalent_width"):
        errors = lines[f"{name}_error"].value
        assert np.isfinite(errors).all() and (errors >= 0).all()
        free = lines["origin"] == "stellar" if name == "sigma" else np.ones(len(errors), dtype=bool)
        assert (errors[free] > 0).all() and not errors[~free].any()


def test_every_line_has_one_identity_and_an_origin(fitted: FitResult) -> None:
    table, counts = fitted.lines, fitted.summary["n_lines"]
    assert len(set(table["line_id"])) == len(table) == sum(counts.values())
    for origin in ("stellar", "telluric"):
        cloned = (table["origin"] == origin) & (table["status"] == "cloned")
        assert np.count_nonzero(cloned) == counts[origin] > 0
    for status in ("added", "dropped"):
        assert np.count_nonzero(table["status"] == status) == counts[status]


def test_cloned_values_are_those_of_the_clones(fitted: FitResult, star: Clone) -> None:
    table = fitted.lines[fitted.lines["origin"] == "stellar"]
    index = np.searchsorted(star.lines.centre, table["centre_cloned"].value)
    for name in ("centre", "strength", "sigma", "gamma"):
        np.testing.assert_array_equal(table[f"{name}_cloned"].value, getattr(star.lines, name)[index])
    assert (table["centre_shift_cloned"].value == 0).all()


def test_centres_are_at_rest_and_agree_with_their_shift(fitted: FitResult) -> None:
    table = fitted.lines
    shift = (table["centre"].value / table["centre_cloned"].value - 1) * SPEED_OF_LIGHT
    np.testing.assert_allclose(shift, table["centre_shift"].value, atol=1e-5)
    assert np.abs(shift[table["origin"] == "stellar"]).max() < 3.0
    assert np.abs(shift[table["origin"] == "telluric"]).max() < 0.3


def test_equivalent_width_against_quadrature(fitted: FitResult) -> None:
    strongest = np.argsort(fitted.lines["strength"].value)[::-1]
    for row in fitted.lines[strongest[[0, 5, 50, -1]]]:
        centre, area = row["centre"].value, row["strength"].value
        sigma, gamma = (row[name].value * centre / SPEED_OF_LIGHT for name in ("sigma", "gamma"))

        def absorbed(x: float, area: float = area, sigma: float = sigma, gamma: float = gamma) -> float:
            return float(-np.expm1(-area * voigt_profile(x, sigma, gamma)))

        edges = [0, *(sigma + gamma) * np.array([3.0, 30, 300, 3000, 3e5])]
        total = 2 * sum(
            quad(absorbed, a, b, epsabs=1e-12, epsrel=1e-9, limit=200)[0] for a, b in pairwise(edges)
        )
        total += 2 * area * gamma / np.pi / edges[-1]  # the wing beyond, tau = A gamma / (pi x^2)
        assert row["equivalent_width"].value == pytest.approx(total, rel=1e-5)
        assert row["equivalent_width"].value <= area


def test_observed_order_and_blends(fitted: FitResult, simulation: Simulation) -> None:
    table = fitted.lines
    velocity = fitted.summary["radial_velocity"]["value"]
    wind = fitted.summary["wind_velocity"]["value"]
    shift = np.where(table["origin"] == "stellar", velocity, wind) / SPEED_OF_LIGHT
    observed = table["centre"].value * np.sqrt((1 + shift) / (1 - shift))
    assert (np.diff(observed) >= -1e-9).all()
    edges = simulation.spectrum.orders[0].edges()
    inside = (observed >= edges[0]) & (observed <= edges[-1])
    np.testing.assert_array_equal(table["order"], np.where(inside, 0, -1))

    element = observed / fitted.summary["resolving_power"]["value"]
    joined = np.diff(observed) <= 0.5 * element[1:]
    blend = np.asarray(table["blend_id"])
    lonely = ~(np.append(joined, False) | np.insert(joined, 0, False))
    np.testing.assert_array_equal(blend == -1, lonely)
    assert ((blend[1:] == blend[:-1]) & (blend[1:] >= 0)).tolist() == joined.tolist()
    assert lonely.any() and joined.any()


def test_lines_outside_the_data_are_prior_dominated(fitted: FitResult) -> None:
    outside = fitted.lines[fitted.lines["order"] == -1]
    far = np.abs(outside["centre"].value - 8234.0) > 11.0
    assert far.any() and outside["prior_dominated"][far].all()
    strong = fitted.lines["strength"].value > 0.05
    measured = strong & (fitted.lines["order"] == 0) & (fitted.lines["blend_id"] == -1)
    assert not fitted.lines["prior_dominated"][measured].all()
