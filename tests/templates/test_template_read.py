"""Every format of a template, and every way in which a file can fail to be one."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

from blase.errors import BlaseWarning, InputError
from blase.functional.air import vacuum_to_air
from blase.templates.columns import identify_columns, medium_in_name, unit_in_name
from blase.templates.from_arrays import template_from_arrays
from blase.templates.read import read_template
from blase.templates.sampling import check_sampling, sampling_resolving_power
from blase.templates.segments import find_segments
from blase.templates.template import Template, describe

WAVELENGTH = np.arange(8600.0, 8620.0, 0.02)
DIP = 1 - 0.5 * np.exp(-0.5 * ((WAVELENGTH - 8610) / 0.1) ** 2)
PHOENIX_NAME = "lte03900-4.50-0.0.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits"
WAVE_NAME = "WAVE_PHOENIX-ACES-AGSS-COND-2011.fits"


def spectrum(source: object, **options: object) -> Template:
    template = read_template(source, **options)  # type: ignore[arg-type]
    assert isinstance(template, Template)
    return template


def write_columns(path: Path, header: str, delimiter: str = " ", wavelength: np.ndarray = WAVELENGTH) -> Path:
    rows = [f"{a:.6f}{delimiter}{b:.8f}" for a, b in zip(wavelength, DIP, strict=True)]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n")
    return path


def write_phoenix(folder: Path, *, wave: str | None = WAVE_NAME, name: str = PHOENIX_NAME) -> Path:
    hdu = fits.PrimaryHDU((DIP * 1e14).astype("f4"))
    if wave is not None:
        hdu.header["WAVE"] = wave
    hdu.header["BUNIT"] = "erg/s/cm^2/cm"
    abundances = fits.BinTableHDU.from_columns([fits.Column("ID", "I", array=np.arange(3))])
    fits.HDUList([hdu, abundances]).writeto(folder / name)
    return folder / name


def write_wavelengths(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    hdu = fits.PrimaryHDU(WAVELENGTH)
    hdu.header["UNIT"] = "Angstrom"
    hdu.writeto(folder / WAVE_NAME)
    return folder / WAVE_NAME


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("wavelength_A,normalised", ","),
        ("# wave(A) transmission", " "),
        ("# made on Monday\n# Wavelength [A]\n# wave norm", "\t"),
        ("lambda_vac_angstrom;norm", ";"),
        ("|wavelength|transmittance|\n|double|double|\n|Angstrom||", " "),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_text_formats_give_the_same_template(
    tmp_path: Path, header: str, delimiter: str, zipped: bool
) -> None:
    path = write_columns(tmp_path / "t.txt", header, delimiter)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    template = spectrum(path)
    np.testing.assert_allclose(template.wavelength, WAVELENGTH, atol=1e-6)
    np.testing.assert_allclose(template.normalised, DIP, atol=1e-8)
    assert (template.continuum == 1).all() and template.sha256 is not None


def test_text_without_names_needs_a_unit(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "t.dat", "")
    with pytest.raises(InputError, match="--wavelength-unit"):
        read_template(path)
    template = spectrum(path, wavelength_unit="A")
    np.testing.assert_allclose(template.normalised, DIP, atol=1e-8)
    assert any("already divided" in note for note in template.notes)


def test_units_and_air_are_converted(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "t.csv", "wave_air_nm,norm", ",", vacuum_to_air(WAVELENGTH) / 10)
    template = spectrum(path)
    np.testing.assert_allclose(template.wavelength, WAVELENGTH, atol=1e-5)
    assert any("air to vacuum" in note for note in template.notes)
    stated = spectrum(path, medium="vacuum")
    np.testing.assert_allclose(stated.wavelength, vacuum_to_air(WAVELENGTH), atol=1e-5)


def test_npz_with_norm_and_flux(tmp_path: Path) -> None:
    continuum = np.linspace(2e6, 3e6, len(WAVELENGTH))
    np.savez(tmp_path / "t.npz", wave_vac=WAVELENGTH, norm=DIP, flux=DIP * continuum)
    template = spectrum(tmp_path / "t.npz")
    np.testing.assert_array_equal(template.normalised, DIP)
    np.testing.assert_allclose(template.continuum, continuum, rtol=1e-12)
    assert any("wave_vac is vacuum Angstrom" in note for note in template.notes)


def test_npz_with_flux_only_is_flattened(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", wave_vac=WAVELENGTH, flux=DIP * 3e6)
    template = spectrum(tmp_path / "t.npz", effective_temperature=4500.0)
    np.testing.assert_allclose(template.normalised, DIP, atol=0.01)
    np.testing.assert_allclose(template.normalised * template.continuum, DIP * 3e6, rtol=1e-12)
    assert template.effective_temperature == 4500.0


def test_npy_fits_table_ecsv_and_pair_agree(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.array([WAVELENGTH, DIP]))
    table = QTable({"wavelength": WAVELENGTH * u.AA, "norm": DIP})
    table.write(tmp_path / "t.fits")
    table.write(tmp_path / "t.ecsv")
    found = [
        spectrum(tmp_path / "t.npy", wavelength_unit="A"),
        spectrum(tmp_path / "t.fits"),
        spectrum(tmp_path / "t.ecsv"),
        spectrum((WAVELENGTH / 10 * u.nm, DIP), normalised=True),
        spectrum((WAVELENGTH[::-1], DIP[::-1]), wavelength_unit="A", normalised=True),
    ]
    for template in found:
        np.testing.assert_allclose(template.wavelength, WAVELENGTH, rtol=1e-12)
        np.testing.assert_allclose(template.normalised, DIP, rtol=1e-12)
    assert any("reversed" in note for note in found[-1].notes)


def test_flux_and_continuum_columns(tmp_path: Path) -> None:
    table = QTable({"wavelength": WAVELENGTH * u.AA, "flux": 3 * DIP * u.Jy, "continuum": np.full(1000, 3.0)})
    table.write(tmp_path / "t.fits")
    template = spectrum(tmp_path / "t.fits")
    np.testing.assert_allclose(template.normalised, DIP)
    assert template.flux_unit == "Jy" and (template.continuum == 3).all()


@pytest.mark.parametrize("place", ["header", "beside", "parent", "cache", "given"])
def test_phoenix_wavelength_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folder = tmp_path / "grid" / "Z-0.0"
    folder.mkdir(parents=True)
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path / "cache"))
    path = write_phoenix(folder, wave=f"../../waves/{WAVE_NAME}" if place == "header" else WAVE_NAME)
    where = {"header": tmp_path / "waves", "beside": folder, "parent": tmp_path, "cache": tmp_path / "cache"}
    wave = write_wavelengths(where.get(place, tmp_path / "elsewhere"))
    template = spectrum(path, wavelength_file=wave if place == "given" else None)
    np.testing.assert_array_equal(template.wavelength, WAVELENGTH)
    assert template.effective_temperature == 3900.0
    assert template.flux_unit == "erg/s/cm^2/cm"
    assert any(WAVE_NAME in note for note in template.notes)


def test_phoenix_without_wavelength_file_says_what_to_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path / "cache"))
    path = write_phoenix(tmp_path)
    with pytest.raises(InputError) as caught:
        read_template(path)
    for part in (WAVE_NAME, "https://", str(tmp_path / "cache"), "--wavelength-file"):
        assert part in str(caught.value)
    with pytest.raises(InputError, match="no such wavelength file"):
        read_template(path, wavelength_file=tmp_path / "none.fits")


def test_phoenix_file_of_the_cache_and_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="https://.*Z-0.0/lte03900"):
        read_template(PHOENIX_NAME)
    write_wavelengths(tmp_path / "cache")
    write_phoenix(tmp_path / "cache")
    assert len(spectrum(PHOENIX_NAME)) == len(WAVELENGTH)


def test_phoenix_of_another_length_is_refused(tmp_path: Path) -> None:
    path = write_phoenix(tmp_path)
    fits.PrimaryHDU(WAVELENGTH[:-1]).writeto(tmp_path / WAVE_NAME)
    with pytest.raises(InputError, match="differ in shape"):
        read_template(path)
    with pytest.raises(InputError, match="not a spectrum"):
        read_template(tmp_path / WAVE_NAME)


def test_real_phoenix_file_and_range(shared_data: Path) -> None:
    path = shared_data / "models/PHOENIX/lte02400-0.50-4.0.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits"
    template = spectrum(path, wavelength_range=(8600.0, 8800.0))
    assert template.effective_temperature == 2400.0
    assert len(template) == 20_001 and (template.wavelength[0], template.wavelength[-1]) == (8600.0, 8800.0)
    with pytest.raises(InputError, match=r"500.00 to 54999.75"):
        read_template(path, wavelength_range=(100.0, 200.0))


@pytest.mark.parametrize(
    ("name", "options", "first", "n"),
    [
        ("muler/telfit_HPFtemplate_temp286_hum050.csv", {}, 8079.036, 57_344),
        ("muler/psg_trn_r100000_1.4_2.5_um.txt", {}, 14000.0, 57_983),
    ],
)
def test_real_tellurics_are_coarse_and_warn(
    shared_data: Path, name: str, options: dict, first: float, n: int
) -> None:
    path = shared_data / "telluric" / name
    with pytest.warns(BlaseWarning, match="own blur"):
        template = spectrum(path, **options)
    assert template.wavelength[0] == pytest.approx(first, abs=0.01) and len(template) == n
    assert (template.continuum == 1).all()
    quiet = spectrum(path, resolving_power=(55_000.0, 1000.0), **options)
    assert (quiet.resolving_power, quiet.resolving_power_error) == (55_000.0, 1000.0)


def test_real_tapas_states_its_resolving_power(shared_data: Path) -> None:
    template = spectrum(shared_data / "telluric/TAPAS/WASP14.ipac")
    assert template.resolving_power == 50_000
    assert (template.wavelength[0], template.wavelength[-1]) == pytest.approx((5000.0, 5399.975), abs=1e-3)


def test_bad_samples_are_dropped_with_a_note() -> None:
    flux = DIP.copy()
    flux[[3, 700]] = np.nan, np.inf
    template = spectrum((WAVELENGTH, flux), wavelength_unit="A", normalised=True)
    assert len(template) == len(WAVELENGTH) - 2 and np.isfinite(template.normalised).all()
    assert any(note.startswith("2 samples") for note in template.notes)


def test_range_is_cut_after_flattening() -> None:
    wavelength = np.arange(8000.0, 9000.0, 0.02)
    flux = 1e6 * (1 + (wavelength - 8500) / 2000)
    template = spectrum((wavelength, flux), wavelength_unit="A", wavelength_range=(8490.0, 8510.0))
    assert template.wavelength[0] >= 8490.0 and template.wavelength[-1] <= 8510.0
    np.testing.assert_allclose(template.normalised, 1.0, atol=4e-3)
    assert template.crop(8495, 8500).wavelength[-1] <= 8500


BAD_ARRAYS = {
    "repeated": (np.repeat(WAVELENGTH, 2), np.repeat(DIP, 2), "strictly increasing"),
    "shuffled": (np.roll(WAVELENGTH, 5), DIP, "strictly increasing"),
    "negative": (WAVELENGTH - 8605, DIP, "strictly increasing"),
    "lengths": (WAVELENGTH[:-1], DIP, "differ in shape"),
    "two-dimensional": (WAVELENGTH.reshape(2, -1), DIP.reshape(2, -1), "one-dimensional"),
    "all NaN": (WAVELENGTH, np.full_like(DIP, np.nan), "fewer than two finite"),
    "text": (WAVELENGTH, np.array(["a"] * len(DIP)), "not numeric"),
    "empty": (np.empty(0), np.empty(0), "fewer than two finite"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays(case: str) -> None:
    wavelength, flux, message = BAD_ARRAYS[case]
    with pytest.raises(InputError, match=message):
        template_from_arrays(wavelength, flux, wavelength_unit="A")


BAD_FILES = {
    "empty.txt": (b"", "empty"),
    "blank.txt": (b" \n\n", "empty"),
    "comments.txt": (b"# nothing here\n", "empty"),
    "words.txt": (b"this is not\na template\n", "not a readable"),
    "one_column.txt": (b"1.0\n2.0\n", "two columns"),
    "ragged.txt": (b"8600 1\n8601 1 3\n8602 1\n", "not a readable"),
    "columns.csv": (b"alpha,beta,gamma\n1,2,3\n2,3,4\n", "alpha, beta, gamma"),
    "binary.dat": (bytes(range(256)), "not a readable"),
    "gzip.gz": (b"\x1f\x8b broken", "not a readable"),
    "zip.npz": (b"PK\x03\x04 broken", "not a readable"),
    "numpy.npy": (b"\x93NUMPY broken", "not a readable"),
    "fits.fits": (b"SIMPLE  =                    T / broken", "not a readable FITS"),
    "ecsv.ecsv": (b"# %ECSV 1.0\n# ---\n# datatype: nonsense\n", "ECSV"),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
def test_bad_files(tmp_path: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_template(tmp_path / name, wavelength_unit="A")
    assert name in str(caught.value)


class Payload:
    """Something that a pickle could run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("pickle-was-run",)


