import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from scipy.integrate import quad

from blase.errors import InputError
from blase.functional.planck import planck_per_wavelength


@pytest.mark.parametrize("temperature", [1000.0, 4750.0, 12_000.0])
def test_matches_astropy(temperature):
    wavelength = np.geomspace(2000.0, 50_000.0, 50)
    body = BlackBody(temperature * u.K, scale=1 * u.erg / u.s / u.cm**2 / u.AA / u.sr)
    expected = np.pi * body(wavelength * u.AA).value * 1e8
    np.testing.assert_allclose(planck_per_wavelength(wavelength, temperature), expected, rtol=1e-7)


def test_integral_is_the_stefan_boltzmann_law():
    total = quad(lambda y: planck_per_wavelength(np.exp(y), 5772.0) * np.exp(y) * 1e-8, 5, 18, limit=200)[0]
    assert total == pytest.approx(constants.sigma_sb.cgs.value * 5772.0**4, rel=1e-6)


def test_far_wien_tail_vanishes_without_overflow():
    assert planck_per_wavelength(10.0, 100.0) == 0.0


@pytest.mark.parametrize(("wavelength", "temperature"), [(0.0, 5000.0), (5000.0, 0.0), (5000.0, np.nan)])
def test_rejects_bad_input(wavelength, temperature):
    with pytest.raises(InputError):
        planck_per_wavelength(wavelength, temperature)
