"""The small languages of the options, and the clock."""

from __future__ import annotations

import time

import pytest

from blase.cli.options import (
    check_distinct,
    parse_fixed,
    parse_orders,
    parse_range,
    parse_resolving_power,
    parse_template_resolving_power,
    parse_wavelength_correction,
)
from blase.cli.timing import StageClock, process_age
from blase.errors import InputError


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (None, None),
        ("0", [0]),
        ("3,5-8", [3, 5, 6, 7, 8]),
        (" 3 , 5 - 6 ", [3, 5, 6]),
        ("8,2-4,3", [2, 3, 4, 8]),
        ("4-4", [4]),
    ],
)
def test_orders(text: str | None, rows: list[int] | None) -> None:
    assert parse_orders(text) == rows


@pytest.mark.parametrize("text", ["", "a", "-1", "8-5", "3,", "1.5", "3;4", "1-2-3"])
def test_orders_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match=r"3,5-8"):
        parse_orders(text)


@pytest.mark.parametrize(
    ("text", "power"),
    [(None, None), ("55000", 55000.0), ("55000:1000", (55000.0, 1000.0)), ("5.5e4", 55000.0)],
)
def test_resolving_power(text: str | None, power: object) -> None:
    assert parse_resolving_power(text) == power
    assert parse_template_resolving_power(text, "--telluric-resolving-power") == power


@pytest.mark.parametrize("text", ["", "R", "0", "-5", "nan", "inf", "5:", "5:0", "5:1:1", "fit"])
def test_resolving_power_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match="--resolving-power"):
        parse_resolving_power(text)


@pytest.mark.parametrize(
    ("text", "correction"),
    [(None, None), ("off", "off"), ("0.5", 0.5), ("0.5:0", (0.5, 0)), ("2e-1:3", (0.2, 3))],
)
def test_wavelength_correction(text: str | None, correction: object) -> None:
    assert parse_wavelength_correction(text) == correction


@pytest.mark.parametrize("text", ["", "on", "0", "-0.5", "nan", "0.5:", "0.5:-1", "0.5:1.5", "0.5:1:1"])
def test_wavelength_correction_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match="--wavelength-correction cannot be read"):
        parse_wavelength_correction(text)


def test_resolving_power_of_a_template_may_be_fitted() -> None:
    assert parse_template_resolving_power("fit", "--telluric-resolving-power") == "fit"
    with pytest.raises(InputError, match="--telluric-resolving-power"):
        parse_template_resolving_power("fitted", "--telluric-resolving-power")


def test_fixed_parameters() -> None:
    assert parse_fixed(None) is None
    assert parse_fixed(["vsini=2.2", "wind", "radial_velocity=-9.6"]) == {
        "vsini": 2.2,
        "wind": None,
        "radial_velocity": -9.6,
    }


@pytest.mark.parametrize("text", ["", "=2", "vsini=", "vsini=fast", "vsini=nan", "2=3", "a b"])
def test_fixed_parameters_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match="--fix"):
        parse_fixed([text])


def test_a_parameter_is_not_both_fixed_and_free() -> None:
    check_distinct({"vsini": None}, ["wind"])
    check_distinct(None, None)
    with pytest.raises(InputError, match="vsini"):
        check_distinct({"vsini": 1.0}, ["vsini"])


def test_range() -> None:
    assert parse_range(None) is None
    assert parse_range((8600.0, 8700.0)) == (8600.0, 8700.0)


@pytest.mark.parametrize(
    "pair", [(2.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0)]
)
def test_range_that_is_none(pair: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="--wavelength"):
        parse_range(pair)


def test_stages_sum_to_the_wall_time() -> None:
    ticks = iter([1.0, 1.5, 4.5, 5.0, 7.0, 9.0])
    clock = StageClock(lambda: next(ticks))
    clock.enter("read")
    for stage in ("fit", "fit", "write", "fit"):
        clock.event({"stage": stage})
    first = clock.summary()
    assert first == {"wall_seconds": 7.0, "stages": {"start": 1.0, "read": 0.5, "fit": 5.0, "write": 0.5}}
    assert clock.summary()["wall_seconds"] == 9.0


def test_age_of_the_process_counts_what_came_before_this_module() -> None:
    first = process_age()
    time.sleep(0.02)
    assert 0.01 <= process_age() - first < 5.0
    assert first > 0.05
