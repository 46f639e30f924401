"""Readers of formats of which no real file was at hand: files written here to the published description.

Each writer cites the document that its names are from.
"""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from blase.errors import InputError
from blase.functional.air import vacuum_to_air
from blase.instruments import read_spectrum
from blase.instruments.iraf import multispec

N = 200
ESO = {
    "TELESCOP": "ESO-VLT-U2",
    "OBJECT": "HD 10700",
    "RA": 26.0,
    "DEC": -15.9,
    "EXPTIME": 100.0,
    "DATE-OBS": "2021-10-05T05:00:00.000",
    "HIERARCH ESO TEL GEOLON": -70.4032,
    "HIERARCH ESO TEL GEOLAT": -24.6276,
    "HIERARCH ESO TEL GEOELEV": 2648.0,
}


def wave(low, n=N, step=0.02):
    return low + step * np.arange(n)


def noisy(n_rows=1, n=N, seed=0):
    return 100.0 + np.random.default_rng(seed).normal(size=(n_rows, n))


def primary(cards, data=None):
    hdu = fits.PrimaryHDU(data)
    hdu.header.update(cards)
    return hdu


def write(path, *hdus):
    fits.HDUList(list(hdus)).writeto(path)
    return path


def s2d(path, instrument="ESPRESSO", **cards):
    """ESPRESSO Pipeline User Manual, ESO-331895, table of S2D extensions; berv in ESO QC BERV [km/s]."""
    waves = np.stack([wave(5000.0), wave(5000.0), wave(5050.0), wave(5050.0)])
    flux = noisy(4)
    quality = np.zeros((4, N), np.int32)
    quality[0, :3] = 4
    head = {**ESO, "INSTRUME": instrument, "HIERARCH ESO QC BERV": 7.5, **cards}
    images = {"SCIDATA": flux, "ERRDATA": flux * 0 + 2, "QUALDATA": quality, "WAVEDATA_VAC_BARY": waves}
    return write(path, primary(head), *(fits.ImageHDU(data, name=name) for name, data in images.items()))


@pytest.mark.parametrize(
    ("instrument", "cards", "power"),
    [
        ("ESPRESSO", {"HIERARCH ESO INS MODE": "SINGLEHR"}, 140_000),
        ("ESPRESSO", {"HIERARCH ESO INS MODE": "SINGLEUHR"}, 190_000),
        ("NIRPS", {"HIERARCH ESO INS MODE": "HA/OBJ"}, 90_000),
        ("NIRPS", {"HIERARCH ESO INS MODE": "HE"}, 80_000),
        ("NIRPS", {}, 85_000),
        ("HARPS", {"HIERARCH ESO INS MODE": "EGGS"}, 80_000),
        ("HARPN", {}, 115_000),
    ],
)
def test_s2d(tmp_path, instrument, cards, power):
    spectrum = read_spectrum(s2d(tmp_path / "x.fits", instrument, **cards))
    meta = spectrum.metadata
    assert (len(spectrum.orders), meta.frame, meta.medium_as_read) == (4, "barycentric", "vacuum")
    assert meta.barycentric_velocity == 7.5 and meta.resolving_power == power
    np.testing.assert_array_equal(spectrum.orders[2].wavelength, wave(5050.0))
    assert spectrum.orders[0].n_good == N - 3 and np.all(spectrum.orders[1].uncertainty == 2.0)
    assert meta.time.isot == "2021-10-05T05:00:50.000"


