"""Which molecule a line of a telluric template belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from blase.cloning import clone_template
from blase.templates import read_template
from blase.templates.absorbers import Absorbers, columns_by_species

WAVE = np.linspace(7600.0, 7610.0, 4001)


def dip(centre: float, depth: float, width: float = 0.03) -> np.ndarray:
    return np.asarray(depth * width**2 / ((WAVE - centre) ** 2 + width**2))


def test_columns_of_molecules_are_known_by_their_names() -> None:
    names = ["wave/freq", "total", "H2O", "transmission", "transmission_O2", "transmission_continuum", "cot"]
    assert columns_by_species(names) == {"H2O": 2, "O2": 4}


def test_a_weak_line_in_the_wing_of_another_gas_keeps_its_name() -> None:
    depth = {"H2O": dip(7604.0, 300.0), "O2": dip(7604.5, 0.2)}
    air = Absorbers.of_transmission(WAVE[::-1], {n: np.exp(-d)[::-1] for n, d in depth.items()})
    assert depth["H2O"][np.abs(WAVE - 7604.5).argmin()] > 0.5  # more of it than of the line itself
    found = air.of_lines(np.array([7604.0, 7604.5, 7608.0]), np.full(3, 0.03))
    assert found.tolist()[:2] == ["H2O", "O2"]


def test_a_clone_carries_the_names(tmp_path: Path) -> None:
    depth = {"H2O": dip(7603.0, 0.5) + dip(7606.0, 1.0), "O2": dip(7605.0, 0.8), "CO2": 0 * WAVE}
    table = Table({"wavelength": WAVE, "transmission": np.exp(-sum(depth.values()))})
    table["wavelength"].unit = "Angstrom"
    for name, values in depth.items():
        table[f"transmission_{name}"] = np.exp(-values)
    table.write(tmp_path / "air.fits")
    clone = clone_template(read_template(tmp_path / "air.fits"), kind="telluric")
    strong = clone.lines.take(np.argsort(clone.lines.strength)[-3:])
    assert dict(zip(strong.centre.round(1), strong.species, strict=True)) == {
        7603.0: "H2O",
        7605.0: "O2",
        7606.0: "H2O",
    }
    clone.write(tmp_path / "clone")
    assert type(clone).read(tmp_path / "clone").lines.species.tolist() == clone.lines.species.tolist()
