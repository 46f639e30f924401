import numpy as np
import pytest

from blase.errors import InputError
from blase.functional.air import air_to_vacuum, vacuum_to_air

WAVELENGTHS = np.geomspace(2000.0, 50_000.0, 3001)


def edlen_1953(vacuum):
    s2 = (1e4 / vacuum) ** 2
    return 1 + 1e-8 * (6432.8 + 2949810 / (146 - s2) + 25540 / (41 - s2))


def piskunov_inverse(air):
    """Independent closed-form approximation of the inverse, as published on the VALD3 pages."""
    s2 = (1e4 / air) ** 2
    index = 1 + 8.336624212083e-5 + 0.02408926869968 / (130.1065924522 - s2)
    return air * (index + 1.599740894897e-4 / (38.92568793293 - s2))


def test_round_trip():
    np.testing.assert_allclose(air_to_vacuum(vacuum_to_air(WAVELENGTHS)), WAVELENGTHS, rtol=1e-14)


def test_published_pairs():
    # Kr I and the 2000 Angstrom limit: IDL astronomy library (Ciddor 1996), four and three decimals given
    assert air_to_vacuum(6056.125) == pytest.approx(6057.8019, abs=1.5e-4)
    assert vacuum_to_air(2000.0) == pytest.approx(1999.353, abs=1e-3)


def test_agrees_with_edlen_1953():
    difference = vacuum_to_air(WAVELENGTHS) - WAVELENGTHS / edlen_1953(WAVELENGTHS)
    assert np.abs(difference[WAVELENGTHS < 10_000]).max() < 5e-4
    assert np.abs(difference).max() < 3e-3


def test_agrees_with_the_vald_inverse():
    air = vacuum_to_air(WAVELENGTHS)
    difference = air_to_vacuum(air) - piskunov_inverse(air)
    assert np.abs(difference).max() < 1e-5


def test_short_wavelengths_pass_unchanged():
    ultraviolet = np.array([10.0, 912.0, 1215.67, 1999.0])
    np.testing.assert_array_equal(vacuum_to_air(ultraviolet), ultraviolet)
    np.testing.assert_array_equal(air_to_vacuum(ultraviolet), ultraviolet)


@pytest.mark.parametrize("bad", [0.0, -5000.0, np.nan, np.inf])
def test_rejects_impossible_wavelengths(bad):
    for convert in (vacuum_to_air, air_to_vacuum):
        with pytest.raises(InputError):
            convert([5000.0, bad])
