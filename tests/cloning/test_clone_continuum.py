"""The absolute spectrum comes back from a clone, in memory and from its directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from blase.cloning import Clone, clone_template
from blase.cloning.continuum import continuum_of
from blase.errors import InputError
from blase.functional.planck import planck_per_wavelength
from blase.templates import read_template
from blase.templates.template import Template

WHERE = np.linspace(8000.0, 9000.0, 20_001)


def absolute(continuum: np.ndarray, unit: str = "erg/s/cm2/cm", keep: slice = slice(None)) -> Template:
    return Template(
        "known",
        WHERE[keep],
        np.full(WHERE[keep].size, 0.9),
        continuum[keep],
        unit,
        effective_temperature=3000.0,
    )


@pytest.mark.parametrize("kinks", [False, True])
def test_few_nodes_keep_a_continuum_within_a_millionth(kinks: bool) -> None:
    true = planck_per_wavelength(WHERE, 3000.0) * (1 + 0.1 * np.abs(np.sin(WHERE / 90)) if kinks else 1.0)
    kept = continuum_of(absolute(true))
    assert kept is not None
    np.testing.assert_allclose(kept(WHERE), true, rtol=1.001e-6)
    assert len(kept.wavelength) < WHERE.size / 10
    assert np.isnan(kept(np.array([7999.0, 9001.0]))).all()


def test_a_gap_is_not_bridged_by_what_lies_beside_it() -> None:
    true = np.where(WHERE < 8500, 1.0, 7.0) * planck_per_wavelength(WHERE, 3000.0)
    template = replace(absolute(true), wavelength=np.where(WHERE < 8500, WHERE, WHERE + 300))
    kept = continuum_of(template)
    assert kept is not None
    np.testing.assert_allclose(kept(template.wavelength), true, rtol=1.001e-6)


def test_an_unknown_continuum_is_none() -> None:
    assert continuum_of(absolute(np.ones(WHERE.size))) is None


@pytest.mark.parametrize("unit", ["erg/s/cm2/cm", "1e-17 counts of nobody", ""])
def test_the_table_keeps_numbers_and_unit(unit: str, tmp_path: Path) -> None:
    kept = continuum_of(absolute(planck_per_wavelength(WHERE, 3000.0), unit))
    assert kept is not None
    kept.write(tmp_path / "continuum.ecsv")
    back = type(kept).read(tmp_path / "continuum.ecsv")
    np.testing.assert_array_equal(back.wavelength, kept.wavelength)
    np.testing.assert_array_equal(back.flux, kept.flux)
    assert back.unit == unit


def test_a_damaged_table_is_refused_and_a_missing_one_is_not(tmp_path: Path) -> None:
    clone = clone_template(embedded_with_continuum(), wavelength_range=(8640.0, 8650.0))
    folder = clone.write(tmp_path / "clone")
    Table({"wavelength": [8650.0, 8640.0], "continuum": [1.0, 1.0]}).write(
        folder / "continuum.ecsv", format="ascii.ecsv", overwrite=True
    )
    with pytest.raises(InputError, match="continuum of a clone"):
        Clone.read(folder)
    (folder / "continuum.ecsv").unlink()
    back = Clone.read(folder)
    assert back.continuum is None
    with pytest.raises(InputError, match="absolute flux"):
        back.flux(np.array([8645.0, 8646.0]))


def embedded_with_continuum() -> Template:
    template = read_template("embedded:star", wavelength_range=(8600.0, 8700.0))
    assert isinstance(template, Template)
    continuum = planck_per_wavelength(template.wavelength, 4300.0)
    return replace(template, continuum=continuum, flux_unit="erg/s/cm2/cm")


def test_absolute_flux_of_the_embedded_star(tmp_path: Path) -> None:
    template = embedded_with_continuum().crop(8640.0, 8660.0)
    clone = clone_template(template)
    true = template.normalised * template.continuum
    for each in (clone, Clone.read(clone.write(tmp_path / "clone"))):
        found = each.flux(template.wavelength)
        assert np.std(found / template.continuum - true / template.continuum) < 3e-3
        assert np.isnan(each.flux(np.array([8630.0, 8650.0]))).tolist() == [True, False]


def test_absolute_flux_of_an_m_dwarf(shared_data: Path, tmp_path: Path) -> None:
    """PHOENIX-ACES at 3900 K with its own flux [erg/s/cm2/cm], through the pseudo-continuum and back."""
    path = shared_data / "models/PHOENIX/lte03900-4.50-0.0_bands_from_eniric.fits"
    template = read_template(path, wavelength_range=(8480.0, 8580.0))
    clone = Clone.read(clone_template(template).write(tmp_path / "clone"))
    assert any("pseudo-continuum" in note for note in clone.summary["notes"])
    assert clone.continuum is not None
    with fits.open(path) as hdus:
        wavelength, true = (np.array(hdus[1].data[name], float) for name in ("wave_vac_A", "flux"))
    inside = (wavelength >= 8480.0) & (wavelength <= 8580.0)
    found = clone.flux(wavelength[inside])
    continuum = clone.continuum(wavelength[inside])
    assert np.sqrt(np.mean(((found - true[inside]) / continuum) ** 2)) < 2e-3
    assert abs(np.mean(found / true[inside]) - 1) < 1e-3
