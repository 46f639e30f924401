"""Every real spectrum is read from its content alone, and says what its header and the data's README say."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from blase.errors import InputError
from blase.functional.air import vacuum_to_air
from blase.instruments import read_spectrum
from blase.instruments.barycentre import barycentric_velocity
from blase.instruments.base import look
from blase.instruments.header import header_values
from blase.instruments.iraf import multispec
from blase.instruments.registry import readers

# path, reader, orders, wavelength range [vacuum A], medium, frame, target, BERV [km/s], R
FILES = [
    (
        "APOGEE/apVisit-r13-*",
        "apogee",
        3,
        (15142, 16955),
        "vacuum",
        "observatory",
        "2M00242666+5341178",
        -14.5808,
        22_500,
    ),
    (
        "APOGEE/apStar-dr17-*",
        "apogee",
        1,
        (15101, 17000),
        "vacuum",
        "rest",
        "2M19485057+5005279",
        10.5551,
        22_500,
    ),
    (
        "CRIRES/HD30501/1/*_2.nod*",
        "crires",
        1,
        (21269, 21381),
        "vacuum",
        "observatory",
        "HD30501",
        None,
        50_000,
    ),
    (
        "viper_tests/220325_1.fits",
        "crires+",
        21,
        (19459, 25010),
        "vacuum",
        "observatory",
        "CD-40 9712",
        None,
        140_000,
    ),
    (
        "HARPS/CenB_s1d/*03-26*",
        "harps",
        1,
        (3783, 6914.5),
        "air",
        "barycentric",
        "HD128621",
        18.0614,
        115_000,
    ),
    (
        "HARPS/actin/*_e2ds_A.fits",
        "harps",
        72,
        (3781, 6914.5),
        "air",
        "observatory",
        "Gl273",
        15.2577,
        115_000,
    ),
    ("HARPS/actin/*_s1d_A.fits", "harps", 1, (3782, 6914), "air", "barycentric", "Gl581", -23.5439, 115_000),
    ("HARPS/Sun/*.fits", "harps", 1, (3784, 6915), "air", "unknown", "Ganymede", 24.9557, 115_000),
    ("HIRES_APF/*.fits", "hires", 16, (4978, 6423), "air", "observatory", "Ganymede [ L1]", None, 67_944),
    (
        "IGRINS/01*/SDCH*.spec.fits",
        "igrins",
        28,
        (14297, 18347),
        "vacuum",
        "observatory",
        "CPD-57 1131",
        None,
        45_000,
    ),
    (
        "IGRINS/01*/SDCK*.spec.fits",
        "igrins",
        26,
        (18473, 25188),
        "vacuum",
        "observatory",
        "CPD-57 1131",
        None,
        45_000,
    ),
    (
        "IGRINS/01*/SDCH*.spec_a0v.fits",
        "igrins",
        28,
        (14297, 18347),
        "vacuum",
        "observatory",
        "CPD-57 1131",
        None,
        45_000,
    ),
    (
        "IGRINS/02*/*0120.spec.fits",
        "igrins",
        26,
        (18473, 25187),
        "vacuum",
        "observatory",
        "Orion Bar",
        None,
        45_000,
    ),
    (
        "IGRINS/02*/*0126.spec.fits",
        "igrins",
        26,
        (18473, 25187),
        "vacuum",
        "observatory",
        "HD 34317",
        None,
        45_000,
    ),
    ("NIRSPEC/NS.2001*", "nirspec", 1, (12615, 12802), "vacuum", "observatory", None, None, 25_000),
    ("NIRSPEC/NS.2010*_43_*", "nirspec", 1, (17638, 17896), "vacuum", "observatory", None, None, 25_000),
    ("iSHELL/hd37887*", "spextool", 31, (20864, 23806), "vacuum", "observatory", "HD37887", None, 40_000),
    ("iSHELL/GJ699/*", "pychell", 29, (21693, 24723), "vacuum", "observatory", "GJ699", None, 80_000),
    ("TRES/*.hdf5", "starfish", 51, (3851, 9099), "air", "unknown", None, None, 44_000),
]


def observed(shared_data: Path, pattern: str) -> Path:
    found = sorted((shared_data / "observed").glob(pattern))
    assert found, pattern
    if found[0].suffix == ".hdf5":
        pytest.importorskip("h5py")
    return found[0]


@pytest.mark.parametrize("row", FILES, ids=[row[0] for row in FILES])
def test_file_says_what_is_known_of_it(shared_data, row):
    pattern, reader, n_orders, (low, high), medium, frame, target, berv, power = row
    path = observed(shared_data, pattern)
    assert next(r.name for r in readers().values() if r.recognises(look(path))) == reader
    info = read_spectrum(path).info()
    assert (info["n_orders"], info["medium_as_read"], info["frame"], info["target"]) == (
        n_orders,
        medium,
        frame,
        target,
    )
    assert min(o["wavelength_min"] for o in info["orders"]) == pytest.approx(low, abs=1.5)
    assert max(o["wavelength_max"] for o in info["orders"]) == pytest.approx(high, abs=1.5)
    assert info["resolving_power"] == pytest.approx(power, rel=1e-4) and info["resolving_power_source"]
    assert info["line_spread_fwhm_km_s"] == pytest.approx(299_792.458 / power, rel=1e-4)
    if berv is not None:
        assert info["barycentric_velocity_km_s"] == pytest.approx(berv, abs=1e-4)


@pytest.mark.parametrize("row", [row for row in FILES if row[7] is not None], ids=lambda row: row[0])
def test_velocity_of_the_header_agrees_with_ours(shared_data, row):
    """HARPS leaves out the Earth's time dilation and gravity, v^2/2c + GM/rc = 4.5 m/s; APOGEE, more."""
    meta = read_spectrum(observed(shared_data, row[0])).metadata
    ours = barycentric_velocity(meta.position, meta.time, meta.site)
    difference = (ours - meta.barycentric_velocity) * 1e3
    assert difference == pytest.approx(4.5, abs=0.5 if row[1] == "harps" else 20.0)


