"""Generic tables in every format that is read."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table

from blase import instruments
from blase.errors import BlaseWarning, InputError
from blase.functional.air import vacuum_to_air

N = 80
WAVELENGTH = 8000.0 + 0.1 * np.arange(N)
FLUX = 1.0 + 0.1 * np.sin(np.arange(N))
ERROR = np.full(N, 0.01)


def read_spectrum(path, **options):
    """The spectrum in `path`; in vacuum, unless another medium or none is asked for."""
    return instruments.read_spectrum(path, **{"medium": "vacuum", **options})


def write_fits(path, *, names=("wavelength", "flux", "uncertainty"), unit="Angstrom", header=None, scale=1.0):
    columns = [
        fits.Column(names[0], "D", unit, array=WAVELENGTH * scale),
        fits.Column(names[1], "D", array=FLUX),
        fits.Column(names[2], "D", array=ERROR),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(header or {})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def write_text(path, *, header="", comma=" ", columns=3, scale=1.0):
    rows = np.stack([WAVELENGTH * scale, FLUX, ERROR])[:columns].T
    path.write_text(header + "\n".join(comma.join(repr(float(cell)) for cell in row) for row in rows) + "\n")


def write_ecsv(path, *, unit=u.AA, meta=None):
    wavelength = (WAVELENGTH * u.AA).to(unit)
    QTable({"wave": wavelength, "flux": FLUX, "error": ERROR}, meta=meta or {}).write(
        path, format="ascii.ecsv"
    )


WRITERS = {
    "fits": lambda path: write_fits(path),
    "fits, nm": lambda path: write_fits(path, unit="nm", scale=0.1),
    "ecsv": lambda path: write_ecsv(path),
    "ecsv, micron": lambda path: write_ecsv(path, unit=u.um),
    "csv": lambda path: write_text(path, header="wavelength_A,flux,flux_err\n", comma=","),
    "csv, nm": lambda path: write_text(path, header="wl_nm,spec,sigma\n", comma=",", scale=0.1),
    "semicolons": lambda path: write_text(path, header="wave (um);flux;err\n", comma="; ", scale=1e-4),
    "blanks": lambda path: write_text(path, header="lambda [nm] flux error\n", scale=0.1),
    "comment header": lambda path: write_text(path, header="# made today\n# wavelength_AA flux error\n"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_same_spectrum(tmp_path, kind):
    path = tmp_path / "spectrum.any"
    WRITERS[kind](path)
    spectrum = read_spectrum(path)
    (order,) = spectrum.orders
    np.testing.assert_allclose(order.wavelength, WAVELENGTH, rtol=1e-14)
    np.testing.assert_array_equal(order.flux, FLUX)
    np.testing.assert_array_equal(order.uncertainty, ERROR)
    assert spectrum.metadata.path == str(path) and len(spectrum.metadata.sha256) == 64
    assert spectrum.metadata.frame == "unknown" and any("--frame" in note for note in spectrum.metadata.notes)


@pytest.mark.parametrize(("unit", "scale"), [("A", 1.0), ("nm", 0.1), ("um", 1e-4)])
def test_nameless_columns_need_a_unit_and_take_it(tmp_path, unit, scale):
    path = tmp_path / "s.txt"
    write_text(path, scale=scale)
    with pytest.raises(InputError, match="--wavelength-unit") as caught:
        read_spectrum(path)
    assert "look like" in str(caught.value) and str(path) in str(caught.value)
    spectrum = read_spectrum(path, wavelength_unit=unit)
    np.testing.assert_allclose(spectrum.orders[0].wavelength, WAVELENGTH, rtol=1e-14)
    assert f"wavelength unit: {unit}, as asked" in spectrum.metadata.history


def test_two_columns_estimate_the_noise(tmp_path):
    write_text(tmp_path / "s.txt", columns=2)
    spectrum = read_spectrum(tmp_path / "s.txt", wavelength_unit="A")
    assert np.ptp(spectrum.orders[0].uncertainty) == 0 and "no uncertainties" in spectrum.metadata.notes[0]


def test_options_override_the_file_and_are_recorded(tmp_path):
    write_fits(
        tmp_path / "s.fits", unit="nm", header={"INSTRUME": "HPF", "BRVCORR": -1000.0, "SPECSYS": "TOPOCENT"}
    )
    plain = read_spectrum(tmp_path / "s.fits").metadata
    assert (plain.frame, plain.barycentric_velocity, plain.resolving_power) == ("observatory", -1.0, 55_000.0)
    options = {"wavelength_unit": "A", "frame": "barycentric", "berv": 2.0, "resolving_power": (80_000, 100)}
    asked = read_spectrum(tmp_path / "s.fits", **options)
    meta = asked.metadata
    np.testing.assert_array_equal(asked.orders[0].wavelength, WAVELENGTH)
    assert (meta.frame, meta.barycentric_velocity) == ("barycentric", 2.0)
    assert (meta.resolving_power, meta.resolving_power_error, meta.resolving_power_source) == (
        80_000,
        100,
        "as asked",
    )
    history = " | ".join(meta.history)
    for part in (
        "A, as asked (the file says nm)",
        "barycentric, as asked (was observatory)",
        "(was -1.0)",
        "(was 55000",
    ):
        assert part in history


@pytest.mark.parametrize("how", ["option", "name", "keyword"])
def test_air_is_converted_however_it_is_stated(tmp_path, how):
    path = tmp_path / "s.ecsv"
    air = vacuum_to_air(WAVELENGTH)
    column = "wave_air" if how == "name" else "wave"
    meta = {"medium": "air"} if how == "keyword" else {}
    QTable({column: air * u.AA, "flux": FLUX, "error": ERROR}, meta=meta).write(path, format="ascii.ecsv")
    spectrum = read_spectrum(path, medium="air" if how == "option" else None)
    np.testing.assert_allclose(spectrum.orders[0].wavelength, WAVELENGTH, rtol=1e-12)
    assert spectrum.metadata.medium_as_read == "air"


def test_medium_is_said_to_be_assumed(tmp_path):
    write_ecsv(tmp_path / "s.ecsv")
    with pytest.warns(BlaseWarning, match="s.ecsv: vacuum wavelengths assumed.*--medium air"):
        meta = read_spectrum(tmp_path / "s.ecsv", medium=None).metadata
    assert "medium: vacuum assumed, since nothing states it" in meta.history
    assert any("--medium air" in note for note in meta.notes)


def test_vacuum_needs_no_word_in_the_infrared(tmp_path):
    write_fits(tmp_path / "s.fits", scale=2.6)
    meta = read_spectrum(tmp_path / "s.fits", medium=None).metadata
    assert "medium: vacuum assumed, since nothing states it" in meta.history


@pytest.mark.parametrize("kind", WRITERS)
def test_gzipped_files_are_read(tmp_path, kind):
    WRITERS[kind](tmp_path / "plain")
    (tmp_path / "zipped").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    plain, zipped = (read_spectrum(tmp_path / name) for name in ("plain", "zipped"))
    for name in ("wavelength", "flux", "uncertainty"):
        np.testing.assert_array_equal(getattr(zipped.orders[0], name), getattr(plain.orders[0], name))
    assert zipped.metadata.sha256 == hashlib.sha256((tmp_path / "zipped").read_bytes()).hexdigest()


def test_order_and_mask_columns(tmp_path):
    table = Table({"wavelength_A": np.r_[WAVELENGTH, WAVELENGTH + 5], "flux": np.r_[FLUX, FLUX]})
    table["error"], table["m"] = 0.01, np.repeat([61, 60], N)
    table["mask"] = np.arange(2 * N) % N < 3
    for name in ("s.csv", "s.fits"):
        table.write(tmp_path / name)
        spectrum = read_spectrum(tmp_path / name)
        assert [(o.row, o.echelle_order, o.n_good) for o in spectrum.orders] == [
            (0, 61, N - 3),
            (1, 60, N - 3),
        ]


def test_order_numbers_must_be_whole(tmp_path):
    (tmp_path / "s.csv").write_text("wavelength_A,flux,order\n1000,1,0\n1001,1,0.5\n")
    with pytest.raises(InputError, match="not a whole number"):
        read_spectrum(tmp_path / "s.csv")


def test_two_dimensional_columns_are_orders(tmp_path):
    shape = (2, N)
    columns = [
        fits.Column("WAVE", f"{N}D", "um", array=np.stack([WAVELENGTH, WAVELENGTH + 20]) * 1e-4),
        fits.Column("FLUX", f"{N}D", array=np.ones(shape)),
        fits.Column("ERR", f"{N}D", array=np.ones(shape)),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "s.fits")
    np.testing.assert_allclose(
        read_spectrum(tmp_path / "s.fits").orders[1].wavelength, WAVELENGTH + 20, rtol=1e-14
    )


def test_columns_by_name(tmp_path):
    write_fits(tmp_path / "s.fits", names=("x", "y", "dy"))
    with pytest.raises(InputError, match="no column is recognised as the wavelength") as caught:
        read_spectrum(tmp_path / "s.fits")
    assert "columns x, y, dy" in str(caught.value)
    chosen = {"wavelength": "x", "flux": "y", "uncertainty": "dy"}
    np.testing.assert_array_equal(read_spectrum(tmp_path / "s.fits", columns=chosen).orders[0].flux, FLUX)
    with pytest.raises(InputError, match="no column 'z'"):
        read_spectrum(tmp_path / "s.fits", columns={"wavelength": "z"})
    with pytest.raises(InputError, match="unknown kind of column"):
        read_spectrum(tmp_path / "s.fits", columns={"colour": "x"})


def test_the_second_table_is_found(tmp_path):
    write_fits(tmp_path / "one.fits")
    log = fits.BinTableHDU.from_columns([fits.Column("message", "3A", array=["abc"])])
    with fits.open(tmp_path / "one.fits") as hdus:
        fits.HDUList([fits.PrimaryHDU(), log, hdus[1]]).writeto(tmp_path / "two.fits")
    assert read_spectrum(tmp_path / "two.fits").n_good == N


def test_nirspec_tables(shared_data):
    """Columns 'wave (A)', 'flux (cnts)', 'noise (cnts)': 1024 pixels each."""
    for path in (shared_data / "observed" / "NIRSPEC").glob("*_flux_tbl.fits"):
        (order,) = read_spectrum(path).orders
        assert len(order) == 1024 and order.n_good > 900


def test_wasp_69(shared_data):
    spectrum = read_spectrum(shared_data / "observed" / "HPF" / "WASP_69_hpf_stack.fits")
    (order,), meta = spectrum.orders, spectrum.metadata
    assert (len(order), order.n_good) == (2048, 2022) and order.mask[-26:].all()
    assert order.wavelength[0] == pytest.approx(8656.17, abs=0.01)
    assert meta.barycentric_velocity == pytest.approx(-27.52368, abs=1e-5)
    assert (meta.target, meta.instrument, meta.frame) == ("WASP_69_out_2_before_4", "HPF", "unknown")
    assert meta.resolving_power == 55_000.0 and any("BRVCORR" in line for line in meta.history)
    assert meta.time.isot == "2019-10-19T01:55:34.941"


def test_hdf5_with_units_in_attributes(tmp_path):
    h5py = pytest.importorskip("h5py")
    wave = np.stack([800.0 + 0.002 * np.arange(80), 810.0 + 0.002 * np.arange(80)])
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["wavelength_vac"], file["flux"], file["error"] = wave, wave * 0 + 5.0, wave * 0 + 0.1
        file["wavelength_vac"].attrs["unit"] = "nm"
        file["something_else"] = np.arange(3)
    spectrum = read_spectrum(tmp_path / "s.h5")
    np.testing.assert_allclose(spectrum.orders[1].wavelength, wave[1] * 10.0)
    assert len(spectrum.orders) == 2 and np.all(spectrum.orders[0].uncertainty == 0.1)
    (tmp_path / "cut.h5").write_bytes((tmp_path / "s.h5").read_bytes()[:900])
    with pytest.raises(InputError, match="truncated or damaged"):
        read_spectrum(tmp_path / "cut.h5")
