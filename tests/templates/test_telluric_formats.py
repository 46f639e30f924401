"""Transmissions as TelFit, Molecfit, TAPAS, PSG and LBLRTM write them: files made by their descriptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from blase.cloning import clone_template
from blase.errors import InputError
from blase.functional.air import vacuum_to_air
from blase.templates import Template, read_template

WAVE = np.linspace(12_600.0, 12_610.0, 2001)
CENTRES, STRENGTHS = (12_602.0, 12_604.5, 12_607.0), (0.08, 2.0, 0.3)
"""The second line is saturated: its transmission is 1e-6 in the middle."""
DEPTH = np.sum(
    [a * 0.05 / np.pi / ((WAVE - c) ** 2 + 0.05**2) for c, a in zip(CENTRES, STRENGTHS, strict=True)], axis=0
)
TRANSMISSION = np.exp(-DEPTH)


def molecfit(path: Path) -> Path:
    """TELLURIC_DATA and *_tac.fits: data in lambda and flux, the model in mlambda [micron] and mtrans."""
    path = path / "model_tac.fits"
    flux = 1e4 * TRANSMISSION * (1 - 0.5 * np.exp(-(((WAVE - 12_605.0) / 0.3) ** 2)))  # of a star with a line
    model = {"chip": np.ones(WAVE.size, dtype=int), "lambda": WAVE * 1e-4 * (1 + 5e-6), "flux": flux}
    model |= {"mlambda": WAVE * 1e-4, "mtrans": TRANSMISSION, "cflux": flux / TRANSMISSION}
    Table(model).write(path)
    return path


def tape28(path: Path) -> Path:
    """Text above two columns, wavenumber [cm^-1] and what was asked for (LBLRTM instructions, record 12)."""
    path = path / "TAPE28"
    head = [
        "1LBLRTM  US STANDARD 1976, 40 LAYERS    12/06/05",
        "",
        " SECANT   =   1.20000",
        " V1 =  7930.1 CM-1",
    ]
    rows = [f"{1e8 / w:20.8f} {t:15.8e}" for w, t in zip(WAVE[::-1], TRANSMISSION[::-1], strict=True)]
    path.write_text("\n".join([*head, "       WAVENUMBER     TRANSMITTANCE", *rows]) + "\n")
    return path


def tapas(path: Path) -> Path:
    """An IPAC table, decreasing wavelengths in nm."""
    path = path / "tapas.ipac"
    head = ["\\origin=TAPAS", "\\type=scanned"]
    head += ["|          wavelength|       transmittance|", "|              double|              double|"]
    head += ["|                  nm|                    |"]
    rows = [f" {w / 10:20.12e} {t:20.12e}" for w, t in zip(WAVE[::-1], TRANSMISSION[::-1], strict=True)]
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


def psg(path: Path) -> Path:
    """Comments with the names of the columns, the last of them; micron."""
    path = path / "psg_trn.txt"
    head = [
        "# Planetary Spectrum Generator",
        "# Spectral unit: Wavelength [um]",
        "# Wave/freq Total H2O CO2 O2",
    ]
    rows = [f"{w * 1e-4:.9f} {t:.8e} 1.0 1.0 {t:.8e}" for w, t in zip(WAVE, TRANSMISSION, strict=True)]
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


def telfit(path: Path) -> Path:
    """Two columns without names, nm in air."""
    path = path / "transmission.npy"
    np.save(path, np.stack([vacuum_to_air(WAVE) / 10, TRANSMISSION], axis=1))
    return path


OPTIONS = {telfit: {"wavelength_unit": "nm", "medium": "air"}}


@pytest.fixture(params=[molecfit, tape28, tapas, psg, telfit], ids=lambda make: make.__name__)
def template(request: pytest.FixtureRequest, tmp_path: Path) -> Template:
    found = read_template(request.param(tmp_path), **OPTIONS.get(request.param, {}))
    assert isinstance(found, Template)
    return found


def test_the_transmission_is_read_on_vacuum_angstrom(template: Template) -> None:
    np.testing.assert_allclose(template.wavelength, WAVE, rtol=2e-9)
    np.testing.assert_allclose(template.normalised, TRANSMISSION, rtol=1e-6, atol=1e-9)


def test_it_is_cloned_saturated_lines_included(template: Template) -> None:
    clone = clone_template(template, kind="telluric")
    strong = clone.lines.take(np.sort(np.argsort(clone.lines.strength)[-3:]))
    np.testing.assert_allclose(strong.centre, CENTRES, atol=1e-3)
    np.testing.assert_allclose(strong.strength[[0, 2]], [STRENGTHS[0], STRENGTHS[2]], rtol=0.02)
    assert strong.strength[1] == pytest.approx(STRENGTHS[1], rel=0.08)  # wings beyond the ends are not seen
    assert clone.summary["residual_rms_native"] < 1e-3


def test_wavenumbers_of_another_unit_are_refused(tmp_path: Path) -> None:
    table = Table({"wavenumber": 1e10 / WAVE, "transmittance": TRANSMISSION})
    table["wavenumber"].unit = "m-1"
    table.write(tmp_path / "air.fits")
    with pytest.raises(InputError, match="wavenumbers are not per centimetre"):
        read_template(tmp_path / "air.fits")
