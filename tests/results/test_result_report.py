"""The report: well-formed, escaped, self-contained, and honest about what it does not know."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from blase.cli.summary_text import order_lines
from blase.errors import InputError
from blase.results.diagnostics import (
    STRETCH,
    departure,
    mask_reasons,
    residual_distribution,
    runs,
    worst_stretches,
)
from blase.results.figure import plot_fit
from blase.results.report import report_html
from blase.results.report_failures import departures, thin
from blase.results.report_headline import headline
from blase.results.report_lines import revised_lines
from blase.results.result import FitResult, OrderFit

Factory = Callable[..., FitResult]
OrderFactory = Callable[..., OrderFit]
VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}


class Checker(HTMLParser):
    """Checks nesting and gathers elements, references, identities and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


@pytest.fixture(scope="module")
def page(result_factory: Factory) -> str:
    """The report of the hand-made result."""
    return report_html(result_factory())


def test_page_is_well_formed_and_semantic(page: str) -> None:
    checker = check(page)
    tags = [tag for tag, _ in checker.elements]
    assert tags.count("h1") == 1 and tags.count("main") == 1
    for tag, attributes in checker.elements:
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["role"] == "img" and attributes["aria-label"]
    assert tags.count("table") == tags.count("caption")


def test_links_inside_the_page_have_targets_and_nothing_is_fetched(page: str) -> None:
    checker = check(page)
    identities = {attributes["id"] for _, attributes in checker.elements if "id" in attributes}
    for tag, attributes in checker.elements:
        assert tag not in ("link", "iframe")
        assert tag != "script" or "src" not in attributes
        for name in ("href", "src", "xlink:href"):
            target = attributes.get(name)
            if target is not None:
                assert target.startswith(("#", "data:")), target
                assert not target.startswith("#") or target[1:] in identities
    assert "@import" not in page
    assert len(page.encode()) < 5_000_000


def test_text_from_outside_is_escaped(page: str, result_factory: Factory) -> None:
    assert page.count("<script") == page.count("</script>") == 2  # the data and the one script
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "HD &lt;1&gt; &amp; co" in page
    summary = {**result_factory().summary, "stop_reason": '"><img src=x onerror=1>', "converged": False}
    summary["versions"] = {"<b>": "</b>"}
    lines = result_factory().lines
    lines["origin"] = ["<i>stellar", "stellar", "telluric", "added"]
    hostile = report_html(result_factory(summary=summary, lines=lines, orders=()))
    assert "<img" not in hostile and "<b>" not in hostile and "<i>" not in hostile
    check(hostile)


def test_unknown_errors_are_said_to_be_unknown(page: str, result_factory: Factory) -> None:
    assert page.count("<td>not estimated</td>") == 2  # radial_velocity and resolving_power
    assert "<td>not known</td><td>–</td>" in page  # radial_velocity_barycentric
    assert "not measured" in page  # held-out pixels
    assert "95 % upper limit 2.4" in page
    assert "prior-dominated" in page
    summary = result_factory().summary
    summary["radial_velocity"]["error"] = 0.0123
    assert "0.012" in report_html(result_factory(summary=summary, orders=()))


def test_blends_are_listed_with_their_joint_width(page: str, result_factory: Factory) -> None:
    said = " ".join(check(page).text)
    assert "1 blends: single strengths" in said and "8608.100" in said and "12.34" in said and "1.10" in said
    summary = result_factory().summary
    assert "tell all of them apart" in report_html(result_factory(summary=summary | {"blends": []}))
    assert "Blends were not looked for" in report_html(result_factory(summary=summary | {"blends": None}))


def test_the_covariance_is_errors_times_correlation(result_factory: Factory) -> None:
    summary = result_factory().summary
    summary["radial_velocity"] |= {"error": 0.2}
    summary["resolving_power"] |= {"error": 1500.0}
    names = ["radial_velocity", "vsini", "resolving_power"]
    summary["correlation"] = {"names": names, "matrix": [[1, 0.1, -0.5], [0.1, 1, 0.2], [-0.5, 0.2, 1]]}
    found = check(report_html(result_factory(summary=summary, orders=())))
    said = " ".join(found.text)
    table = said[said.index("Covariance, in the product") :][:400].split()
    assert "−150" in table  # 0.2 * 1500 * -0.5
    assert "0.04" in table and "2250000" in table
    assert table.count("vsini") == 0  # only an upper limit is known


def test_a_fit_that_did_not_converge_says_so_at_the_top(page: str, result_factory: Factory) -> None:
    assert "Not converged" not in page
    summary = {**result_factory().summary, "converged": False, "stop_reason": "out of iterations"}
    text = report_html(result_factory(summary=summary, orders=()))
    assert text.index("Not converged") < text.index("<main>")
    assert "out of iterations" in text


