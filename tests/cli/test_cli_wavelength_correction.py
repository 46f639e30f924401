"""`blase fit --wavelength-correction` on distorted wavelengths: what was wrong is found, with its error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from blase.cli.main import main
from blase.cloning import clone_template
from blase.instruments import write_prepared
from blase.simulation import OrderSetup, simulate_orders
from blase.templates.embedded import embedded_lines
from blase.templates.template import LineTemplate

RADIAL_VELOCITY = 20.0
SETUPS = (
    OrderSetup((8220.0, 8236.0), 55_000.0, (0.5, -0.3)),
    OrderSetup((8231.0, 8247.0), 55_000.0, (-0.2, 0.4)),
)
SPAN = (8204.0, 8264.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spectrum `s.fits` of two orders with wrong wavelengths, and clones of its star and atmosphere."""
    place = tmp_path_factory.mktemp("distorted")
    star, air = (embedded_lines(kind, wavelength_range=SPAN) for kind in ("star", "telluric"))
    seen = simulate_orders(
        star, air, SETUPS, seed=5, n_pixels=330, radial_velocity=RADIAL_VELOCITY, vsini=6.0
    )
    write_prepared(seen.spectrum.with_metadata(instrument="X-Shooter"), place / "s.fits")
    clone_template(LineTemplate("star", star)).write(place / "star")
    clone_template(LineTemplate("air", air), kind="telluric").write(place / "air")
    return place


def fit(folder: Path, name: str, *more: str) -> int:
    arguments = ["fit", folder / "s.fits", "--star", folder / "star", "--telluric", folder / "air"]
    quick = ["--folds", "0", "--no-curve", "--no-new-lines", "--rv-guess", RADIAL_VELOCITY]
    return main([str(part) for part in [*arguments, *quick, "-o", folder / name, *more]])


def test_the_truth_is_recovered_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(folder, "asked", "--wavelength-correction", "0.5:1") == 0
    out = capsys.readouterr().out
    summary = json.loads((folder / "asked" / "summary.json").read_text())
    pulls = []
    for order, setup in zip(summary["orders"], SETUPS, strict=True):
        found = order["wavelength_correction"]
        assert found["degree"] == [0, 1] and found["unit"] == "km/s" and max(found["error"]) < 0.2
        pulls += list((np.array(found["value"]) - setup.distortion) / found["error"])
    assert np.abs(pulls).max() < 3.5
    assert "wavelength correction, P0" in out and "wavelength correction, P1" in out and "errors 0." in out
    assert any("degree 1, prior width 0.5 km/s (as asked)" in note for note in summary["notes"])


@pytest.mark.filterwarnings("always::blase.errors.BlaseWarning")
def test_it_is_never_silently_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The default of an instrument is a warning on the terminal; off is off."""
    held = [word for name in ("stellar_lines", "telluric_lines", "vsini") for word in ("--fix", name)]
    assert fit(folder, "default", *held) == 0
    shown = capsys.readouterr()
    assert "warning: the wavelengths of every order are corrected" in shown.err + shown.out
    assert "X-Shooter" in shown.err + shown.out and "--wavelength-correction off" in shown.err + shown.out
    assert fit(folder, "off", *held, "--wavelength-correction", "off") == 0
    shown = capsys.readouterr()
    assert "wavelength correction" not in shown.out and "corrected" not in shown.err + shown.out
    orders = json.loads((folder / "off" / "summary.json").read_text())["orders"]
    assert [order["wavelength_correction"] for order in orders] == [None, None]
