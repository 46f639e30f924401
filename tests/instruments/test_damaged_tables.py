"""Damaged HDF5 and text tables: a clear error, or a masked and correct read; never silence, never a crash."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from blase.errors import InputError
from blase.instruments import read_spectrum

N = 120
RNG = np.random.default_rng(11)


def waves(rows):
    return np.stack([16000.0 + 40.0 * row + 0.05 * np.arange(N) for row in range(rows)])


def values(rows):
    return {"wave": waves(rows), "flux": 100.0 + RNG.normal(size=(rows, N)), "error": np.ones((rows, N))}


def starfish(path, arrays):
    return _hdf5(path, dict(zip(("wls", "fls", "sigmas"), arrays.values(), strict=False)))


def hdf5_table(path, arrays):
    names = ("wavelength_vac", "flux", "uncertainty")
    _hdf5(path, dict(zip(names, arrays.values(), strict=False)), unit="Angstrom")


def _hdf5(path, named, unit=None):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in named.items():
            file[name] = array
        if unit and "wavelength_vac" in file:
            file["wavelength_vac"].attrs["unit"] = unit


def csv(path, arrays):
    _text(path, arrays, "wavelength_vac (A),flux,error", ",")


def plain_text(path, arrays):
    _text(path, arrays, "# wavelength_vac(A) flux error", " ")


def ecsv(path, arrays):
    names = ("wavelength_vac", "flux", "error")[: len(arrays)]
    head = ["# %ECSV 1.0", "# ---", "# datatype:"]
    units = {"wavelength_vac": ", unit: Angstrom"}
    head += [f"# - {{name: {name}, datatype: float64{units.get(name, '')}}}" for name in names]
    _text(path, arrays, "\n".join([*head, " ".join(names)]), " ")


def _text(path, arrays, head, separator):
    rows = zip(*(array.ravel() for array in arrays.values()), strict=True)
    lines = [separator.join(f"{value:.8g}" for value in row) for row in rows]
    path.write_text("\n".join([head, *lines]) + "\n")


LAYOUTS = {"starfish": (starfish, 3), "hdf5": (hdf5_table, 3), "csv": (csv, 1), "ecsv": (ecsv, 1)}
LAYOUTS["text"] = (plain_text, 1)


def some_wavelengths_nan(arrays):
    arrays["wave"][..., 10:20] = np.nan


def all_wavelengths_nan(arrays):
    arrays["wave"][...] = np.nan


def negative_wavelengths(arrays):
    arrays["wave"] *= -1.0


def reversed_order(arrays):
    for name in arrays:
        arrays[name] = arrays[name][..., ::-1].copy()


def half_in_another_unit(arrays):
    arrays["wave"][..., N // 2 :] *= 10.0


def two_wavelengths_exchanged(arrays):
    arrays["wave"][..., [3, 60]] = arrays["wave"][..., [60, 3]]


def flux_missing(arrays):
    del arrays["flux"], arrays["error"]


def everything_nan(arrays):
    for name in arrays:
        arrays[name][...] = np.nan


def some_flux_nan(arrays):
    arrays["flux"][..., 30:40] = np.nan


def huge_flux(arrays):
    arrays["flux"][..., 5] = 1e308


def huge_wavelengths(arrays):
    arrays["wave"] *= 1e30


def no_pixels(arrays):
    for name in arrays:
        arrays[name] = arrays[name][..., :0]


def unequal_lengths(arrays):
    arrays["flux"] = arrays["flux"][..., :-7]


CONTENT = (
    *(some_wavelengths_nan, all_wavelengths_nan, negative_wavelengths, reversed_order, half_in_another_unit),
    *(two_wavelengths_exchanged, flux_missing, everything_nan, some_flux_nan, huge_flux, huge_wavelengths),
    *(no_pixels, unequal_lengths),
)
MASKED = {"reversed_order": 0, "some_flux_nan": 10, "huge_flux": 0}
"""Damage that leaves a spectrum, and how many pixels are then lost in each order."""


@pytest.mark.parametrize("damage", CONTENT, ids=lambda f: f.__name__)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_content(layout, damage, tmp_path):
    write, rows = LAYOUTS[layout]
    path = tmp_path / "x.dat"
    arrays = values(rows)
    damage(arrays)
    try:
        write(path, arrays)
    except ValueError:
        pytest.skip("this layout cannot hold columns of unequal length")
    _judge(path, damage.__name__)


def cut_short(content):
    return content[: len(content) // 2 + 7]


def its_beginning(content):
    return content[:512]


def turned_round(content):
    return content[::-1]


def wrong_bytes(content):
    """In the structure of HDF5, which is at its beginning, or among the rows of a text."""
    start = 96 if content[:4] == b"\x89HDF" else len(content) // 2
    return content[:start] + bytes(RNG.integers(0, 256, 400, dtype=np.uint8)) + content[start + 400 :]


def words(content):
    return b"wavelength flux\nthis is no spectrum\n" * 40


def nothing(content):
    return b""


FILES = (cut_short, its_beginning, turned_round, wrong_bytes, words, nothing)


@pytest.mark.parametrize("damage", FILES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_file(layout, damage, tmp_path):
    write, rows = LAYOUTS[layout]
    path = tmp_path / "x.dat"
    write(path, values(rows))
    path.write_bytes(damage(path.read_bytes()))
    _judge(path, damage.__name__)


def _judge(path, damage):
    """A clear error; or a spectrum whose every used pixel is as it was written."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spectrum = read_spectrum(path)
    except InputError as error:
        text = str(error)
        assert all(word in text for word in ("x.dat", "found:", "expected:", "fix:")), text
        assert damage not in ("reversed_order", "some_flux_nan"), text
        return
    assert damage in {*MASKED, "cut_short", "its_beginning"}, f"read as {spectrum.info()['history']}"
    for order in spectrum.orders:
        assert 15_999.0 < order.wavelength[0] < order.wavelength[-1] < 16_100.0
        assert abs(np.median(order.flux[~order.mask]) - 100.0) < 1.0
        assert damage not in MASKED or order.n_good == N - MASKED[damage]
