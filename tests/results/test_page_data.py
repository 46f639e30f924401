"""The data inside the report: small, decoded to what went in, and theory computed from what was cloned."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import voigt_profile

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.results import page_data
from blase.results.page_arrays import MISSING, doubles, flags, halves, levels, ramp, singles
from blase.results.page_data import observed_centres, page_json
from blase.results.read import read_result
from blase.results.report import report_html
from blase.results.result import FitResult, OrderFit
from blase.results.theory import cloned_equivalent_width, theoretical_template, width_departure

Factory = Callable[..., FitResult]


def decoded(column: dict[str, Any]) -> np.ndarray:
    """What the page makes of a column."""
    kinds = {"levels": "<u2", "halves": "<f2", "singles": "<f4", "doubles": "<f8", "flags": "u1"}
    kinds["ramp"] = "<u2"
    raw = np.frombuffer(base64.b64decode(column["data"]), kinds[column["kind"]])
    if column["kind"] not in ("levels", "ramp"):
        return raw
    beside = np.where(raw == MISSING, np.nan, column["low"] + column["step"] * raw.astype(float))
    return (
        beside
        if column["kind"] == "levels"
        else np.linspace(column["first"], column["last"], raw.size) + beside
    )


def test_arrays_come_back_to_their_stated_precision() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(3.0, 2.0, 500)
    values[[3, 77]] = np.nan, np.inf
    back = decoded(levels(values))
    assert_array_equal(np.isnan(back), ~np.isfinite(values))
    fine = np.isfinite(values)
    assert_allclose(back[fine], values[fine], atol=1e-5 * np.ptp(values[fine]))
    assert_allclose(decoded(halves([0.123456, -512.4, 1e9])), [0.123456, -512.4, 65504.0], rtol=1e-3)
    assert_allclose(decoded(singles([3266.125, np.pi])), [3266.125, np.pi], rtol=1e-7)
    assert_array_equal(decoded(doubles(values[:3])), values[:3])
    assert_array_equal(decoded(flags([True, False, True])), [1, 0, 1])
    assert_array_equal(decoded(levels([2.0, 2.0])), [2.0, 2.0])
    assert np.isnan(decoded(levels([np.nan, np.nan]))).all() and decoded(levels([])).size == 0


def test_wavelengths_of_an_order_come_back_to_a_ten_thousandth_of_an_angstrom() -> None:
    pixel = np.arange(2048)
    wavelength = 8600 + 0.06 * pixel - 4e-6 * pixel**2 + 0.01 * np.sin(pixel / 300)
    assert_allclose(decoded(ramp(wavelength)), wavelength, atol=1e-4, rtol=0)
    assert_allclose(decoded(ramp([5000.0])), [5000.0])
    assert decoded(ramp([])).size == 0


def test_a_wild_masked_pixel_does_not_coarsen_the_others() -> None:
    values = np.linspace(0.5, 1.0, 100)
    values[50] = 1e9
    trusted = np.arange(100) != 50
    back = decoded(levels(values, trusted=trusted))
    assert_allclose(back[trusted], values[trusted], atol=2e-5)
    assert back[50] == pytest.approx(1.5)


def test_the_page_holds_the_fit_and_no_markup(result_factory: Factory) -> None:
    result = result_factory()
    text = page_json(result)
    assert "<" not in text
    data = json.loads(text)
    order = result.orders[0]
    assert_allclose(decoded(data["orders"][0]["wavelength"]), order.wavelength, rtol=1e-9)
    assert_allclose(decoded(data["orders"][0]["model"]), order.model, atol=1e-4 * np.ptp(order.model))
    ratio = decoded(data["orders"][0]["ratio"])
    assert_array_equal(np.isnan(ratio), order.mask)
    assert_allclose(ratio[~order.mask], (order.residual / 5.0)[~order.mask], atol=1e-3)
    assert_allclose(decoded(data["lines"]["width"]), [19.0, 120.0, 50.0, 9.8], rtol=1e-6)


def test_hostile_names_of_lines_stay_text(result_factory: Factory) -> None:
    lines = result_factory().lines
    lines["line_id"] = ["</script><b>", "1", "2", "3"]
    page = report_html(result_factory(lines=lines))
    assert "</script><b>" not in page and page.count("</script>") == 2


def test_a_large_fit_stays_below_five_megabytes(result_factory: Factory, order_factory: Any) -> None:
    """28 orders of 2048 pixels and 30,000 lines, no pixel drawn with another; and 72 orders of 4096."""
    from astropy.table import vstack

    many = vstack([result_factory().lines] * 7500, metadata_conflicts="silent")
    generator = np.random.default_rng(1)
    many["equivalent_width"] *= generator.uniform(0.1, 2.0, len(many))
    for count, pixels in ((28, 2048), (72, 4096)):
        orders = tuple(order_factory(row, n=pixels, start=5000.0 + 120 * row) for row in range(count))
        page = report_html(result_factory(orders=orders, lines=many))
        assert 1_500_000 < len(page.encode()) < 5_000_000
        assert ('"thinning":1,' in page) == (count == 28)


def test_thinned_pixels_keep_the_worst_residual(result_factory: Factory, monkeypatch: Any) -> None:
    result = result_factory()
    order = result.orders[0]
    flux = order.flux.copy()
    flux[50] += 200.0
    monkeypatch.setattr(page_data, "PIXEL_BUDGET", 23 * 200)
    data = page_data.page_data(replace(result, orders=(replace(order, flux=flux), result.orders[1])))
    assert data["thinning"] == 3
    ratio = decoded(data["orders"][0]["ratio"])
    assert ratio.size == 100
    assert np.nanmax(ratio) == pytest.approx((flux[50] - order.model[50]) / 5.0, abs=1e-3)
    assert_allclose(decoded(data["orders"][0]["wavelength"]), order.wavelength[1::3], rtol=1e-9)


def test_lines_are_seen_where_their_velocity_puts_them(result_factory: Factory) -> None:
    centres = observed_centres(result_factory())
    beta = -9.6123 / SPEED_OF_LIGHT
    factor = np.sqrt((1 + beta) / (1 - beta))
    assert_allclose(centres, [8602.0 * factor, 8605.0 * factor, 8610.0, 8612.0 * factor], rtol=1e-12)


def test_theory_is_what_was_cloned(result_factory: Factory) -> None:
    """Equivalent widths by adaptive quadrature, and the template by scipy's profile."""
    lines = result_factory().lines
    width = cloned_equivalent_width(lines)
    assert np.isnan(width[3])  # added: there is no theory of it
    per_velocity = 8605.0 / SPEED_OF_LIGHT
    sigma, gamma = 1.8 * per_velocity, 0.3 * per_velocity

    def absorbed(x: float) -> float:
        return float(-np.expm1(-0.15 * voigt_profile(x, sigma, gamma)))

    expected = 2 * (quad(absorbed, 0, 1, limit=200)[0] + quad(absorbed, 1, np.inf, limit=200)[0])
    assert_allclose(width[1], expected, rtol=1e-5)
    lines["equivalent_width_error"] = [0.0, 0.01, 0.005, 0.002] * lines["equivalent_width"].unit
    departures = width_departure(lines)
    assert_allclose(departures[1], (0.12 - expected) / 0.01, rtol=1e-4)
    assert np.isnan(departures[[0, 3]]).all()
    template = theoretical_template(result_factory())
    wavelength = result_factory().template["wavelength"].value
    tau = sum(
        a * voigt_profile(wavelength - c, s * c / SPEED_OF_LIGHT, g * c / SPEED_OF_LIGHT)
        for a, c, s, g in ((0.02, 8602.0, 1.5, 0.2), (0.15, 8605.0, 1.8, 0.3))
    )
    assert_allclose(template, np.exp(-tau), atol=1e-5)


