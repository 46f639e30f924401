"""Units of wavelength at the border."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

from blase.containers.units import looks_like, parse_wavelength_unit, to_vacuum_angstrom
from blase.errors import InputError


@pytest.mark.parametrize(
    "spelling", ["A", "AA", "Angstrom", "angstroms", "ANGSTROM", "Å", "Ang", " A ", u.AA]
)
def test_spellings_of_angstrom(spelling):
    assert parse_wavelength_unit(spelling) == u.AA


@pytest.mark.parametrize(
    ("spelling", "angstrom"),
    [
        ("nm", 10.0),
        ("nanometers", 10.0),
        ("um", 1e4),
        ("µm", 1e4),
        ("micron", 1e4),
        ("Microns", 1e4),
        ("m", 1e10),
    ],
)
def test_other_units_convert(spelling, angstrom):
    np.testing.assert_allclose(
        to_vacuum_angstrom([0.5, 2.0], spelling), [0.5 * angstrom, 2.0 * angstrom], rtol=1e-15
    )


@pytest.mark.parametrize("wrong", ["pix", "km/s", "Hz", "furlongs per", ""])
def test_what_is_not_a_length_is_refused(wrong):
    with pytest.raises(InputError, match="not a unit of wavelength") as caught:
        parse_wavelength_unit(wrong, path="x.fits")
    assert "--wavelength-unit" in str(caught.value) and "x.fits" in str(caught.value)


def test_quantity_brings_its_unit():
    np.testing.assert_allclose(to_vacuum_angstrom([0.8, 0.9] * u.um), [8000.0, 9000.0], rtol=1e-15)


def test_quantity_against_another_statement_is_refused():
    with pytest.raises(InputError, match="mixed units"):
        to_vacuum_angstrom([0.8, 0.9] * u.um, "nm")


@pytest.mark.parametrize(
    ("value", "hint"), [(8650.0, "Angstrom"), (865.0, "nm"), (0.865, "micron"), (1e9, "")]
)
def test_missing_unit_is_asked_for_with_a_hint_but_never_guessed(value, hint):
    with pytest.raises(InputError, match="have no unit") as caught:
        to_vacuum_angstrom([value, value * 1.001])
    assert "--wavelength-unit" in str(caught.value)
    assert looks_like([value]).endswith(hint) and (hint or "A, nm or um") in str(caught.value)


def test_air_becomes_vacuum():
    """Sodium D2: 5889.950954 A in air, 5891.583264 A in vacuum (NIST ASD, Ritz)."""
    vacuum = to_vacuum_angstrom(np.array([588.9950954]), "nm", medium="air")
    np.testing.assert_allclose(vacuum, 5891.583264, atol=2e-4)


def test_input_is_left_alone_and_nan_survives_air():
    given = np.array([5000.0, np.nan])
    assert np.isnan(to_vacuum_angstrom(given, "A", medium="air")[1])
    np.testing.assert_array_equal(given, [5000.0, np.nan])


def test_unknown_medium_is_refused():
    with pytest.raises(InputError, match="--medium"):
        to_vacuum_angstrom([5000.0], "A", medium="water")