def test_pickled_objects_are_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "t.npz", wave_vac=WAVELENGTH, norm=np.array([Payload()], dtype=object))
    np.save(tmp_path / "t.npy", np.array([Payload()], dtype=object))
    for name in ("t.npz", "t.npy"):
        with pytest.raises(InputError, match="pickle"):
            read_template(tmp_path / name)
    assert not (tmp_path / "pickle-was-run").exists()


def test_other_bad_sources(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", wave_air_1=WAVELENGTH, norm_1=DIP)
    fits.PrimaryHDU().writeto(tmp_path / "nothing.fits")
    QTable({"x": [1.0], "y": [2.0], "z": [3.0]}).write(tmp_path / "columns.fits")
    cases = {
        tmp_path / "t.npz": "wave_air_1, norm_1",
        tmp_path / "nothing.fits": "neither a table nor an image",
        tmp_path / "columns.fits": "x, y, z",
        tmp_path / "absent.txt": "no such file",
        tmp_path: "directory",
        "embedded:planet": "no such embedded",
        "embedded:star?seed=-1": "no such embedded",
        "embedded:star?sed=1": "no such embedded",
    }
    for source, message in cases.items():
        with pytest.raises(InputError, match=message):
            read_template(source)
    for pair in (3, (WAVELENGTH,), None):
        with pytest.raises(InputError, match="pair"):
            read_template(pair)


def test_units_that_disagree_and_unknown_medium() -> None:
    with pytest.raises(InputError, match="mixed units"):
        read_template((WAVELENGTH * u.AA, DIP), wavelength_unit="nm")
    with pytest.raises(InputError, match="medium"):
        read_template((WAVELENGTH, DIP), wavelength_unit="A", medium="water")


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, (5e4, -1.0), "native"])
def test_bad_resolving_power(value: object) -> None:
    with pytest.raises(InputError, match="resolving power"):
        spectrum((WAVELENGTH, DIP), wavelength_unit="A", resolving_power=value)


