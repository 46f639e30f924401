"""Bad input: every message names the file, what was found, what was expected and how to mend it."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from blase import instruments
from blase.errors import InputError

ROWS = "\n".join(f"{8000 + 0.1 * i:.1f},1.0,0.01" for i in range(80))
HEADER = "wavelength_A,flux,error\n"


def read_spectrum(path, **options):
    """The spectrum in `path`; in vacuum, unless another medium or none is asked for."""
    return instruments.read_spectrum(path, **{"medium": "vacuum", **options})


def refused(path, *parts, **options):
    """The message with which `path` is refused; all `parts` are in it, and the path too."""
    with pytest.raises(InputError) as caught:
        read_spectrum(path, **options)
    message = str(caught.value)
    for part in (f"{path}: ", "found: ", "expected: ", "fix: ", *parts):
        assert part in message, message


def test_missing_file(tmp_path):
    refused(tmp_path / "absent.fits", "no such file")


def test_directory(tmp_path):
    refused(tmp_path, "is a directory")


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_empty_file(tmp_path, content):
    (tmp_path / "s.fits").write_bytes(content)
    refused(tmp_path / "s.fits", "empty", f"{len(content)} bytes")


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"import numpy as np\n\nprint(np.pi)\n",
        b"# only a comment\n",
        bytes(range(128, 256)),
        b"once upon a time\nthere was a star\n",
    ],
)
def test_not_a_spectrum(tmp_path, content):
    (tmp_path / "s.dat").write_bytes(content)
    refused(tmp_path / "s.dat", "not a spectrum", "found:", "expected:", "--instrument")


def test_image_without_wavelengths(tmp_path):
    fits.PrimaryHDU(np.ones((4, 4))).writeto(tmp_path / "s.fits")
    refused(tmp_path / "s.fits", "not a spectrum", "image", "no wavelengths")
    refused(tmp_path / "s.fits", "has no table", instrument="table")


@pytest.mark.parametrize("cut", [1000, 2880 + 1500, 2880 * 2 + 200, -2880, -1])
def test_truncated_fits(tmp_path, cut):
    table = Table({"wavelength": 8000.0 + np.arange(2000), "flux": np.ones(2000)})
    table.write(tmp_path / "whole.fits")
    (tmp_path / "cut.fits").write_bytes((tmp_path / "whole.fits").read_bytes()[:cut])
    refused(tmp_path / "cut.fits", "truncated or damaged", "again")


def test_truncated_gzip(tmp_path):
    whole = gzip.compress((HEADER + ROWS).encode())
    (tmp_path / "s.csv.gz").write_bytes(whole[:-20])
    refused(tmp_path / "s.csv.gz", "cannot be read")


def test_text_is_no_hpf_product(tmp_path):
    (tmp_path / "s.csv").write_text(HEADER + ROWS)
    refused(tmp_path / "s.csv", "not an extracted HPF spectrum", "no FITS file", instrument="hpf")


def test_rows_in_two_units(tmp_path):
    nm, angstrom = (800 + 0.005 * np.arange(60), 8003.0 + 0.05 * np.arange(60))
    (tmp_path / "s.csv").write_text(HEADER + "\n".join(f"{w},1,0.1" for w in np.r_[nm, angstrom]))
    refused(tmp_path / "s.csv", "mixed units, or several chips", "at pixel 60", "order column")


def test_wavelengths_in_disorder_name_the_pixel(tmp_path):
    lines = ROWS.split("\n")
    lines[30], lines[31] = lines[31], lines[30]
    (tmp_path / "s.csv").write_text(HEADER + "\n".join(lines))
    refused(tmp_path / "s.csv", "not increasing", "at pixel 31", "order column")


def test_wholly_decreasing_wavelengths_are_turned_round(tmp_path):
    (tmp_path / "s.csv").write_text(HEADER + "\n".join(ROWS.split("\n")[::-1]))
    spectrum = read_spectrum(tmp_path / "s.csv")
    assert spectrum.orders[0].wavelength[0] == 8000.0
    assert any("turned round" in sentence for sentence in spectrum.metadata.history)


@pytest.mark.parametrize("flux", ["nan", "", "inf"])
def test_no_finite_flux(tmp_path, flux):
    (tmp_path / "s.csv").write_text(HEADER + ROWS.replace(",1.0,", f",{flux},"))
    refused(tmp_path / "s.csv", "no pixel can be used", "80 with non-finite flux")


def test_unknown_columns_are_listed(tmp_path):
    (tmp_path / "s.csv").write_text("abscissa,ordinate,error\n" + ROWS)
    refused(
        tmp_path / "s.csv", "recognised as the wavelength", "columns abscissa, ordinate, error", "columns={"
    )


def test_ambiguous_and_repeated_columns(tmp_path):
    (tmp_path / "s.csv").write_text("wave_A,wavelength_nm,flux\n" + ROWS)
    refused(tmp_path / "s.csv", "several columns", "wave_A, wavelength_nm")
    (tmp_path / "t.csv").write_text("wave_A,flux,flux\n" + ROWS)
    refused(tmp_path / "t.csv", "occurs twice", "flux")


def test_column_name_and_unit_disagree(tmp_path):
    column = fits.Column("wavelength_nm", "D", "Angstrom", array=800 + np.arange(60.0))
    hdu = fits.BinTableHDU.from_columns([column, fits.Column("flux", "D", array=np.arange(60.0) % 7)])
    hdu.writeto(tmp_path / "s.fits")
    refused(tmp_path / "s.fits", "mixed units", "wavelength_nm with unit Angstrom", "--wavelength-unit")
    assert read_spectrum(tmp_path / "s.fits", wavelength_unit="nm").orders[0].wavelength[0] == pytest.approx(
        8000.0
    )


def test_orders_in_different_units(tmp_path):
    rows = [f"{w},1,0.1,{k}" for k, w0 in enumerate((8000.0, 0.81)) for w in w0 * (1 + 1e-5 * np.arange(60))]
    (tmp_path / "s.csv").write_text("wavelength_A,flux,error,order\n" + "\n".join(rows))
    refused(tmp_path / "s.csv", "mixed units", "one unit")


def test_flux_and_uncertainty_in_different_units(tmp_path):
    table = Table({"wave_A": 8000.0 + np.arange(60), "flux": np.ones(60), "error": np.ones(60)})
    table["flux"].unit, table["error"].unit = "Jy", "m"
    table.write(tmp_path / "s.ecsv")
    refused(tmp_path / "s.ecsv", "mixed units", "m and Jy")


def test_unit_that_is_no_wavelength(tmp_path):
    table = Table({"wave": 8000.0 + np.arange(60), "flux": np.ones(60)})
    table["wave"].unit = "pix"
    table.write(tmp_path / "s.ecsv")
    refused(tmp_path / "s.ecsv", "not a unit of wavelength", "pix", "--wavelength-unit")


def test_unit_option_that_is_no_wavelength(tmp_path):
    (tmp_path / "s.csv").write_text(HEADER + ROWS)
    refused(tmp_path / "s.csv", "not a unit of wavelength", "parsec per", wavelength_unit="parsec per")


def test_cell_that_is_not_a_number(tmp_path):
    lines = ROWS.split("\n")
    lines[9] = "8000.9,oops,0.01"
    (tmp_path / "s.csv").write_text(HEADER + "\n".join(lines))
    refused(tmp_path / "s.csv", "not a number", "'oops' in column flux, line 11")


def test_line_with_too_few_cells(tmp_path):
    (tmp_path / "s.csv").write_text(HEADER + ROWS + "\n8008.0,1.0\n")
    refused(tmp_path / "s.csv", "another number of columns", "2 in line 82")


def test_four_nameless_columns(tmp_path):
    (tmp_path / "s.txt").write_text("1 2 3 4\n2 3 4 5\n")
    refused(tmp_path / "s.txt", "have no names", "4 columns")


def test_damaged_ecsv(tmp_path):
    (tmp_path / "s.ecsv").write_text("# %ECSV 1.0\n# ---\n# datatype: [oops\nwave flux\n1 2\n")
    refused(tmp_path / "s.ecsv", "not a valid ECSV table")


def test_tables_without_rows(tmp_path):
    (tmp_path / "s.csv").write_text(HEADER)
    refused(tmp_path / "s.csv", "has no rows")
    Table({"wavelength": [], "flux": []}).write(tmp_path / "s.fits")
    refused(tmp_path / "s.fits", "has no rows")
    Table({"wavelength": [], "flux": []}).write(tmp_path / "s.ecsv")
    refused(tmp_path / "s.ecsv", "has no rows")


def test_order_that_the_file_does_not_have(tmp_path):
    (tmp_path / "s.csv").write_text(HEADER + ROWS)
    with pytest.raises(InputError, match="row 3") as caught:
        read_spectrum(tmp_path / "s.csv").select(3)
    assert str(tmp_path / "s.csv") in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        {"frame": "moon"},
        {"berv": 27_523.0},
        {"resolving_power": -1},
        {"medium": "water"},
        {"sky": "subtract"},
    ],
)
def test_bad_options(tmp_path, option):
    (tmp_path / "s.csv").write_text(HEADER + ROWS)
    refused(tmp_path / "s.csv", "expected:", **option)