def test_s1d(tmp_path):
    """ESPRESSO Pipeline User Manual, S1D: one table, wavelengths in vacuum and in air, at the barycentre."""
    vacuum = wave(6000.0)
    columns = [
        fits.Column("wavelength", "D", "angstrom", array=vacuum),
        fits.Column("wavelength_air", "D", "angstrom", array=vacuum_to_air(vacuum)),
        fits.Column("flux", "D", array=noisy()[0]),
        fits.Column("error", "D", array=np.full(N, 3.0)),
        fits.Column("quality", "J", array=np.zeros(N, int)),
    ]
    cards = {**ESO, "INSTRUME": "ESPRESSO", "HIERARCH ESO QC BERV": -3.0}
    path = write(tmp_path / "x.fits", primary(cards), fits.BinTableHDU.from_columns(columns))
    spectrum = read_spectrum(path)
    np.testing.assert_array_equal(spectrum.orders[0].wavelength, vacuum)
    assert spectrum.metadata.frame == "barycentric" and spectrum.metadata.barycentric_velocity == -3.0


def test_neid(tmp_path):
    """NEID-DRP documentation, 'data format': rows without a solution hold zeros; SSBRVmmm for each order."""
    waves = np.stack([np.zeros(N), wave(9000.0), wave(8900.0)])
    flux = noisy(3)
    names = {
        "SCIFLUX": flux,
        "SKYFLUX": flux * 0 + 5,
        "SCIVAR": flux * 0 + 4,
        "SKYVAR": flux * 0 + 1,
        "SCIWAVE": waves,
    }
    cards = {
        "INSTRUME": "NEID",
        "OBJECT": "HD 4628",
        "OBS-MODE": "HR",
        "DATE-OBS": "2021-10-05T05:00:00",
        "EXPTIME": 60.0,
    }
    cards |= {"SSBRV172": 11.1, "SSBRV171": 11.3, "OBSLON": -111.6, "OBSLAT": 31.958, "OBSALT": 2091.0}
    path = write(tmp_path / "x.fits", primary(cards), *(fits.ImageHDU(d, name=n) for n, d in names.items()))
    spectrum = read_spectrum(path)
    assert [order.echelle_order for order in spectrum.orders] == [172, 171]
    assert (
        spectrum.metadata.barycentric_velocity == pytest.approx(11.2)
        and spectrum.metadata.frame == "observatory"
    )
    without = read_spectrum(path, sky="subtract").orders[0]
    np.testing.assert_allclose(without.flux, flux[1] - 5.0)
    np.testing.assert_allclose(without.uncertainty, np.sqrt(5.0))


@pytest.mark.parametrize(("n_orders", "channel", "first"), [(61, "VIS", 118), (28, "NIR", 63)])
def test_carmenes(tmp_path, n_orders, channel, first):
    """Zechmeister et al. 2018, A&A 609, A12: SPEC, SIG, WAVE; CARACAL BERV [km/s], RA, DEC in degrees."""
    waves = np.stack([wave(5200.0 + 80 * i, step=0.3) for i in range(n_orders)])
    flux = noisy(n_orders)
    cards = {"INSTRUME": f"CARMENES {channel}", "OBJECT": "J17578+046", "RA": 269.4, "DEC": 4.7}
    cards |= {"DATE-OBS": "2016-06-01T01:00:00", "EXPTIME": 200.0, "HIERARCH CARACAL BERV": 9.25}
    cards |= {"HIERARCH CARACAL TMEAN": 80.0, "SUBSYS": channel}
    images = {"SPEC": flux, "CONT": flux, "SIG": flux * 0 + 1, "WAVE": waves}
    path = write(tmp_path / "x.fits", primary(cards), *(fits.ImageHDU(d, name=n) for n, d in images.items()))
    meta = read_spectrum(path).metadata
    assert (meta.instrument, meta.barycentric_velocity) == (f"CARMENES-{channel}", 9.25)
    assert read_spectrum(path).orders[0].echelle_order == first
    assert meta.time.isot == "2016-06-01T01:01:20.000" and meta.site.name.startswith("Calar Alto")