@pytest.mark.parametrize(
    ("pattern", "middle"),
    [
        ("APOGEE/apVisit-r13-*", "2016-12-07T04:59:15"),
        ("HARPS/actin/*_e2ds_A.fits", "2003-12-13T06:21:38"),
        ("HIRES_APF/*.fits", "2009-08-31T06:19:47"),
        ("IGRINS/02*/*0126.spec.fits", "2014-10-24T10:48:00"),
        ("NIRSPEC/NS.2010*_43_*", "2010-04-29T11:11:20"),
        ("iSHELL/GJ699/*", "2016-10-16T06:19:37"),
        ("iSHELL/hd37887*", "2016-11-07T11:16:29"),
    ],
)
def test_middle_of_the_exposure(shared_data, pattern, middle):
    from astropy.time import Time

    assert abs((read_spectrum(observed(shared_data, pattern)).metadata.time - Time(middle)).sec) < 1.5


def test_harps_wavelengths_are_those_of_the_calibration_file(shared_data):
    spectrum = read_spectrum(observed(shared_data, "HARPS/actin/*_e2ds_A.fits"))
    stored = fits.getdata(observed(shared_data, "HARPS/actin/*_wave_A.fits")).astype(np.float64)
    for order, row in zip(spectrum.orders, stored, strict=True):
        np.testing.assert_allclose(
            vacuum_to_air(order.wavelength), row, atol=5e-4
        )  # single precision in the file
        assert order.blaze is not None


def test_harps_noise_is_that_of_the_header(shared_data):
    """SPE EXT SNn, the ratio in the middle of order n, of the e2ds; and of the s1d, whose samples are
    finer."""
    path = observed(shared_data, "HARPS/actin/*_e2ds_A.fits")
    header, spectrum = fits.getheader(path), read_spectrum(path)
    for row in (30, 40, 50, 60, 70):
        order = spectrum.orders[row]
        ours = np.median(order.flux[1948:2148] / order.uncertainty[1948:2148])
        assert ours == pytest.approx(header[f"ESO DRS SPE EXT SN{row}"], rel=0.06)
    path = observed(shared_data, "HARPS/CenB_s1d/*03-26*")
    order, header = read_spectrum(path).orders[0], fits.getheader(path)
    at = np.abs(order.wavelength - 612_350.0 / 95) < 10.0  # échelle order 95 is row 65 without order 115
    ratio = np.percentile(order.flux[at] / order.uncertainty[at], 90)
    assert ratio == pytest.approx(
        header["ESO DRS SPE EXT SN65"] / np.sqrt(6446 * 0.82 / 299_792.458 / 0.01), rel=0.05
    )


