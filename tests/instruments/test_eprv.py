"""The EPRV standard, written and read back, and read as other software writes it."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from blase.containers import from_arrays
from blase.containers.observation import Site, SkyPosition
from blase.errors import InputError
from blase.instruments import read_spectrum, write_eprv


def spectrum(frame="observatory", **metadata):
    """Two orders of unequal length with blaze, sky and a masked pixel."""
    rng = np.random.default_rng(1)
    waves = [8000.0 + 0.05 * np.arange(120), 8100.0 + 0.05 * np.arange(100)]
    flux = [50.0 + rng.normal(size=w.size) for w in waves]
    mask = [np.zeros(w.size, bool) for w in waves]
    mask[0][5] = True
    return from_arrays(
        waves,
        flux,
        [np.full(w.size, 2.0) for w in waves],
        mask,
        wavelength_unit="A",
        frame=frame,
        blaze=[np.linspace(0.5, 1.0, w.size) for w in waves],
        sky=[np.full(w.size, 3.0) for w in waves],
        sky_uncertainty=[np.full(w.size, 0.5) for w in waves],
        echelle_orders=[76, 75],
        target="GJ 699",
        instrument="HPF",
        **metadata,
    )


FACTS = {
    "time": Time("2021-05-17T05:45:31.500"),
    "barycentric_velocity": -21.9,
    "site": Site("Hobby-Eberly Telescope", -104.0147, 30.6814, 2026.0),
    "position": SkyPosition(269.45, 4.69),
}


def test_round_trip(tmp_path):
    first = spectrum(**FACTS)
    back = read_spectrum(write_eprv(first, tmp_path / "x.fits"))
    for a, b in zip(first.orders, back.orders, strict=True):
        for name in ("wavelength", "flux", "uncertainty", "blaze", "sky", "sky_uncertainty", "mask"):
            np.testing.assert_array_equal(getattr(b, name), getattr(a, name), err_msg=name)
        assert a.echelle_order == b.echelle_order
    one, two = first.metadata, back.metadata
    assert (two.target, two.instrument, two.frame, two.site) == (
        one.target,
        one.instrument,
        "observatory",
        one.site,
    )
    assert two.barycentric_velocity == one.barycentric_velocity and abs((two.time - one.time).sec) < 1e-3
    assert two.position == one.position


def test_barycentric_wavelengths_are_written_for_the_observatory(tmp_path):
    moved = spectrum("barycentric", **FACTS)
    back = read_spectrum(write_eprv(moved, tmp_path / "x.fits"))
    factor = 1.0 + (-21.9) / 299_792.458
    np.testing.assert_allclose(back.orders[0].wavelength * factor, moved.orders[0].wavelength, rtol=1e-14)
    with pytest.raises(InputError, match="frame"):
        write_eprv(spectrum("rest"), tmp_path / "y.fits")


def test_an_existing_file_is_kept(tmp_path):
    path = write_eprv(spectrum(), tmp_path / "x.fits")
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists"):
        write_eprv(spectrum(), path)
    assert path.read_bytes() == before and write_eprv(spectrum(), path, overwrite=True) == path


def test_required_extensions_and_keywords_are_there(tmp_path):
    """The extensions that `L2-extensions.csv` of the standard marks as required, with their data types."""
    with fits.open(write_eprv(spectrum(**FACTS), tmp_path / "x.fits")) as hdus:
        names = {hdu.name: hdu for hdu in hdus}
        tables = ("RECEIPT", "DRP_CONFIG", "EXT_DESCRIPT", "ORDER_TABLE")
        images = ("INSTRUMENT_HEADER", "TRACE1_FLUX", "TRACE1_WAVE", "TRACE1_VAR", "TRACE1_BLAZE")
        images += ("BARYCORR_KMS", "BARYCORR_Z", "BJD_TDB")
        assert all(isinstance(names[name], fits.BinTableHDU) for name in tables)
        assert all(isinstance(names[name], fits.ImageHDU) for name in images)
        assert names["TRACE1_WAVE"].data.dtype.itemsize == 8 and np.isnan(names["TRACE1_WAVE"].data[1, -1])
        assert {"INSTRUME", "DATALVL", "NUMTRACE", "NUMORDER", "OBJECT", "JD_UTC", "VOCLASS"} <= set(
            hdus[0].header
        )
        assert names["ORDER_TABLE"].columns.names == [
            "ECHELLE_ORDER",
            "ORDER_INDEX",
            "WAVE_START",
            "WAVE_END",
        ]


def test_several_science_traces_follow_one_another_and_velocities_per_pixel_are_summarised(tmp_path):
    """As KPF's translator writes: slices SCI, a SKY trace of other wavelengths, an array of velocities."""
    wave = np.stack([6000.0 + 0.03 * np.arange(80), 6100.0 + 0.03 * np.arange(80)])
    hdus = [fits.PrimaryHDU()]
    hdus[0].header.update(
        {"INSTRUME": "KPF", "TRACE1": "CAL", "TRACE2": "SCI", "TRACE3": "SCI", "TRACE4": "SKY"}
    )
    for n, shift in ((1, 0.0), (2, 0.0), (3, 0.01), (4, 0.02)):
        for name, data in (("FLUX", wave * n), ("WAVE", wave + shift), ("VAR", wave * 0 + n**2)):
            hdus.append(fits.ImageHDU(data, name=f"TRACE{n}_{name}"))
    hdus.append(fits.ImageHDU(np.array([[1.0, 1.2], [1.1, np.nan]]), name="BARYCORR_KMS"))
    fits.HDUList(hdus).writeto(tmp_path / "x.fits")
    read = read_spectrum(tmp_path / "x.fits")
    assert len(read.orders) == 4 and read.metadata.barycentric_velocity == pytest.approx(1.1)
    np.testing.assert_array_equal([order.uncertainty[0] for order in read.orders], [2.0, 2.0, 3.0, 3.0])
    order = read.orders[2]
    np.testing.assert_allclose(order.sky[1:], 4.0 * (order.wavelength[1:] - 0.02), rtol=1e-12)
    assert np.isnan(order.sky[0]) and order.blaze is None
