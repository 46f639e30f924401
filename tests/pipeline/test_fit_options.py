"""Names that may be fixed and freed."""

from __future__ import annotations

import pytest

from blase.errors import InputError
from blase.pipeline.options import freedom


def test_by_default_shapes_that_are_seldom_known_are_fixed() -> None:
    default = freedom(None, None)
    assert default.is_free("radial_velocity") and default.is_free("stellar_centre")
    assert not any(map(default.is_free, ("limb_darkening", "line_spread_shape", "telluric_sigma")))


def test_fixed_and_freed_names() -> None:
    chosen = freedom({"vsini": 2.2, "resolving_power": None}, ["limb_darkening"])
    assert chosen.fixed == {"vsini": 2.2, "resolving_power": None}
    assert not chosen.is_free("vsini") and not chosen.is_free("resolving_power")
    assert chosen.is_free("limb_darkening") and chosen.is_free("radial_velocity")


def test_a_group_stands_for_its_classes() -> None:
    chosen = freedom({"stellar_lines": None}, ["telluric_lines"])
    of_lines = {"stellar_centre", "stellar_strength", "stellar_sigma", "stellar_gamma", "stellar_core_floor"}
    assert set(chosen.fixed) == of_lines
    assert chosen.is_free("telluric_sigma") and not chosen.is_free("stellar_gamma")


@pytest.mark.parametrize(
    ("fix", "free", "parts"),
    [
        ({"vsinn": 2.0}, None, ["vsinn", "did you mean vsini?", "radial_velocity"]),
        (None, ["limb_darkenning"], ["limb_darkenning", "did you mean limb_darkening?"]),
        ({"zzz": None}, None, ["zzz", "one of"]),
        ({"stellar_strength": 1.0}, None, ["cannot be fixed at one value", "--fix stellar_strength"]),
        ({"continuum": 1.0}, None, ["cannot be fixed at one value"]),
        ({"vsini": 1.0}, ["vsini"], ["both fixed and freed", "vsini"]),
        ({"radial_velocity": 4e5}, None, ["radial_velocity is out of range", "400000", "slower than light"]),
        ({"wind_velocity": -299792.458}, None, ["wind_velocity is out of range"]),
        ({"vsini": -3.0}, None, ["vsini is out of range", "-3", "from 0"]),
        ({"resolving_power": 0.0}, None, ["resolving_power is out of range"]),
        ({"limb_darkening": 1.5}, None, ["limb_darkening is out of range", "1.5"]),
        ({"stellar_lines": None}, ["stellar_sigma"], ["both fixed and freed", "stellar_sigma"]),
    ],
)
def test_names_that_make_no_sense(fix: dict | None, free: list | None, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        freedom(fix, free)
    for part in parts:
        assert part in str(caught.value)


def test_the_ends_of_a_range_may_be_held() -> None:
    held = {"vsini": 0.0, "limb_darkening": 1.0, "resolving_power": 500.0}
    assert freedom(held, None).fixed == held