def test_igrins_noise_from_variance_and_from_sn_agree(shared_data, tmp_path):
    path = observed(shared_data, "IGRINS/01*/SDCH*.spec.fits")
    for name in (path.name, path.name.replace(".spec.", ".sn.")):
        (tmp_path / name).write_bytes((path.parent / name).read_bytes())
    with_variance, with_sn = read_spectrum(path), read_spectrum(tmp_path / path.name)
    for a, b in zip(with_variance.orders, with_sn.orders, strict=True):
        good = ~a.mask & ~b.mask & (a.flux > 0)
        np.testing.assert_allclose(np.median(b.uncertainty[good] / a.uncertainty[good]), 1.0, atol=0.02)


def test_multispec_reproduces_the_wavelengths_beside_it(shared_data):
    """IGRINS files hold the same solution twice: as Chebyshev series for IRAF, and as an image."""
    path = observed(shared_data, "IGRINS/01*/SDCH*.spec.fits")
    with fits.open(path) as hdus:
        values, image = header_values(hdus[0].header), hdus[1].data * 1e4
    apertures = multispec(values, *image.shape)
    assert [a.beam for a in apertures] == list(range(98, 126))
    for aperture, row in zip(apertures, image, strict=True):
        np.testing.assert_allclose(aperture.wavelength, row, rtol=1e-6)


def test_na_d_of_the_sun_settles_air_of_hires(shared_data):
    """Ganymede moves by less than 40 km/s with respect to Sun and Earth together; air and vacuum differ by
    83."""
    spectrum = read_spectrum(observed(shared_data, "HIRES_APF/*.fits"))
    order = next(o for o in spectrum.orders if o.wavelength[0] < 5889 and o.wavelength[-1] > 5894)
    near = np.abs(order.wavelength - 5891.583) < 2.0
    deepest = order.wavelength[near][np.argmin(order.flux[near])]
    assert abs(deepest / 5891.583 - 1) * 299_792.458 < 40.0


def test_nearly_every_file_takes_less_than_half_a_second(shared_data):
    path = observed(shared_data, "IGRINS/01*/SDCH*.spec_a0v.fits")
    read_spectrum(path)
    start = time.process_time()
    read_spectrum(path)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "pattern",
    ["HARPS/actin/*_wave_A.fits", "HARPS/actin/*_ccf_*", "HARPS/actin/*_blaze*", "IGRINS/01*/*.sn.fits"],
)
def test_companions_are_no_spectra(shared_data, pattern):
    with pytest.raises(InputError, match=r"not a spectrum|name the .spec.fits"):
        read_spectrum(observed(shared_data, pattern))


def test_template_of_viper_in_two_units_is_one_spectrum(shared_data):
    """Two traces in Angstrom among 19 of ones in nm: they are where the star's own exposure has them."""
    template = read_spectrum(observed(shared_data, "viper_tests/test_tpl.fits"))
    exposure = read_spectrum(observed(shared_data, "viper_tests/220325_1.fits"))
    assert template.metadata.frame == "unknown"
    assert any("2 of 21 traces were in Angstrom" in text for text in template.metadata.history)
    made = [order for order in template.orders if order.n_good]
    assert len(made) == 2
    for order in made:
        assert order.n_good > 1900
        alike = next(o for o in exposure.orders if o.row == order.row)
        assert np.abs(order.wavelength[[0, -1]] / alike.wavelength[[0, -1]] - 1).max() < 30 / 299_792


def test_an_asked_unit_does_not_mix_with_what_is_there(shared_data):
    with pytest.raises(InputError, match="mixed units"):
        read_spectrum(observed(shared_data, "viper_tests/test_tpl.fits"), wavelength_unit="nm")


def test_ends_of_cr2res_orders_are_masked_and_what_is_left_is_smooth(shared_data):
    spectrum = read_spectrum(observed(shared_data, "viper_tests/220325_1.fits"))
    for order in spectrum.orders[9:15]:
        assert order.mask[:16].all() and order.mask[-16:].all()
        used = order.flux[~order.mask]
        for ends, inside in ((used[:10], used[10:60]), (used[-10:], used[-60:-10])):
            assert np.all(np.abs(ends / np.median(inside) - 1) < 0.35)


def test_the_falling_end_of_nirspec_orders_is_masked(shared_data):
    for path in sorted((shared_data / "observed" / "NIRSPEC").glob("*_flux_tbl.fits")):
        order = read_spectrum(path).orders[0]
        used = order.flux[~order.mask]
        assert np.median(used[-8:]) > 0.7 * np.median(used[-120:-60])
        assert order.mask[-30:].all() and order.n_good >= 990