def test_a_written_fit_is_read_back(result_factory: Factory, tmp_path: Any) -> None:
    result = result_factory()
    back = read_result(result.write(tmp_path / "fit"))
    for name in ("wavelength", "flux", "mask", "model", "star", "telluric", "continuum", "uncertainty"):
        for mine, other in zip(back.orders, result.orders, strict=True):
            assert_array_equal(getattr(mine, name), getattr(other, name))
            assert (mine.row, mine.flux_unit) == (other.row, other.flux_unit)
    assert back.lines.colnames == result.lines.colnames
    assert_array_equal(back.template["wavelength"].value, result.template["wavelength"].value)
    assert_array_equal(back.state["star.centre"], result.state["star.centre"])
    assert back.summary["radial_velocity"] == result.summary["radial_velocity"]
    assert back.orders[0].displacement is None


def test_what_is_not_a_fit_is_refused(result_factory: Factory, tmp_path: Any) -> None:
    with pytest.raises(InputError, match="no such directory"):
        read_result(tmp_path / "nothing")
    folder = result_factory().write(tmp_path / "fit")
    (folder / "spectrum.fits").write_bytes(b"SIMPLE")
    with pytest.raises(InputError, match="cannot be read"):
        read_result(folder)
    (folder / "lines.ecsv").unlink()
    with pytest.raises(InputError, match=r"without lines\.ecsv"):
        read_result(folder)
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "clone.safetensors").touch()
    with pytest.raises(InputError, match="this is a clone"):
        read_result(tmp_path / "clone")


def test_orders_keep_their_displacement(result_factory: Factory, order_factory: Any, tmp_path: Any) -> None:
    order: OrderFit = order_factory(2, n=60)
    moved = replace(order, displacement=np.linspace(-0.2, 0.3, 60))
    back = read_result(result_factory(orders=(moved,)).write(tmp_path / "fit"))
    assert_array_equal(back.orders[0].displacement, moved.displacement)