def test_veloce(tmp_path):
    """VeloceReduction's `extraction`: a table for each order, named CCD_c_ORDER_m."""
    tables = []
    for m in (104, 103):
        columns = [
            fits.Column("wave_vac", "D", array=wave(6000.0 + m)),
            fits.Column("wave_air", "D", array=vacuum_to_air(wave(6000.0 + m))),
            fits.Column("science", "D", array=noisy()[0]),
            fits.Column("science_noise", "D", array=np.ones(N)),
        ]
        tables.append(fits.BinTableHDU.from_columns(columns, name=f"CCD_2_ORDER_{m}"))
    path = write(tmp_path / "x.fits", primary({"OBJECT": "HIP69673", "UTDATE": "2023-11-22"}), *tables)
    spectrum = read_spectrum(path)
    assert spectrum.metadata.instrument == "VELOCE"
    assert [order.echelle_order for order in spectrum.orders] == [104, 103]


def phase3(path, *, ucd="em.wl;obs.atmos", unit="angstrom", errors=True, specsys="TOPOCENT", **cards):
    """ESO Science Data Products Standard, GEN-SPE-ESO-33000-5335, section 5.2: one row, arrays in cells."""
    scale = {"angstrom": 1.0, "nm": 0.1}[unit]
    columns = [
        fits.Column("WAVE", f"{N}D", unit, array=[wave(6000.0) * scale]),
        fits.Column("FLUX", f"{N}D", "adu", array=noisy()),
        fits.Column("ERR", f"{N}D", "adu", array=[np.full(N, 2.0 if errors else np.nan)]),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    if ucd:
        table.header["TUCD1"] = ucd
    head = {**ESO, "PRODCATG": "SCIENCE.SPECTRUM", "SPECSYS": specsys, "SPEC_RES": 42310.0, **cards}
    return write(path, primary({"MJD-OBS": 59000.0, "MJD-END": 59000.01, "INSTRUME": "UVES", **head}), table)


def test_eso_phase_3(tmp_path):
    spectrum = read_spectrum(phase3(tmp_path / "air.fits"))
    np.testing.assert_allclose(vacuum_to_air(spectrum.orders[0].wavelength), wave(6000.0), atol=1e-8)
    meta = spectrum.metadata
    assert (meta.frame, meta.resolving_power, meta.time.mjd) == (
        "observatory",
        42310.0,
        pytest.approx(59000.005),
    )
    vacuum = read_spectrum(phase3(tmp_path / "vac.fits", ucd="em.wl", unit="nm", specsys="BARYCENT"))
    np.testing.assert_allclose(vacuum.orders[0].wavelength, wave(6000.0), rtol=1e-12)
    assert vacuum.metadata.frame == "barycentric"
    silent = read_spectrum(phase3(tmp_path / "no.fits", errors=False, ucd=""))
    assert silent.orders[0].uncertainty[0] == pytest.approx(1.0, rel=0.3)  # from the scatter of the flux
    assert any("estimated" in note for note in silent.metadata.notes)


@pytest.mark.parametrize(
    ("arm", "slit", "power"),
    [("VIS", "0.9x11", 8000 / 0.9), ("NIR", "0.6x11", 5040 / 0.6), ("UVB", "1.0x11", 5400)],
)
def test_xshooter_merged(tmp_path, arm, slit, power):
    """X-shooter Pipeline User Manual, section 11: SCI_SLIT_FLUX_MERGE1D, FLUX, ERRS, QUAL, nm."""
    axis = {"CRVAL1": 600.0, "CDELT1": 0.02, "CRPIX1": 1.0, "CTYPE1": "WAVE", "CUNIT1": "nm"}
    number = {"UVB": 3, "VIS": 4, "NIR": 5}[arm]
    head = {
        **ESO,
        **axis,
        "INSTRUME": "XSHOOTER",
        "HIERARCH ESO SEQ ARM": arm,
        f"HIERARCH ESO INS OPTI{number} NAME": slit,
    }
    flux, quality = noisy()[0], np.zeros(N, np.int32)
    quality[7] = 1
    path = write(
        tmp_path / "x.fits",
        primary(head, flux),
        fits.ImageHDU(np.full(N, 2.0), name="ERRS"),
        fits.ImageHDU(quality, name="QUAL"),
    )
    order = read_spectrum(path).orders[0]
    np.testing.assert_allclose(vacuum_to_air(order.wavelength), 6000.0 + 0.2 * np.arange(N), rtol=1e-12)
    assert order.mask.sum() == 1 and np.all(order.uncertainty == 2.0)
    assert read_spectrum(path).metadata.resolving_power == pytest.approx(power)


def test_uves_merged(tmp_path):
    """UVES Pipeline User Manual, section 11: a one-dimensional image in Angstrom."""
    axis = {"CRVAL1": 5800.0, "CDELT1": 0.0172, "CTYPE1": "LINEAR", "CUNIT1": "Angstrom"}
    head = {
        **ESO,
        **axis,
        "INSTRUME": "UVES",
        "HIERARCH ESO INS PATH": "RED",
        "HIERARCH ESO INS SLIT3 WID": 0.3,
    }
    spectrum = read_spectrum(write(tmp_path / "x.fits", primary(head, noisy()[0])))
    assert spectrum.metadata.resolving_power == pytest.approx(38_700 / 0.3)
    assert spectrum.metadata.site.longitude == pytest.approx(-70.4032)
    assert spectrum.metadata.medium_as_read == "air" and any(
        "estimated" in n for n in spectrum.metadata.notes
    )


def test_salt_hrs_orders_in_extensions(tmp_path):
    """SALT's MIDAS pipeline, *we.fits: each order an extension with equal steps (Kniazev et al. 2016)."""
    axis = {"CRVAL1": 5500.0, "CDELT1": 0.04, "CTYPE1": "LINEAR"}
    second = fits.ImageHDU(noisy()[0])
    second.header.update({**axis, "CRVAL1": 5560.0})
    head = {**axis, "INSTRUME": "HRS", "OBSERVAT": "SALT", "OBSMODE": "HIGH RESOLUTION", "OBJECT": "x"}
    spectrum = read_spectrum(write(tmp_path / "x.fits", primary(head, noisy()[0]), second))
    assert len(spectrum.orders) == 2 and spectrum.metadata.resolving_power == 65_000
    assert spectrum.metadata.site.name.startswith("Southern African")


def multispec_file(path, functions, n=N):
    text = "wtype=multispec " + " ".join(f'spec{i} = "{spec}"' for i, spec in enumerate(functions, 1))
    cards = {
        "CTYPE1": "MULTISPE",
        "INSTRUME": "HRS",
        "OBJECT": "x",
        "WAT1_001": "wtype=multispec units=angstroms",
    }
    for k in range(0, len(text), 68):
        cards[f"WAT2_{k // 68 + 1:03d}"] = text[k : k + 68]
    return write(path, primary(cards, noisy(len(functions), n)))


def test_multispec_functions(tmp_path):
    """IRAF's `specwcs`: linear, logarithmic, Chebyshev, Legendre, splines and a pixel list, by hand."""
    x = np.arange(1.0, N + 1)
    u = (2 * x - (N + 1)) / (N - 1)
    pixels = " ".join(str(5000.0 + 0.1 * i) for i in range(N))
    rows = {
        f"1 60 0 5000.0 0.05 {N} 0.0 1 2": 5000.0 + 0.05 * (x - 1),
        f"2 59 1 3.7 1e-5 {N} 0.0 1 2": 10 ** (3.7 + 1e-5 * (x - 1)),
        f"3 58 2 0 0 {N} 0.0 1 2 1.0 0.0 1 3 1 {N} 5100.0 5.0 0.5": 5100 + 5 * u + 0.5 * (2 * u**2 - 1),
        f"4 57 2 0 0 {N} 0.0001 1 2 1.0 2.0 2 3 1 {N} 5200.0 5.0 0.5": (
            5202 + 5 * u + 0.5 * (1.5 * u**2 - 0.5)
        )
        / 1.0001,
        f"5 56 2 0 0 {N} 0.0 1 2 1.0 0.0 4 2 1 {N} 5300.0 5305.0 5312.0": np.interp(
            x, [1, (N + 1) / 2, N], [5300, 5305, 5312]
        ),
        f"6 55 2 0 0 {N} 0.0 1 2 1.0 0.0 5 {N} {pixels}": 5000 + 0.1 * (x - 1),
        f"7 54 2 0 0 {N} 0.0 1 2 0.5 0.0 1 2 1 {N} 5400.0 5.0 0.5 0.0 1 2 1 {N} 5400.0 7.0": 5400 + 6 * u,
    }
    path = multispec_file(tmp_path / "x.fits", rows)
    spectrum = read_spectrum(path)
    assert [order.echelle_order for order in spectrum.orders] == [60, 59, 58, 57, 56, 55, 54]
    for order, expected in zip(spectrum.orders, rows.values(), strict=True):
        np.testing.assert_allclose(vacuum_to_air(order.wavelength), expected, rtol=1e-9)


def test_multispec_cubic_spline_reproduces_a_line(tmp_path):
    """Cubic B-spline coefficients that lie on a line give that line: sum of the four bases is 6, centred."""
    n, pieces = 50, 4
    coefficients = " ".join(str((5000.0 + 10.0 * (i - 1)) / 6.0) for i in range(pieces + 3))
    values = {"WAT2_001": f'spec1 = "1 60 2 0 0 {n} 0.0 1 2 1.0 0.0 3 {pieces} 1 {n} {coefficients}"'}
    aperture = multispec(values, 1, n)[0]
    expected = 5000.0 + 10.0 * pieces * np.arange(n) / (n - 1)
    np.testing.assert_allclose(aperture.wavelength, expected, rtol=1e-12)


def test_multispec_cut_short_is_an_error(tmp_path):
    path = multispec_file(tmp_path / "x.fits", [f"1 60 2 0 0 {N} 0.0 1 2 1.0 0.0 1 6 1 {N} 5100.0 5.0"])
    with pytest.raises(InputError, match="aperture 1"):
        read_spectrum(path)


def test_aspcap_star(tmp_path):
    """data.sdss.org/datamodel, aspcapStar: normalised spectrum, error, best fit, on apStar's logarithmic
    axis."""
    axis = {"CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1, "CTYPE1": "LOG-LINEAR"}
    images = []
    for data in (np.ones(8575), np.full(8575, 0.01), np.ones(8575)):
        hdu = fits.ImageHDU(data)
        hdu.header.update(axis)
        images.append(hdu)
    table = fits.BinTableHDU.from_columns([fits.Column("TEFF", "E", array=[4500.0])])
    head = {"NWAVE": 8575, "OBJID": "2M1", "HISTORY": "ASPCAP version 1", **axis}
    spectrum = read_spectrum(write(tmp_path / "x.fits", primary(head), *images, table))
    order = spectrum.orders[0]
    np.testing.assert_allclose(order.wavelength[[0, -1]], 10 ** (4.179 + 6e-6 * np.array([0, 8574])))
    assert spectrum.metadata.frame == "rest" and order.n_good == 8575


def test_igrins_2_with_everything_in_one_file(tmp_path):
    """Spectrum, variance and wavelength [micron] (gemini.edu/instrumentation/igrins-2/data-reduction)."""
    waves = np.stack([wave(1.65 + 0.01 * k, step=5e-6) for k in range(3)])
    flux = noisy(3)
    images = [fits.ImageHDU(data) for data in (flux, np.full(flux.shape, 4.0), waves)]
    head = {
        "INSTRUME": "IGRINS-2",
        "OBJECT": "star",
        "TELESCOP": "Gemini-North",
        "DATE-OBS": "2024-06-01T08:00:00",
    }
    spectrum = read_spectrum(write(tmp_path / "x.spec.fits", primary(head), *images))
    assert (spectrum.metadata.instrument, spectrum.metadata.site.name) == ("IGRINS-2", "Gemini North")
    np.testing.assert_allclose(spectrum.orders[1].wavelength, waves[1] * 1e4, rtol=1e-12)
    np.testing.assert_array_equal(spectrum.orders[2].flux, flux[2])
    assert np.all(spectrum.orders[0].uncertainty == 2.0) and spectrum.metadata.resolving_power == 45_000


def test_igrins_2_reads_like_igrins(tmp_path):
    """IGRINS-2 keeps the products of the pipeline PLP, with INSTRUME = IGRINS-2 and Gemini North."""
    waves = np.stack([wave(16000.0), wave(15800.0)]) / 1e4
    head = {
        "INSTRUME": "IGRINS-2",
        "TELESCOP": "Gemini North",
        "OBJECT": "x",
        "DATE-OBS": "2024-03-01T05:00:00",
    }
    path = write(tmp_path / "SDCH_x.spec.fits", primary(head, noisy(2)), fits.ImageHDU(waves))
    write(tmp_path / "SDCH_x.variance.fits", primary({}, np.full((2, N), 4.0)))
    spectrum = read_spectrum(path)
    assert (spectrum.metadata.instrument, spectrum.metadata.site.name) == ("IGRINS-2", "Gemini North")
    assert np.all(spectrum.orders[0].uncertainty == 2.0)


def test_harps_n_e2ds(tmp_path):
    """TNG's HARPS-N keeps the layout of HARPS' DRS 3 with 'TNG' for 'ESO' in its keywords."""
    head = {"INSTRUME": "HARPN", "OBJECT": "x", "DATE-OBS": "2015-01-01T00:00:00", "EXPTIME": 10.0}
    head |= {"HIERARCH TNG DRS VERSION": "HARPN_3.7", "HIERARCH TNG DRS BERV": 1.25}
    head |= {"HIERARCH TNG DRS CAL TH DEG LL": 1}
    for i in range(2):
        head[f"HIERARCH TNG DRS CAL TH COEFF LL{2 * i}"] = 5000.0 + 40 * i
        head[f"HIERARCH TNG DRS CAL TH COEFF LL{2 * i + 1}"] = 0.012
    spectrum = read_spectrum(write(tmp_path / "x.fits", primary(head, noisy(2, 1200))))
    assert (spectrum.metadata.instrument, spectrum.metadata.barycentric_velocity) == ("HARPS-N", 1.25)
    np.testing.assert_allclose(vacuum_to_air(spectrum.orders[1].wavelength), 5040.0 + 0.012 * np.arange(1200))


def test_eso_crires_extraction_with_errors(tmp_path):
    """CRIRES Pipeline User Manual, VLT-MAN-ESO-19500-4406: Wavelength [nm], Extracted_OPT, Error_OPT per
    chip."""
    tables = []
    for chip in range(4):
        columns = [
            fits.Column("Wavelength", "D", array=wave(2100.0 + 15 * chip, 1024, 0.01)),
            fits.Column("Extracted_OPT", "D", array=noisy(1, 1024)[0]),
            fits.Column("Error_OPT", "D", array=np.full(1024, 0.5)),
        ]
        tables.append(fits.BinTableHDU.from_columns(columns))
    head = {**ESO, "INSTRUME": "CRIRES", "HIERARCH ESO INS SLIT1 WID": 0.2}
    spectrum = read_spectrum(write(tmp_path / "x.fits", primary(head), *tables))
    assert len(spectrum.orders) == 4 and spectrum.metadata.resolving_power == pytest.approx(100_000)
    assert np.all(spectrum.orders[3].uncertainty == 0.5)
