"""specutils, muler and gollum themselves, where they are installed (extras of the same names)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import StdDevUncertainty

from blase.adapters import as_spectrum, to_muler, to_specutils
from blase.containers import from_arrays
from blase.instruments import read_spectrum
from blase.templates import read_template

N = 100
WAVE = 8000.0 + 0.02 * np.arange(N)
FLUX = 100.0 + np.random.default_rng(0).normal(size=N)


@pytest.fixture
def specutils():
    return pytest.importorskip("specutils")


def two_orders():
    mask = np.zeros((2, N), bool)
    mask[1, 7] = True
    return from_arrays(
        [WAVE, WAVE + 20],
        np.stack([FLUX, 2 * FLUX]),
        np.full((2, N), 2.0),
        mask,
        wavelength_unit="A",
        frame="observatory",
        echelle_orders=[76, 75],
        flux_unit="electron",
    )


def test_there_and_back(specutils):
    first = two_orders()
    back = as_spectrum(to_specutils(first), medium="vacuum", frame="observatory")
    for a, b in zip(first.orders, back.orders, strict=True):
        np.testing.assert_array_equal(b.wavelength, a.wavelength)
        np.testing.assert_array_equal(b.flux, a.flux)
        np.testing.assert_array_equal(b.uncertainty, a.uncertainty)
        np.testing.assert_array_equal(b.mask, a.mask)
        assert b.echelle_order == a.echelle_order
    assert back.metadata.flux_unit == "electron"


def test_spectrum_and_collection(specutils):
    single = specutils.Spectrum(
        spectral_axis=(WAVE / 10) * u.nm, flux=FLUX * u.Jy, uncertainty=StdDevUncertainty(np.full(N, 3.0))
    )
    assert np.all(as_spectrum(single).orders[0].uncertainty == 3.0)
    collection = specutils.SpectrumCollection(
        spectral_axis=np.stack([WAVE, WAVE + 20]) * u.AA,
        flux=np.stack([FLUX, FLUX]) * u.Jy,
        uncertainty=StdDevUncertainty(np.full((2, N), 3.0)),
    )
    rows = as_spectrum(collection).orders
    np.testing.assert_allclose(rows[1].wavelength, WAVE + 20)
    assert np.all(rows[1].uncertainty == 3.0)


def test_muler_reads_and_blase_takes_it(specutils, shared_data):
    pytest.importorskip("muler.echelle", exc_type=ImportError)
    path = (
        shared_data / "observed" / "HPF" / "goldilocks" / "Goldilocks_20210517T054403_v1.0_0060.spectra.fits"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from muler.hpf import HPFSpectrum

        taken = as_spectrum(HPFSpectrum(file=str(path), order=5), medium="vacuum", frame="observatory")
    ours = read_spectrum(path).orders[5]
    np.testing.assert_allclose(taken.orders[0].wavelength, ours.wavelength, rtol=1e-12)
    np.testing.assert_allclose(taken.orders[0].flux, ours.flux, equal_nan=True)
    np.testing.assert_allclose(taken.orders[0].uncertainty, ours.uncertainty, equal_nan=True)
    assert taken.metadata.instrument == "HPF" and taken.metadata.resolving_power == 55_000.0


def test_to_muler_and_back(specutils):
    pytest.importorskip("muler.echelle", exc_type=ImportError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        orders = to_muler(two_orders())
        assert type(orders).__name__ == "EchelleSpectrumList" and len(orders) == 2
        back = as_spectrum(orders, medium="vacuum")
    np.testing.assert_array_equal(back.orders[1].flux, 2 * FLUX)
    assert back.orders[1].mask[7] and back.orders[0].echelle_order == 76


def test_gollum_template(specutils):
    gollum = pytest.importorskip("gollum.precomputed_spectrum")
    depth = 1 - 0.5 * np.exp(-0.5 * ((WAVE - 8001.0) / 0.2) ** 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thing = gollum.PrecomputedSpectrum(spectral_axis=WAVE * u.AA, flux=depth * u.dimensionless_unscaled)
        template = read_template(thing, normalised=True)
    np.testing.assert_allclose(template.normalised, depth)
