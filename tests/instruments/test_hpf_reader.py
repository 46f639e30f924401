"""HPF reader: a small file of its layout, and the real ones."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits

from blase.errors import InputError
from blase.instruments import read_spectrum
from blase.instruments.hpf import BLAZE_CONSTANT, blaze_function

N_ROWS, N_PIXELS = 3, 64


def hpf_file(path, *, errors="Variance", header=None, leave_out=()):
    """Three rows of 64 pixels in the layout of the instrument team, with two NaN edges."""
    m = 75 - np.arange(N_ROWS)[:, None]
    wavelength = BLAZE_CONSTANT / m * (1 + np.linspace(-0.006, 0.006, N_PIXELS))
    flux = np.full((N_ROWS, N_PIXELS), 100.0)
    flux[:, [0, -1]] = np.nan
    noise = 4.0 if errors == "Variance" else 2.0
    primary = fits.PrimaryHDU()
    primary.header.update({"INSTRUME": "HPF", "OBJECT": "GJ_699", "CUNITS": "e-/sec", **(header or {})})
    hdus = [primary]
    for name, data in [
        *(("Sci Flux", flux), ("Sky Flux", flux * 0.1), (f"Sci {errors}", flux * 0 + noise)),
        *((f"Sky {errors}", flux * 0 + noise), ("Sci Wavl", wavelength)),
    ]:
        if name not in leave_out:
            hdus.append(fits.ImageHDU(data, name=name))
    fits.HDUList(hdus).writeto(path)
    return path


QUEUE = {
    "QRA": "17:57:48.49",
    "QDEC": "+04:41:36.20",
    "QEQUINOX": 2000,
    "QEPOCH": 2000,
    "QPMRA": -798.6,
    "QPMDEC": 1e4,
}
TIMES = {"JD_FW0": 2458394.5711, "JD_FW1": 2458394.5712, "JD_FW2": 2458394.5718}


def test_gzipped(tmp_path):
    hpf_file(tmp_path / "x.fits")
    (tmp_path / "x.gz").write_bytes(gzip.compress((tmp_path / "x.fits").read_bytes()))
    assert read_spectrum(tmp_path / "x.gz").metadata.instrument == "HPF"


@pytest.mark.parametrize("errors", ["Variance", "Error"])
def test_variance_and_error_are_told_apart(tmp_path, errors):
    spectrum = read_spectrum(hpf_file(tmp_path / "x.fits", errors=errors))
    np.testing.assert_array_equal(spectrum.orders[0].uncertainty[1:-1], 2.0)
    assert [order.n_good for order in spectrum.orders] == [N_PIXELS - 2] * N_ROWS
    assert [order.echelle_order for order in spectrum.orders] == [75, 74, 73]


def test_metadata(tmp_path):
    meta = read_spectrum(hpf_file(tmp_path / "x.fits", header={**QUEUE, **TIMES})).metadata
    assert (meta.target, meta.instrument, meta.frame, meta.medium_as_read) == (
        "GJ_699",
        "HPF",
        "observatory",
        "vacuum",
    )
    assert meta.time.jd == pytest.approx(2458394.5712, abs=1e-9)
    assert meta.barycentric_velocity == pytest.approx(-25.905, abs=0.002)
    assert (meta.resolving_power, meta.resolving_power_error) == (
        55_000.0,
        1_650.0,
    ) and meta.flux_unit == "electron/s"
    assert any("sky was not subtracted (median 10 %" in note for note in meta.notes)


def test_velocity_is_unknown_without_position_and_stated_where_only_the_header_has_it(tmp_path):
    unknown = read_spectrum(hpf_file(tmp_path / "a.fits", header=TIMES)).metadata
    assert unknown.barycentric_velocity is None and any("unknown" in note for note in unknown.notes)
    stated = read_spectrum(hpf_file(tmp_path / "b.fits", header={"BRVCORR": -1234.5})).metadata
    assert stated.barycentric_velocity == pytest.approx(-1.2345)
    other_epoch = {**QUEUE, **TIMES, "QEPOCH": 2015.5}
    assert (
        read_spectrum(hpf_file(tmp_path / "c.fits", header=other_epoch)).metadata.barycentric_velocity is None
    )


def test_sky_is_subtracted_on_request_with_its_noise(tmp_path):
    path = hpf_file(tmp_path / "x.fits")
    order = read_spectrum(path, sky="subtract").orders[0]
    np.testing.assert_allclose(order.flux[1:-1], 90.0)
    np.testing.assert_allclose(order.uncertainty[1:-1], np.sqrt(8.0))
    with pytest.raises(InputError, match="treatment of the sky"):
        read_spectrum(path, sky="maybe")


def test_missing_sky_cannot_be_subtracted(tmp_path):
    path = hpf_file(tmp_path / "x.fits", leave_out=("Sky Flux", "Sky Variance"))
    assert read_spectrum(path).n_good
    with pytest.raises(InputError, match="no sky to subtract"):
        read_spectrum(path, sky="subtract")


def test_blaze_is_unity_at_its_peak_and_falls_off_symmetrically_in_one_over_wavelength():
    for m in (75, 60, 48):
        peak = BLAZE_CONSTANT / m
        assert blaze_function(np.array([peak]), m)[0] == pytest.approx(1.0)
        sides = blaze_function(1.0 / (1.0 / peak + np.array([-1e-7, 1e-7])), m)
        np.testing.assert_allclose(sides[0], sides[1], rtol=1e-9)
        half_order = blaze_function(np.array([BLAZE_CONSTANT / (m - 0.5)]), m)[0]
        np.testing.assert_allclose(half_order, (2 / np.pi) ** 2, rtol=1e-12)


def test_gj_699(shared_data):
    folder = shared_data / "observed" / "HPF" / "hpf_pipeline" / "GJ_699"
    first, second = (read_spectrum(path) for path in sorted(folder.glob("Slope-*.optimal.fits")))
    assert len(first.orders) == 28 and {len(order) for order in first.orders} == {2048}
    row = first.orders[1]
    assert (round(row.wavelength[0]), round(row.wavelength[-1])) == (8188, 8294) and row.n_good == 2040
    berv = [spectrum.metadata.barycentric_velocity for spectrum in (first, second)]
    np.testing.assert_allclose(berv, [-25.9047, -25.9139], atol=2e-4)


def test_blaze_flattens_a_hot_star(shared_data):
    """In five rows of an A0V star with few lines the ends are down by up to a half, and after deblazing by a
    tenth.
    """
    name = "Goldilocks_20210517T054403_v1.0_0060.spectra.fits"
    spectrum = read_spectrum(shared_data / "observed" / "HPF" / "goldilocks" / name)

    def ends_to_middle(values):
        level = [np.nanpercentile(values[i : i + 100], 90) for i in (20, 974, 1928)]
        return np.array([level[0], level[2]]) / level[1]

    for order in spectrum.select([2, 15, 16, 17, 18]).orders:
        assert ends_to_middle(order.flux).max() < 0.8
        np.testing.assert_allclose(ends_to_middle(order.flux / order.blaze), 1.0, atol=0.1)


def test_every_real_file_reads(shared_data):
    folder = shared_data / "observed" / "HPF"
    paths = [*folder.glob("hpf_pipeline/*/Slope-*.fits"), *folder.glob("goldilocks/*.fits")]
    assert len(paths) == 6
    for path in paths:
        info = read_spectrum(path).info()
        assert info["n_orders"] == 28 and info["frame"] == "observatory" and info["n_masked"] < 300
        assert abs(info["barycentric_velocity_km_s"]) < 31.0
        products = [
            row["echelle_order"] * (row["wavelength_min"] + row["wavelength_max"]) / 2
            for row in info["orders"]
        ]
        assert np.ptp(products) / np.mean(products) < 1e-4


def test_flat_without_wavelengths_is_not_a_spectrum(shared_data):
    path = (
        shared_data / "observed" / "HPF" / "hpf_pipeline" / "calib" / "alphabright_fcu_sept18_deblazed.fits"
    )
    with pytest.raises(InputError, match="no reader|not a spectrum"):
        read_spectrum(path)
    with pytest.raises(InputError, match="SCI WAVL"):
        read_spectrum(path, instrument="hpf")
