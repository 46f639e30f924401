"""Formats of grids of model spectra, written to their published descriptions, and the choice of a grid
point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import units as u

from blase.cli.main import main
from blase.errors import InputError
from blase.templates import read_template
from blase.templates.grid_formats import read_bt_settl, read_marcs, read_netcdf, read_sonora, read_synthe
from blase.templates.library import GridPoint, grid_point, nearest_file, nearest_phoenix, parse_point

N = 400
WAVE = 16000.0 * np.exp(np.arange(N) / 5e5)
FLAMBDA = 1e5 * (1 - 0.4 * np.exp(-0.5 * ((WAVE - WAVE[N // 2]) / 0.15) ** 2))
C = 2.99792458e18  # Angstrom / s


def test_sonora_bobcat(tmp_path):
    """Zenodo 5063476: two lines of header, micron falling, flux per hertz."""
    rows = [f"{w / 1e4:.9f} {f * w**2 / C:.8e}" for w, f in zip(WAVE[::-1], FLAMBDA[::-1], strict=True)]
    text = "\n".join(
        [" 1200.0 1000.0 0.00 Teff, grav (MKS), ...", "   microns     Flux (erg/cm^2/s/Hz)", *rows]
    )
    raw = read_sonora(text.splitlines(), tmp_path / "x")
    np.testing.assert_allclose(raw.flux[::-1], FLAMBDA, rtol=1e-6)
    assert raw.effective_temperature == 1200.0 and raw.medium == "vacuum"
    (tmp_path / "sp_t1200g1000nc_m0.0").write_text(text)
    template = read_template(tmp_path / "sp_t1200g1000nc_m0.0")
    np.testing.assert_allclose(template.wavelength, WAVE, rtol=1e-8)
    assert template.normalised.min() == pytest.approx(0.6, abs=0.02)


def test_bt_settl(tmp_path):
    """phoenix.ens-lyon.fr/Grids/FORMAT: log10 F + 8, Fortran exponents, columns that touch, rows out of
    order."""
    order = np.random.default_rng(0).permutation(N)
    rows = [f"{WAVE[i]:.5f}{math.log10(FLAMBDA[i]) + 8:+.6f}D+00 1.0D+01" for i in order]
    raw = read_bt_settl(rows, tmp_path / "x")
    np.testing.assert_allclose(raw.wavelength, WAVE, atol=1e-5)
    np.testing.assert_allclose(raw.flux, FLAMBDA, rtol=3e-6)
    (tmp_path / "lte035.0-4.5-0.0a+0.0.BT-Settl.spec.7").write_text("\n".join(rows))
    template = read_template(tmp_path / "lte035.0-4.5-0.0a+0.0.BT-Settl.spec.7")
    assert template.normalised.min() == pytest.approx(0.6, abs=0.02)
    with pytest.raises(InputError, match="not a readable template"):
        read_bt_settl(["16000.0 8.0D+00", "nothing here"], tmp_path / "x")


def test_marcs(tmp_path):
    """marcs.oreme.org: one column of fluxes, `flx_wavelengths.vac` beside it."""
    path = tmp_path / "p4500_g+4.5_m0.0_t01_st_z+0.00_a+0.00_c+0.00_n+0.00_o+0.00_r+0.00_s+0.00.flx"
    path.write_text("\n".join(f"{f:.6e}" for f in FLAMBDA))
    with pytest.raises(InputError, match="wavelengths are in another file"):
        read_template(path, resolving_power=20_000.0)
    (tmp_path / "flx_wavelengths.vac").write_text("\n".join(f"{w:.5f}" for w in WAVE))
    raw = read_marcs(path.read_text().splitlines(), path)
    np.testing.assert_allclose(raw.wavelength, WAVE, atol=1e-5)
    np.testing.assert_allclose(read_template(path, resolving_power=20_000.0).wavelength, WAVE, atol=1e-5)
    (tmp_path / "flx_wavelengths.vac").write_text("1\n2\n3")
    with pytest.raises(InputError, match="other fluxes"):
        read_template(path)


def test_synthe_and_pollux(tmp_path):
    """Wavelength, flux, continuum and their ratio, in air."""
    continuum = 2e6 * (WAVE / 16000.0) ** -3
    rows = [
        f"{w:.5f} {f / 1e5 * c:.6e} {c:.6e} {f / 1e5:.6f}"
        for w, f, c in zip(WAVE, FLAMBDA, continuum, strict=True)
    ]
    raw = read_synthe(rows, tmp_path / "x")
    np.testing.assert_allclose(raw.flux, FLAMBDA / 1e5, atol=1e-6)
    np.testing.assert_allclose(raw.continuum, continuum, rtol=1e-6)
    (tmp_path / "s.asc").write_text("\n".join(rows))
    template = read_template(tmp_path / "s.asc", wavelength_unit="A", medium="air")
    assert template.wavelength[0] > WAVE[0] + 4.0 and template.normalised.min() == pytest.approx(
        0.6, abs=1e-6
    )


def test_turbospectrum_output(tmp_path):
    """Three columns, air Angstrom, flux over continuum, flux; the user says unit and medium."""
    rows = [f"{w:.4f} {f / 1e5:.5f} {f:.5e}" for w, f in zip(WAVE, FLAMBDA, strict=True)]
    (tmp_path / "t.spec").write_text("\n".join(rows))
    template = read_template(tmp_path / "t.spec", wavelength_unit="A", medium="air")
    np.testing.assert_allclose(template.normalised, FLAMBDA / 1e5, atol=1e-5)


def test_korg_arrays_in_npz_and_as_a_pair(tmp_path):
    """Korg.synth gives wavelengths, flux and continuum."""
    continuum = np.full(N, 1e5)
    np.savez(tmp_path / "korg.npz", wave_vac=WAVE, flux=FLAMBDA, continuum=continuum)
    template = read_template(tmp_path / "korg.npz")
    np.testing.assert_allclose(template.normalised, FLAMBDA / 1e5, rtol=1e-12)
    np.testing.assert_allclose(template.continuum, continuum)


def test_exojax_wavenumbers():
    """exojax: increasing wavenumbers [1/cm] and flux per wavenumber; F_lambda = F_nu nu^2."""
    nu = (1e8 / WAVE[::-1]) / u.cm
    per_wavenumber = (FLAMBDA * WAVE**2 / 1e8)[::-1] * u.erg / u.s / u.cm**2 * u.cm
    template = read_template((nu, per_wavenumber), effective_temperature=1500.0)
    np.testing.assert_allclose(template.wavelength, WAVE, rtol=1e-12)
    flux = template.normalised * template.continuum
    np.testing.assert_allclose(flux / flux[0], FLAMBDA / FLAMBDA[0], rtol=1e-9)
    plain = read_template((nu, (FLAMBDA / 1e5)[::-1]), normalised=True)
    np.testing.assert_allclose(plain.normalised, FLAMBDA / 1e5)


def test_elf_owl_netcdf(tmp_path):
    """Zenodo 10381250: netCDF 4, wavelength [micron] and flux per centimetre."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file["wavelength"], file["flux"] = WAVE[::-1] / 1e4, FLAMBDA[::-1] * 1e8
    template = read_template(tmp_path / "x.nc", effective_temperature=1000.0)
    np.testing.assert_allclose(template.wavelength, WAVE, rtol=1e-12)
    with h5py.File(tmp_path / "y.nc", "w") as file:
        file["temperature"] = WAVE
    with pytest.raises(InputError, match="not those of a template"):
        read_netcdf(tmp_path / "y.nc")


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("lte03900-4.50-0.0.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits", (3900, 4.5, 0.0)),
        ("lte02400-0.50+0.5.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits", (2400, 0.5, 0.5)),
        ("lte06000+0.50-1.5.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits", (6000, -0.5, -1.5)),
        ("lte035.0-4.5-0.0a+0.0.BT-Settl.spec.7.gz", (3500, 4.5, 0.0)),
        ("sp_t1200g1000nc_m0.0.gz", (1200, 5.0, 0.0)),
        ("t900g31f1_m+0.5_co1.0.spec", (900, 3.49, 0.5)),
        ("p4500_g+4.5_m0.0_t01_st_z-0.25_a+0.10_c+0.00_n+0.00_o+0.00_r+0.00_s+0.00.flx", (4500, 4.5, -0.25)),
        ("T4750_g4.5_z0.0_8052-12853A.npz", (4750, 4.5, 0.0)),
    ],
)
def test_parameters_in_names(name, point):
    found = grid_point(name)
    assert (found.effective_temperature, found.log_g, found.metallicity) == point
    assert grid_point("readme.txt") is None


