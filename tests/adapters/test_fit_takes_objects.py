"""`clone_template` and `fit_spectrum` take objects with a spectral axis as they take containers and
templates."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import StdDevUncertainty

from blase import clone_template, fit_spectrum
from blase.errors import InputError

STEP = 0.01
NATIVE = 8600.0 + STEP * np.arange(4000)
CENTRES, DEPTHS = (8606.0, 8612.5, 8620.0, 8628.0), (0.5, 0.3, 0.6, 0.4)


def absorption(wave, width):
    return np.prod(
        [1 - d * np.exp(-0.5 * ((wave - c) / width) ** 2) for c, d in zip(CENTRES, DEPTHS, strict=True)],
        axis=0,
    )


@pytest.mark.filterwarnings("ignore::blase.errors.BlaseWarning")
def test_a_fit_of_foreign_objects():
    """A star that is its template, moved by 10 km/s: found again, from objects that no reader made."""
    template = SimpleNamespace(
        spectral_axis=NATIVE * u.AA, flux=absorption(NATIVE, 0.1) * u.dimensionless_unscaled
    )
    clone = clone_template(template)
    assert len(clone.lines) >= 4
    wave = 8603.0 + 0.05 * np.arange(600)
    lsf = 8615.0 / 55_000.0 / 2.355
    blurred = absorption(wave / (1 + 10.0 / 299_792.458), np.hypot(0.1, lsf))
    flux = 1e3 * blurred * (1 + np.random.default_rng(0).normal(scale=2e-3, size=600))
    data = SimpleNamespace(
        spectral_axis=wave * u.AA,
        flux=flux * u.adu,
        uncertainty=StdDevUncertainty(np.full(600, 2.0)),
        meta={"frame": "barycentric"},
    )
    result = fit_spectrum(
        data, star=clone, resolving_power=(55_000.0, 1500.0), folds=0, curve=False, new_lines=False
    )
    velocity = result.summary["radial_velocity"]
    assert (
        abs(velocity["value"] - 10.0) < 4 * velocity["error"] + 0.05
        and result.summary["frame"] == "barycentric"
    )


def test_what_is_no_spectrum_is_refused():
    with pytest.raises(InputError, match="not a spectrum"):
        fit_spectrum("file.fits", star="embedded:star")