def test_a_bare_result_still_gives_a_page(result_factory: Factory) -> None:
    summary = {"converged": True}
    check(report_html(result_factory(summary=summary, orders=(), convergence=[])))


def test_inputs_by_list_and_notes_by_sentence(result_factory: Factory) -> None:
    summary = {
        "converged": True,
        "inputs": [{"role": "spectrum", "path": "a.fits", "sha256": None}],
        "warnings": "only one warning",
        "correlation": {"names": ["rv", "vsini"], "matrix": [[1.0, -0.5], [-0.5, 1.0]]},
        "noise_inflation": {"order 5": 1.25},
    }
    text = report_html(result_factory(summary=summary, orders=()))
    for expected in ("a.fits", "only one warning", "−0.50", "noise inflation, order 5"):
        assert expected in text


def test_only_the_script_of_the_page_may_run(page: str) -> None:
    """The policy names the hash of the script as it stands in the page."""
    source = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    policy = page[page.index("Content-Security-Policy") : page.index("<title>")]
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_the_headline_rounds_to_two_figures_of_the_error() -> None:
    summary = {
        "radial_velocity": {"value": -9.44862, "error": 0.0943, "unit": "km/s"},
        "resolving_power": {"value": 60198.1, "error": 1834.0, "unit": ""},
        "vsini": {"value": 0.4, "error": None, "upper_limit_95": 1.034, "unit": "km/s"},
        "residual_rms": 0.00321,
    }
    said = headline(summary)
    for part in ("−9.449 ± 0.094 km/s", "60200 ± 1800", "&lt; 1.03 km/s (95 %)", "0.32 %"):
        assert part in said
    assert headline({}) == ""


def test_worst_stretch_is_where_the_misfit_was_put(order_factory: OrderFactory) -> None:
    order = order_factory(3)
    flux = order.flux.copy()
    flux[200:211] += 50.0
    broken = replace(order, flux=flux)
    worst = worst_stretches([order_factory(2, seed=9), broken])
    assert worst[0].row == 3
    assert_allclose([worst[0].low, worst[0].high], order.wavelength[[200, 210]])
    ratio = (broken.residual / broken.uncertainty)[200:211]
    assert_allclose(worst[0].rms_sigma, np.sqrt(np.mean(ratio**2)))
    assert len(worst) == 10
    spans = [(stretch.low, stretch.high) for stretch in worst if stretch.row == 3]
    for index, (low, high) in enumerate(spans):
        assert all(high < other_low or low > other_high for other_low, other_high in spans[index + 1 :])


def test_stretches_of_an_order_with_fewer_pixels_than_one(order_factory: OrderFactory) -> None:
    order = order_factory(0)
    mask = np.ones_like(order.mask)
    assert worst_stretches([replace(order, mask=mask)]) == []
    mask[:4] = False
    assert len(worst_stretches([replace(order, mask=mask)])) == 1
    assert STRETCH > 4


def test_distribution_of_white_and_of_correlated_residuals(order_factory: OrderFactory) -> None:
    white = order_factory(0, n=4000)
    found = residual_distribution([white])
    assert_allclose([found.mean, found.deviation], [0.0, 1.0], atol=0.05)
    assert abs(found.neighbour_correlation) < 0.05
    assert_allclose(dict(found.beyond)[1.0], 0.317, atol=0.03)
    slow = np.repeat(np.random.default_rng(2).standard_normal(1000), 4) * white.uncertainty
    found = residual_distribution([replace(white, flux=white.model + slow)])
    assert_allclose(found.neighbour_correlation, 0.75, atol=0.05)
    assert residual_distribution([]).values.size == 0


def test_departure_ranks_by_moved_equivalent_width(result_factory: Factory) -> None:
    moved = departure(result_factory().lines)
    assert np.argmax(np.nan_to_num(moved)) == 1
    assert moved[0] == 0.0
    assert np.isnan(moved[3])
    width = 1.8 + 0.3
    expected = 0.12 * np.sqrt(np.log(2.0) ** 2 + (0.2 / width) ** 2 + (0.4 / width) ** 2)
    assert_allclose(moved[1], expected)


def test_added_lines_are_shown_and_are_no_departures(result_factory: Factory) -> None:
    result = result_factory()
    said = " ".join(revised_lines(result))
    assert "the clone lacks: 1" in said and "8612.000" in said
    assert "No line of the stellar clone was dropped" in said
    assert "8612.000" not in " ".join(departures(result))
    unsearched = replace(result, summary=result.summary | {"line_search": None})
    assert "not looked for" in " ".join(revised_lines(unsearched))