def test_nearest_file_of_a_library(tmp_path):
    names = [
        f"lte{t:05d}-{g:.2f}-0.0.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits"
        for t in (3800, 4000)
        for g in (4.0, 5.0)
    ]
    (tmp_path / "Z-0.0").mkdir()
    for name in names:
        (tmp_path / "Z-0.0" / name).write_bytes(b"")
    path, said = nearest_file(tmp_path, GridPoint(3880.0, 4.9, 0.0))
    assert path.name == names[1] and "chosen of 4 files" in said and "log g = 5" in said
    with pytest.raises(InputError, match="no template of a known grid"):
        nearest_file(tmp_path / "nowhere", GridPoint(4000.0, 4.5, 0.0))


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ((3940.0, 4.6, 0.1), "lte03900-4.50-0.0."),
        ((7350.0, 4.2, -0.8), "lte07400-4.00-1.0."),
        ((90_000.0, 9.0, 9.0), "lte12000-6.00+1.0."),
        ((3000.0, -1.0, -9.0), "lte03000-0.00-4.0."),
    ],
)
def test_nearest_point_of_the_phoenix_grid(wanted, name):
    path, said = nearest_phoenix(GridPoint(*wanted))
    assert path.name.startswith(name) and path.name in said


@pytest.mark.parametrize("query", ["", "teff=cool", "teff=nan", "logg=4.5", "teff=4000&tef=3"])
def test_parameters_that_cannot_be_made_out(query):
    with pytest.raises(InputError, match="parameters of the star"):
        parse_point(query, f"phoenix:?{query}")


def test_a_template_is_chosen_from_a_library_and_says_so(shared_data):
    source = f"library:{shared_data / 'models'}?teff=4700&logg=4.4"
    template = read_template(source, wavelength_range=(8660.0, 8690.0))
    assert template.name.startswith("T4750_g4.5")
    assert any("chosen of 3 files for T = 4700 K" in note for note in template.notes)


def test_templates_list(tmp_path, capsys):
    (tmp_path / "sp_t1200g1000nc_m0.0").write_bytes(b"")
    assert main(["templates", "list", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert (
        "embedded:star" in out and "sp_t1200g1000nc_m0.0  Sonora: T = 1200 K, log g = 5, [Fe/H] = +0" in out
    )
    assert main(["templates", "list", str(tmp_path / "none")]) == 2
