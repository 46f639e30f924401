"""Damaged variants of every layout: a clear error, or a masked and correct read; never silence, never a
crash."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from blase.containers import from_arrays
from blase.errors import InputError
from blase.instruments import read_spectrum, write_prepared

N = 120
LENGTHS = {"e2ds": 1200}
"""Pixels of the layouts that have not N of them."""
RNG = np.random.default_rng(3)
DATE = {"DATE-OBS": "2021-05-01T00:00:00", "EXPTIME": 10.0, "OBJECT": "x", "RA": 10.0, "DEC": 5.0}


def waves(rows=3, low=16000.0, step=0.05):
    return np.stack([low + 40.0 * row + step * np.arange(N) for row in range(rows)])


def fluxes(rows=3):
    return 100.0 + RNG.normal(size=(rows, N))


def images(**named):
    return [fits.ImageHDU(data, name=name) for name, data in named.items()]


def primary(cards, data=None):
    hdu = fits.PrimaryHDU(data)
    hdu.header.update({**DATE, **cards})
    return hdu


def table(columns, name=""):
    return fits.BinTableHDU.from_columns(
        [fits.Column(n, "D", array=a) for n, a in columns.items()], name=name
    )


def hpf():
    named = {
        "Sci Flux": fluxes(),
        "Sky Flux": fluxes(),
        "Sci Variance": fluxes() * 0 + 1,
        "Sci Wavl": waves(),
    }
    return fits.HDUList([primary({"INSTRUME": "HPF"}), *images(**named)])


def igrins():
    return fits.HDUList([primary({"INSTRUME": "IGRINS"}, fluxes()), fits.ImageHDU(waves() / 1e4)])


def nirspec():
    return fits.HDUList(
        [primary({}), table({"wave (A)": waves()[0], "flux (cnts)": fluxes()[0], "noise (cnts)": np.ones(N)})]
    )


def crires_plus():
    columns = {}
    for k in range(2):
        columns |= {
            f"0{k + 2}_01_SPEC": fluxes()[k],
            f"0{k + 2}_01_ERR": np.ones(N),
            f"0{k + 2}_01_WL": waves()[k] / 10,
        }
    return fits.HDUList([primary({"INSTRUME": "CRIRES"}), table(columns, "CHIP1.INT1")])


def crires():
    return fits.HDUList(
        [
            primary({"INSTRUME": "CRIRES"}),
            table({"Wavelength": waves()[0] / 10, "Extracted_OPT": fluxes()[0]}),
        ]
    )


def apogee():
    hdus = [
        fits.ImageHDU(d) for d in (fluxes(), fluxes() * 0 + 1, np.zeros((3, N), np.int16), waves()[:, ::-1])
    ]
    hdus[0].header["BUNIT"] = "Flux (10^-17 erg/s/cm^2/Ang)"
    return fits.HDUList([primary({"OBJID": "x", "BC": 3.0}), *hdus])


def harps():
    cards = {"INSTRUME": "HARPS", "CRVAL1": 5000.0, "CDELT1": 0.01, "CTYPE1": "Angstrom"}
    return fits.HDUList([primary(cards, fluxes()[0])])


def hires():
    return fits.HDUList(
        [
            primary({"INSTRUME": "HIRES: x"}, fluxes()),
            fits.ImageHDU(fluxes() * 0 + 0.1),
            fits.ImageHDU(waves()),
        ]
    )


def spextool():
    cube = np.stack([waves() / 1e4, fluxes(), fluxes() * 0 + 1, fluxes() * 0], axis=1)
    return fits.HDUList([primary({"CREPROG": "xspextool", "INSTR": "iSHELL", "XUNITS": "um"}, cube)])


def espresso():
    named = {
        "SCIDATA": fluxes(),
        "ERRDATA": fluxes() * 0 + 1,
        "QUALDATA": fluxes() * 0,
        "WAVEDATA_VAC_BARY": waves(),
    }
    return fits.HDUList([primary({"INSTRUME": "ESPRESSO"}), *images(**named)])


def neid():
    return fits.HDUList([primary({}), *images(SCIFLUX=fluxes(), SCIVAR=fluxes() * 0 + 1, SCIWAVE=waves())])


def carmenes():
    return fits.HDUList(
        [primary({"INSTRUME": "CARMENES"}), *images(SPEC=fluxes(), SIG=fluxes() * 0 + 1, WAVE=waves())]
    )


def veloce():
    columns = {"wave_vac": waves()[0], "science": fluxes()[0], "science_noise": np.ones(N)}
    return fits.HDUList([primary({}), table(columns, "CCD_1_ORDER_100")])


def phase3():
    columns = [
        fits.Column(n, f"{N}D", u, array=[a])
        for n, u, a in (("WAVE", "nm", waves()[0] / 10), ("FLUX", "", fluxes()[0]))
    ]
    return fits.HDUList([primary({"PRODCATG": "SCIENCE.SPECTRUM"}), fits.BinTableHDU.from_columns(columns)])


def linear():
    return fits.HDUList(
        [primary({"CRVAL1": 5000.0, "CDELT1": 0.05, "CTYPE1": "LINEAR", "CUNIT1": "Angstrom"}, fluxes()[0])]
    )


def eprv():
    return fits.HDUList(
        [primary({}), *images(TRACE1_FLUX=fluxes(), TRACE1_WAVE=waves(), TRACE1_VAR=fluxes() * 0 + 1)]
    )


def plain_table():
    return fits.HDUList(
        [primary({}), table({"wavelength_vac (A)": waves()[0], "flux": fluxes()[0], "error": np.ones(N)})]
    )


def igrins_a0v():
    flux = fluxes()
    named = {"SPEC_DIVIDE_A0V": flux, "SPEC_DIVIDE_A0V_VARIANCE": flux * 0 + 1, "A0V_SPEC": flux}
    return fits.HDUList([primary({"INSTRUME": "IGRINS"}), *images(**named, WAVELENGTH=waves() / 1e4)])


def igrins_2():
    arrays = (fluxes(), fluxes() * 0 + 1, waves() / 1e4)
    return fits.HDUList([primary({"INSTRUME": "IGRINS-2"}), *(fits.ImageHDU(a) for a in arrays)])


def apstar():
    logarithmic = {"CTYPE1": "LOG-LINEAR", "NWAVE": N, "CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1}
    arrays = (fluxes()[:1], fluxes()[:1] * 0 + 1, np.zeros((1, N), np.int16))
    return fits.HDUList([primary(logarithmic), *(fits.ImageHDU(a) for a in arrays)])


def e2ds():
    """Wavelengths as polynomials of the pixel in the header, one for each order; longer than a CCF."""
    cards = {"INSTRUME": "HARPS", "HIERARCH ESO DRS CAL TH DEG LL": 1}
    for row, (first, second) in enumerate(waves(low=5000.0)[:, :2]):
        cards[f"HIERARCH ESO DRS CAL TH COEFF LL{2 * row}"] = first
        cards[f"HIERARCH ESO DRS CAL TH COEFF LL{2 * row + 1}"] = second - first
    flux = 100.0 + RNG.normal(size=(3, LENGTHS["e2ds"]))
    return fits.HDUList([primary(cards, flux)])


def multispec():
    """IRAF: one specification a spectrum in the text of WAT2."""
    text = "wtype=multispec " + " ".join(
        f'spec{row + 1} = "{row + 1} {90 - row} 0 {wave[0]} 0.05 {N} 0. 1 10"'
        for row, wave in enumerate(waves(low=5000.0))
    )
    cards = {"CTYPE1": "MULTISPE", "CTYPE2": "MULTISPE", "WAT1_001": "wtype=multispec units=angstroms"}
    cards |= {f"WAT2_{k + 1:03d}": text[68 * k : 68 * (k + 1)] for k in range(len(text) // 68 + 1)}
    return fits.HDUList([primary(cards, fluxes())])


def pychell():
    cube = np.stack([fluxes(29), np.ones((29, N)), np.ones((29, N))], axis=-1)[:, None]
    return fits.HDUList([primary({"INSTRUME": "iSHELL", "XDTILT": "Kgas"}, cube)])


def prepared():
    with tempfile.TemporaryDirectory() as folder:
        spectrum = from_arrays(waves(), fluxes(), fluxes() * 0 + 1, wavelength_unit="A", frame="observatory")
        path = write_prepared(spectrum, Path(folder) / "prepared.fits")
        with fits.open(path, memmap=False) as hdus:
            return fits.HDUList([hdu.copy() for hdu in hdus])


LAYOUTS = (
    *(igrins_a0v, igrins_2, apstar, prepared, e2ds, multispec, pychell),
    *(hpf, igrins, nirspec, crires_plus, crires, apogee, harps, hires, spextool),
    *(espresso, neid, carmenes, veloce, phase3, linear, eprv, plain_table),
)


def raw(hdus, path):
    hdus.writeto(path)
    return path.read_bytes()


def truncated(hdus, path):
    path.write_bytes(raw(hdus, path)[:-3000])


def without_the_last_extension(hdus, path):
    (hdus[:-1] if len(hdus) > 1 else fits.HDUList([fits.PrimaryHDU()])).writeto(path)


def extensions_in_reverse(hdus, path):
    fits.HDUList([hdus[0], *hdus[:0:-1]]).writeto(path)


def stored_wavelengths(hdus):
    """Views of the arrays of wavelengths, wherever this layout has them; [] where the header has them."""
    if "NWAVE" in hdus[0].header:
        return []
    tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
    if tables:
        return [
            t.data[n]
            for t in tables
            for n in t.columns.names
            if n.lower().startswith("wave") or n.endswith("_WL")
        ]
    named = [hdu.data for hdu in hdus if "WAV" in hdu.name.upper()]
    if named or len(hdus) == 1:
        return named or ([hdus[0].data[:, 0]] if hdus[0].data.ndim == 3 else [])
    return [hdus[-1].data]


def change_wavelengths(change):
    def damage(hdus, path):
        arrays = stored_wavelengths(hdus)
        if not arrays:
            pytest.skip("the wavelengths are in the header")
        for array in arrays:
            change(array)
        hdus.writeto(path)

    return damage


def some_nan(array):
    array[..., 10:20] = np.nan


def all_nan(array):
    array[...] = np.nan


def negative(array):
    array[...] *= -1


def reverse(array):
    array[...] = array[..., ::-1].copy()


def swap_units_of_half(array):
    array[..., N // 2 :] *= 10.0


def shuffled(array):
    array[..., 3], array[..., 60] = array[..., 60].copy(), array[..., 3].copy()


def without_the_flux_column(hdus, path):
    """The second column of every table, which all layouts have for their flux, or for the first of them."""
    out = []
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU):
            kept = fits.ColDefs([c for i, c in enumerate(hdu.columns) if c.name not in FLUX_NAMES])
            hdu = fits.BinTableHDU.from_columns(kept, header=hdu.header, name=hdu.name)
        out.append(hdu)
    if not any(isinstance(hdu, fits.BinTableHDU) for hdu in out):
        pytest.skip("no table")
    fits.HDUList(out).writeto(path)


FLUX_NAMES = {"flux (cnts)", "02_01_SPEC", "03_01_SPEC", "Extracted_OPT", "science", "FLUX", "flux"}


def change_header_wavelengths(value):
    """Another value of the first keyword that places the wavelengths; None takes it away."""

    def damage(hdus, path):
        header = hdus[0].header
        key = next((key for key in PLACING if key in header), None)
        if key is None:
            pytest.skip("the wavelengths are not in the header")
        if value is None:
            del header[key]
        else:
            header[key] = value
        hdus.writeto(path)

    return damage


PLACING = ("CDELT1", "ESO DRS CAL TH COEFF LL1", "WAT2_001")


def zero_rows(hdus, path):
    """Arrays without a pixel, or tables without a row."""
    out = [hdus[0].copy()]
    if out[0].data is not None:
        out[0].data = out[0].data[..., :0]
    for hdu in hdus[1:]:
        if isinstance(hdu, fits.BinTableHDU):
            out.append(fits.BinTableHDU(hdu.data[:0], hdu.header, name=hdu.name))
        else:
            out.append(fits.ImageHDU(hdu.data[..., :0], hdu.header, name=hdu.name))
    fits.HDUList(out).writeto(path)


def huge_header_values(hdus, path):
    header = hdus[0].header
    header["EXPTIME"], header["DATE-OBS"] = 1e30, "9999999-99-99T99:99:99"
    header["RA"], header["DEC"], header["CRPIX1"] = 1e12, -1e12, 1.0
    hdus.writeto(path)


def flux_is_nan(hdus, path):
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU):
            for name in hdu.columns.names:
                hdu.data[name][...] = np.nan
        elif hdu.data is not None and hdu.data.dtype.kind == "f":
            hdu.data[...] = np.nan
    hdus.writeto(path)


def text_renamed(hdus, path):
    path.write_text("this is no FITS file\n" * 50)


def empty(hdus, path):
    path.write_bytes(b"")


def header_alone(hdus, path):
    path.write_bytes(raw(hdus, path)[:2880])


DAMAGES = {
    "truncated": truncated,
    "last extension missing": without_the_last_extension,
    "extensions in reverse": extensions_in_reverse,
    "some wavelengths NaN": change_wavelengths(some_nan),
    "all wavelengths NaN": change_wavelengths(all_nan),
    "negative wavelengths": change_wavelengths(negative),
    "reversed order": change_wavelengths(reverse),
    "units of half swapped": change_wavelengths(swap_units_of_half),
    "two wavelengths exchanged": change_wavelengths(shuffled),
    "flux column missing": without_the_flux_column,
    "step missing": change_header_wavelengths(None),
    "step is text": change_header_wavelengths("nm"),
    "step is 'nan'": change_header_wavelengths("nan"),
    "step of nought": change_header_wavelengths(0.0),
    "step of 1e30": change_header_wavelengths(1e30),
    "no pixels": zero_rows,
    "huge header values": huge_header_values,
    "all numbers NaN": flux_is_nan,
    "text renamed .fits": text_renamed,
    "empty": empty,
    "header alone": header_alone,
}
READABLE = {"reversed order", "huge header values", "extensions in reverse"}
"""Damage that leaves a spectrum; what is read must then be the spectrum that was written."""


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_undamaged(layout, tmp_path):
    layout().writeto(tmp_path / "x.fits")
    spectrum = read_spectrum(tmp_path / "x.fits")
    assert spectrum.n_good == spectrum.n_pixels and len(spectrum.orders[0]) == LENGTHS.get(layout.__name__, N)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_damaged(layout, damage, tmp_path):
    path = tmp_path / "x.fits"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy on what is being written
        DAMAGES[damage](layout(), path)
    try:
        spectrum = read_spectrum(path)
    except InputError as error:
        text = str(error)
        assert all(word in text for word in ("x.fits", "found:", "expected:", "fix:")), text
        reversible = layout is not prepared  # blasé itself wrote that one, in increasing order
        assert damage not in ("reversed order" if reversible else "", "huge header values"), text
        return
    assert damage in READABLE, f"read as {spectrum.info()['history']}"
    for order in spectrum.orders:
        assert 4900.0 < order.wavelength[0] < order.wavelength[-1] < 25_000.0
        assert abs(np.median(order.flux) - 100.0) < 1.0 and order.n_good == LENGTHS.get(layout.__name__, N)