def test_reasons_for_masking_are_told_apart(order_factory: OrderFactory) -> None:
    order = order_factory(0)
    uncertainty = order.uncertainty.copy()
    uncertainty[100:102] = 0.0
    reasons = mask_reasons(replace(order, uncertainty=uncertainty))
    assert np.array_equal(np.any(list(reasons.values()), axis=0), order.mask)
    assert {reason: int(where.sum()) for reason, where in reasons.items()} == {
        "flux not finite": 3,
        "uncertainty not finite or not positive": 2,
        "flagged in the input or left out by choice": 5,
    }


@pytest.mark.parametrize(
    ("flags", "expected"),
    [([], []), ([0, 0], []), ([1], [(0, 1)]), ([1, 1, 0, 1], [(0, 2), (3, 4)]), ([0, 1, 1], [(1, 3)])],
)
def test_runs(flags: list[int], expected: list[tuple[int, int]]) -> None:
    assert runs(np.array(flags, dtype=bool)) == expected


@pytest.mark.parametrize("count", [0, 5, 60, 61, 1000])
def test_thinning_keeps_both_ends(count: int) -> None:
    steps: list[dict[str, Any]] = [{"iteration": index} for index in range(count)]
    kept = list(thin(steps))
    assert len(kept) == min(count, 60)
    if count:
        assert (kept[0], kept[-1]) == (steps[0], steps[-1])


def test_figure_draws_what_was_fitted_without_global_state(result_factory: Factory) -> None:
    from matplotlib import _pylab_helpers

    result = result_factory()
    figure = result.plot(order=7)
    data, components, residuals = figure.axes
    assert data.get_title(loc="left") == "Order 7"
    drawn = {line.get_label(): line.get_ydata() for line in (*data.lines, *components.lines)}
    order = result.orders[1]
    np.testing.assert_array_equal(drawn["model"], order.model)
    np.testing.assert_array_equal(drawn["star"], order.star)
    np.testing.assert_allclose(drawn["telluric + 0.25"], order.telluric + 0.25)
    ratio = np.asarray(residuals.lines[0].get_ydata())
    assert np.isnan(ratio[order.mask]).all()
    np.testing.assert_allclose(ratio[~order.mask], (order.residual / 5.0)[~order.mask])
    assert len(data.patches) == 2  # two masked stretches
    assert _pylab_helpers.Gcf.get_all_fig_managers() == []


def test_figure_draws_into_given_axes_and_refuses_an_unknown_order(result_factory: Factory) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(3, 1)
    assert plot_fit(result_factory(), axes=axes) is figure
    with pytest.raises(InputError, match="not fitted"):
        result_factory().plot(order=6)
    with pytest.raises(InputError, match="not fitted"):
        result_factory(orders=()).plot()


def own(power: float, error: float | None, shift: float | None = None) -> dict[str, Any]:
    """What the summary says of one order."""
    correction = None
    if shift is not None:
        correction = {"value": [shift, 0.1], "error": [0.02, 0.4], "degree": [0, 1], "unit": "km/s"}
        correction |= {"prior_width": 0.5, "prior_dominated": [False, True]}
    return {"resolving_power": {"value": power, "error": error}, "wavelength_correction": correction}


def test_what_orders_have_for_themselves_is_shown(result_factory: Factory) -> None:
    result = result_factory()
    orders = [{"row": 5} | own(52_100.0, 610.0, 0.31), {"row": 7} | own(58_900.0, None)]
    text = " ".join(check(report_html(replace(result, summary=result.summary | {"orders": orders}))).text)
    for part in ("52100 ± 610", "58900 (held)", "P0: 0.31 ± 0.02, P1: 0.1 ± 0.4*"):
        assert part in text
    alone = replace(result, summary=result.summary | {"orders": orders[1:]})
    assert "What every order has for itself" not in report_html(alone)
    shifted = replace(result, summary=result.summary | {"orders": orders[:1]})
    assert "What every order has for itself" in report_html(shifted)


def test_the_terminal_shows_the_range_of_what_orders_have() -> None:
    lines = order_lines([own(52_100.0, 610.0, 0.31), own(58_900.0, 700.0, -0.2)])
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "52100 to 58900",
        "-0.2 to 0.31 km/s, errors 0.02 to 0.02",
        "0.1 to 0.1 km/s, errors 0.4 to 0.4",
    ]
    assert order_lines([own(52_100.0, 610.0)]) == order_lines([]) == []