def test_resolving_power_to_be_fitted() -> None:
    template = spectrum((WAVELENGTH[::10], DIP[::10]), wavelength_unit="A", resolving_power="fit")
    assert template.fit_resolving_power and template.resolving_power is None
    assert "resolving power: found by the fit" in describe(template)


def test_embedded_templates_and_their_seed() -> None:
    first, again, other = (
        spectrum(f"embedded:star{q}", wavelength_range=(8600.0, 8610.0)) for q in ("", "?seed=0", "?seed=3")
    )
    np.testing.assert_array_equal(first.normalised, again.normalised)
    assert not np.array_equal(first.normalised, other.normalised)


def test_sampling() -> None:
    wavelength = np.exp(np.arange(0, 1e-3, 1e-5)) * 8600
    assert sampling_resolving_power(wavelength) == pytest.approx(50_000, rel=1e-4)
    assert check_sampling(wavelength, declared=True, name="x") == ()
    with pytest.warns(BlaseWarning, match="100,000"):
        assert len(check_sampling(wavelength, declared=False, name="x")) == 1
    assert check_sampling(np.exp(np.arange(0, 1e-4, 4e-6)) * 8600, declared=False, name="x") == ()


def test_segments_cover_everything() -> None:
    pieces = [np.arange(8000, 8100, 0.01), np.arange(8200, 8300, 0.05), np.arange(8310, 8320, 0.05)]
    wavelength = np.concatenate(pieces)
    found = find_segments(wavelength)
    assert [s.stop - s.start for s in found] == [len(p) for p in pieces]
    assert found[0].start == 0 and found[-1].stop == len(wavelength)
    assert find_segments(np.array([1.0, 2.0])) == [slice(0, 2)]


def test_columns_by_name() -> None:
    roles = identify_columns(["flux", "flux_error", "wave_vac_A", "norm"])
    assert (roles.wavelength, roles.normalised, roles.flux) == (2, 3, 0)
    assert (unit_in_name("wave_vac_A"), medium_in_name("wave_vac_A")) == ("Angstrom", "vacuum")
    assert (unit_in_name("lambda [um]"), medium_in_name("wav_air")) == ("um", "air")
    assert unit_in_name("wavelength") is None


def test_describe_names_what_was_done(tmp_path: Path) -> None:
    shutil.copy(write_columns(tmp_path / "a.csv", "wavelength_A,norm", ","), tmp_path / "star.csv")
    lines = describe(spectrum(tmp_path / "star.csv"))
    assert lines[0].startswith("star (") and "1,000 samples in 8600.00-8619.98" in lines[1]
    many = np.concatenate([np.arange(8000, 8001, 0.01) + 10 * k for k in range(8)])
    assert "(8 pieces)" in describe(spectrum((many, np.ones_like(many)), wavelength_unit="A"))[1]
