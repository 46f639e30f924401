"""Figures for papers: what is drawn is what was fitted, into axes that one gives or new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import voigt_profile
from scipy.stats import chi2

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.results.figure import plot_order
from blase.results.plot_corner import ellipse, global_covariance, plot_corner
from blase.results.plot_departures import plot_departures
from blase.results.plot_line import find_line, line_profile, plot_line
from blase.results.plot_residuals import plot_residuals
from blase.results.plot_template import plot_template
from blase.results.result import FitResult
from blase.results.theory import cloned_equivalent_width, theoretical_template, width_departure

Factory = Callable[..., FitResult]


@pytest.fixture
def result(result_factory: Factory) -> FitResult:
    """The hand-made fit with errors, a correlation, and a template over its lines."""
    base = result_factory()
    summary = base.summary | {
        "radial_velocity": {"value": -9.6, "error": 0.1, "unit": "km/s"},
        "resolving_power": {"value": 55_000.0, "error": 1500.0, "unit": ""},
        "correlation": {
            "names": ["radial_velocity", "vsini", "resolving_power"],
            "matrix": [[1.0, 0.2, -0.6], [0.2, 1.0, 0.1], [-0.6, 0.1, 1.0]],
        },
    }
    lines = base.lines
    lines["equivalent_width_error"] = [0.001, 0.004, 0.002, 0.002] * u.AA
    wavelength = np.exp(np.linspace(np.log(8600.0), np.log(8614.0), 2000))
    template = QTable({"wavelength": wavelength * u.AA, "normalised": np.full(2000, 0.9)})
    template["uncertainty"] = np.full(2000, 0.05)
    return replace(base, summary=summary, lines=lines, template=template)


def test_covariance_leaves_out_what_has_no_error(result: FitResult) -> None:
    names, values, covariance = global_covariance(result.summary)
    assert names == ["radial_velocity", "resolving_power"]  # vsini has an upper limit only
    assert_allclose(values, [-9.6, 55_000.0])
    assert_allclose(covariance, [[0.01, -0.6 * 0.1 * 1500], [-0.6 * 0.1 * 1500, 1500.0**2]])


@pytest.mark.parametrize("probability", [0.6827, 0.9545])
def test_ellipses_hold_their_probability(probability: float) -> None:
    """Every point at the chi-square quantile of two degrees of freedom."""
    covariance = np.array([[0.01, -90.0], [-90.0, 2.25e6]])
    centre = np.array([-9.6, 55_000.0])
    points = ellipse(centre, covariance, probability) - centre[:, None]
    distance = np.einsum("in,ij,jn->n", points, np.linalg.inv(covariance), points)
    assert_allclose(distance, chi2.ppf(probability, 2), rtol=1e-6)


def test_corner_draws_pairs_and_singles(result: FitResult) -> None:
    axes = plot_corner(result)
    assert axes.shape == (2, 2) and not axes[0, 1].axison
    outer = axes[1, 0].lines[0].get_xydata().T
    assert_allclose(np.ptp(outer[0]) / 2, 0.1 * np.sqrt(chi2.ppf(0.9545, 2)), rtol=1e-3)
    assert axes[0, 0].get_title() == "-9.60 ± 0.10 km/s"
    mine = Figure().subplots(2, 2)
    assert plot_corner(result, mine)[1, 0] is mine[1, 0]
    with pytest.raises(InputError, match="wrong shape"):
        plot_corner(result, Figure().subplots(1, 3))
    with pytest.raises(InputError, match="two parameters with errors"):
        plot_corner(replace(result, summary={"correlation": None}))


def test_residuals_of_orders_are_their_quantiles(result: FitResult) -> None:
    axes = plot_residuals(result)
    order = result.orders[1]
    ratio = ((order.flux - order.model) / order.uncertainty)[~order.mask]
    outer, inner = (collection.get_segments()[1][:, 1] for collection in axes.collections[:2])
    assert_allclose(outer, np.quantile(ratio, [0.025, 0.975]))
    assert_allclose(inner, np.quantile(ratio, [0.16, 0.84]))
    assert_allclose(axes.lines[0].get_ydata()[1], np.sqrt(np.mean(ratio**2)))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["5", "7"]
    assert plot_residuals(result, axes) is axes
    with pytest.raises(InputError, match="no order was fitted"):
        plot_residuals(replace(result, orders=()))


def test_template_is_drawn_with_its_error_and_theory(result: FitResult) -> None:
    axes = plot_template(result, wavelength_range=(8604.0, 8606.0))
    fitted, theory = axes.lines
    x = result.template["wavelength"].value
    inside = (x >= 8604.0) & (x <= 8606.0)
    assert_array_equal(fitted.get_xdata(), x[inside])
    assert_array_equal(fitted.get_ydata(), np.full(inside.sum(), 0.9))
    assert_array_equal(theory.get_ydata(), theoretical_template(result)[inside])
    assert min(theory.get_ydata()) < 0.4  # the line at 8605
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert_allclose([band.min(), band.max()], [0.85, 0.95])
    with pytest.raises(InputError, match="nothing in this range"):
        plot_template(result, wavelength_range=(9000.0, 9010.0))


def test_a_line_by_itself_is_its_profile(result: FitResult) -> None:
    """As fitted and as cloned, at its observed place, against scipy."""
    beta = -9.6 / SPEED_OF_LIGHT
    factor = np.sqrt((1 + beta) / (1 - beta))
    grid = np.linspace(8604.0, 8606.0, 301)
    for suffix, strength, sigma in (("", 0.30, 2.0), ("_cloned", 0.15, 1.8)):
        width = 8605.0 / SPEED_OF_LIGHT
        tau = strength * voigt_profile(grid / factor - 8605.0, sigma * width, 0.3 * width)
        assert_allclose(line_profile(result, 1, grid, suffix=suffix), np.exp(-tau), atol=1e-9)
    assert_array_equal(line_profile(result, 3, grid, suffix="_cloned"), np.ones(301))


def test_a_line_is_drawn_with_its_neighbours(result: FitResult) -> None:
    above, below = plot_line(result, "1", reach=300.0)
    centre = 8605.0 * (1 - 9.6 / SPEED_OF_LIGHT)
    assert_allclose(np.mean(above.get_xlim()), centre, atol=1e-3)
    assert "W = 120.0 ± 4.0 mÅ" in above.get_title(loc="left")
    drawn = [line for line in below.lines if len(line.get_xdata()) > 100]
    assert len(drawn) == 5  # three neighbours, theory and the line itself
    assert plot_line(result, "2", (above, below)) == (above, below)
    with pytest.raises(InputError, match="no line has this name"):
        plot_line(result, "S00017")
    with pytest.raises(InputError, match="no fitted order"):
        plot_line(replace(result, orders=result.orders[1:]), "1")


def test_a_line_is_found_by_wavelength_and_the_worst_without_a_name(result: FitResult) -> None:
    seen = 8605.0 * (1 - 9.6 / SPEED_OF_LIGHT)
    assert find_line(result, f"{seen + 0.05:.3f}") == 1
    assert find_line(result, "") == np.nanargmax(np.abs(width_departure(result.lines)))
    with pytest.raises(InputError, match=r"1 at 8604\.72"):
        find_line(result, "8607.0")
    with pytest.raises(InputError, match="no line lies in a fitted order"):
        find_line(replace(result, orders=()), "")


def test_widths_are_drawn_against_theory(result: FitResult) -> None:
    axes = plot_departures(result)
    points = [line for line in axes.lines if line.get_linestyle() == "None"]
    x = np.concatenate([line.get_xdata() for line in points])
    y = np.concatenate([line.get_ydata() for line in points])
    assert_allclose(np.sort(y), [19.0, 50.0, 120.0])  # the added line has no theory
    assert_allclose(np.sort(x), np.sort(1e3 * cloned_equivalent_width(result.lines)[:3]))
    with pytest.raises(InputError, match="measured well enough"):
        plot_departures(result, detection=1000.0)


def test_an_order_is_drawn_into_given_axes(result: FitResult) -> None:
    axes = Figure().subplots(3, 1)
    assert plot_order(axes, result.orders[0]) is axes
