"""Objects of other packages become containers; stand-ins here, the packages themselves where they are
installed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

from blase.adapters import as_spectrum, to_muler, to_specutils
from blase.containers import from_arrays
from blase.errors import InputError
from blase.templates import read_template

N = 100
WAVE = 8000.0 + 0.02 * np.arange(N)
FLUX = 100.0 + np.random.default_rng(0).normal(size=N)


@dataclass
class Thing:
    """What specutils' Spectrum has, no more."""

    spectral_axis: Any
    flux: Any
    uncertainty: Any = None
    mask: Any = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, i):
        return Thing(self.spectral_axis[i], self.flux[i], meta=self.meta)


@pytest.mark.parametrize(
    "uncertainty",
    [
        StdDevUncertainty(np.full(N, 2.0)),
        VarianceUncertainty(np.full(N, 4.0)),
        InverseVariance(np.full(N, 0.25)),
    ],
    ids=["std", "var", "ivar"],
)
def test_units_uncertainty_mask_and_header(uncertainty):
    mask = np.arange(N) < 3
    header = {"OBJECT": "GJ 699", "INSTRUME": "HPF", "DATE-OBS": "2018-10-03T01:39:39", "EXPTIME": 60.0}
    thing = Thing(
        (WAVE / 1e4) * u.um,
        FLUX * u.Jy,
        uncertainty,
        mask,
        {"header": header, "frame": "observatory", "m": 76},
    )
    spectrum = as_spectrum(thing, medium="vacuum")
    order = spectrum.orders[0]
    np.testing.assert_allclose(order.wavelength, WAVE, rtol=1e-14)
    np.testing.assert_array_equal(order.flux, FLUX)
    np.testing.assert_allclose(order.uncertainty, 2.0)
    assert np.array_equal(order.mask, mask) and order.echelle_order == 76
    meta = spectrum.metadata
    assert (meta.target, meta.frame, meta.resolving_power, meta.flux_unit) == (
        "GJ 699",
        "observatory",
        55_000.0,
        "Jy",
    )
    assert not any("assumed" in note for note in meta.notes)


def test_lists_rows_and_silence_about_the_medium():
    two = [Thing(WAVE * u.AA, FLUX * u.adu), Thing((WAVE[::-1] + 10) * u.AA, FLUX * u.adu)]
    spectrum = as_spectrum(two, frame="barycentric")
    assert len(spectrum.orders) == 2 and spectrum.metadata.frame == "barycentric"
    np.testing.assert_allclose(spectrum.orders[1].wavelength, WAVE + 10)
    np.testing.assert_array_equal(spectrum.orders[1].flux, FLUX[::-1])
    assert any("vacuum wavelengths assumed" in note for note in spectrum.metadata.notes)
    rows = Thing(np.stack([WAVE, WAVE + 10]) * u.AA, np.stack([FLUX, FLUX]) * u.adu)
    assert [len(order) for order in as_spectrum(rows).orders] == [N, N]


def test_frequencies_become_wavelengths():
    thing = Thing((WAVE * u.AA).to(u.THz, u.spectral()), FLUX * u.adu)
    np.testing.assert_allclose(as_spectrum(thing).orders[0].wavelength, WAVE, rtol=1e-14)


def test_a_container_stays_and_anything_else_is_refused():
    spectrum = from_arrays(WAVE, FLUX, np.ones(N), wavelength_unit="A")
    assert as_spectrum(spectrum) is spectrum
    for wrong in (3, "file.fits", [], [1, 2], np.ones(4)):
        with pytest.raises(InputError, match="not a spectrum"):
            as_spectrum(wrong)


def test_a_template_may_have_a_spectral_axis():
    depth = 1 - 0.5 * np.exp(-0.5 * ((WAVE - 8001.0) / 0.2) ** 2)
    template = read_template(Thing(WAVE * u.AA, depth * u.dimensionless_unscaled), normalised=True)
    np.testing.assert_allclose(template.wavelength, WAVE)
    np.testing.assert_allclose(template.normalised, depth)


@pytest.mark.parametrize(("call", "extra"), [(to_specutils, "specutils"), (to_muler, "muler")])
def test_a_missing_package_is_named(call, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, extra, None)
    monkeypatch.setitem(sys.modules, "muler.echelle", None)
    with pytest.raises(InputError, match=rf"{extra} cannot be imported[\s\S]*blase-echelle\[{extra}\]"):
        call(from_arrays(WAVE, FLUX, np.ones(N), wavelength_unit="A"))


def test_importing_blase_imports_no_extra():
    code = (
        "import sys, blase, blase.adapters, blase.instruments; "
        "print([m for m in ('specutils', 'muler', 'gollum', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
