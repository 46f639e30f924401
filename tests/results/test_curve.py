"""The regularisation curve in words, as rows, and as a picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from blase.cli.summary_text import curve_lines
from blase.results.curve_figure import draw_curve
from blase.results.curve_text import Curve, curve_rows, factor_text, verdict
from blase.results.report import report_html
from blase.results.result import FitResult


@pytest.fixture(scope="module")
def curve(result_factory: Callable[..., FitResult]) -> Curve:
    found: Curve = result_factory().summary["regularisation_curve"]
    return found


def without_folds(curve: Curve) -> Curve:
    points = [point | {"residual_rms_heldout": None} for point in curve["points"]]
    return {**curve, "points": points, "smallest_heldout_factor": None, "heldout_fold": None}


@pytest.mark.parametrize(("factor", "text"), [(1 / 16, "1/16"), (0.5, "1/2"), (1.0, "1"), (8.0, "8")])
def test_factors_are_written_as_they_are_said(factor: float, text: str) -> None:
    assert factor_text(factor) == text


def test_rows_mark_the_chosen_point_and_count_evidence_from_it(curve: Curve) -> None:
    assert curve_rows(curve) == [
        ["1/16", "2.000", "3.000", "-940.0"],
        ["1*", "0.470", "0.810", "0.0"],
        ["8", "0.300", "0.780", "-4.5"],
    ]


def test_verdict_says_what_is_best_and_what_it_is_made_of(curve: Curve) -> None:
    said = verdict(curve)
    assert "evidence is largest at 1 times" in said
    assert "smallest at 8, 3.7 % below the chosen one" in said
    assert "fold 3 of 5" in said and "orders 5 stand for all 2" in said
    alone = verdict(without_folds(curve) | {"n_orders": 1})
    assert alone == "evidence is largest at 1 times the chosen prior widths"


def test_terminal_table_leaves_out_what_was_not_measured(curve: Curve) -> None:
    lines = curve_lines(curve)
    assert [line[:30].strip() for line in lines[:4]] == [
        "prior widths times (* chosen)",
        "fitted pixels [%]",
        "held-out pixels [%]",
        "ln evidence",
    ]
    assert lines[0].split()[-3:] == ["1/16", "1*", "8"]
    assert not any("held-out" in line for line in curve_lines(without_folds(curve)))
    assert curve_lines(None) == []


def test_picture_shows_residuals_and_evidence_with_the_chosen_point(curve: Curve) -> None:
    residuals, evidence = draw_curve(curve).axes
    lines = {line.get_label(): line for line in residuals.get_lines()}
    np.testing.assert_allclose(lines["held-out pixels"].get_ydata(), [3.0, 0.81, 0.78])
    np.testing.assert_allclose(lines["fitted pixels"].get_ydata(), [2.0, 0.47, 0.3])
    np.testing.assert_allclose(evidence.get_lines()[0].get_ydata(), [-940.0, 0.0, -4.5])
    assert list(evidence.get_lines()[1].get_xdata()) == [1.0, 1.0]
    assert [label.get_text() for label in evidence.get_xticklabels()] == ["1/16", "1", "8"]
    assert "held-out pixels" not in [
        line.get_label() for line in draw_curve(without_folds(curve)).axes[0].get_lines()
    ]


def test_report_shows_priors_and_curve(result_factory: Callable[..., FitResult]) -> None:
    page = report_html(result_factory())
    assert "at its upper bound" in page and "first guess 0.3, bounds 0.075 to 1.2" in page
    assert "held by choice" in page and "student-t" in page
    assert "Residuals on fitted (blue squares)" in page and "<td>0.810</td>" in page
    summary = result_factory().summary | {"regularisation_curve": None}
    assert "was not computed" in report_html(result_factory(summary=summary))
