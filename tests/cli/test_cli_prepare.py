"""`blase prepare`: files in, one file out, every step in its history, and a fit can take it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from blase.cli.main import main
from blase.containers import from_arrays
from blase.instruments import read_spectrum, write_eprv

Capture = pytest.CaptureFixture[str]
N = 400


def exposure(path: Path, *, seed: int = 0, berv: float = -20.0) -> Path:
    """Two orders with sky, blaze and one cosmic ray, in the EPRV standard."""
    rng = np.random.default_rng(seed)
    waves = np.stack([8000.0 + 0.05 * np.arange(N), 8030.0 + 0.05 * np.arange(N)])
    blaze = np.stack([1.0 - 0.5 * np.linspace(-1, 1, N) ** 2] * 2)
    sky = np.full((2, N), 10.0)
    flux = 100.0 * blaze + sky + rng.normal(size=(2, N))
    flux[0, 200] += 1000.0
    spectrum = from_arrays(
        waves,
        flux,
        np.ones((2, N)),
        wavelength_unit="A",
        frame="observatory",
        barycentric_velocity=berv,
        blaze=blaze,
        sky=sky,
        sky_uncertainty=np.full((2, N), 0.5),
    )
    return write_eprv(spectrum, path)


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return exposure(tmp_path / "night.fits")


STEPS = [
    "--order",
    "0",
    "--wavelength",
    "8001",
    "8019",
    "--sky",
    "subtract",
    "--sky-scale",
    "1.0",
    "--trim",
    "3",
]
STEPS += ["--mask", "8005:8006", "--estimate-uncertainty", "100", "--cosmic-rays", "8", "--deblaze"]
STEPS += ["--to-frame", "barycentric"]


def test_every_step_is_done_and_recorded(night: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "clean.fits"
    assert main(["prepare", str(night), *STEPS, "-o", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    clean = read_spectrum(out)
    assert [order.row for order in clean.orders] == [0]
    order = clean.orders[0]
    good = ~order.mask
    assert np.median(order.flux[good]) == pytest.approx(100.0, abs=0.5)  # neither sky nor blaze
    assert np.median(order.uncertainty[good]) == pytest.approx(1.15, abs=0.2)
    assert order.flux[good].max() < 120 and order.mask[:3].all() and order.mask[-3:].all()
    rest = order.wavelength / (1 - 20.0 / 299_792.458)
    assert order.mask[(rest > 8005.0) & (rest < 8006.0)].all()
    assert clean.metadata.frame == shown["frame"] == "barycentric"
    said = " | ".join(clean.metadata.history)
    words = [
        "orders selected",
        "cropped",
        "sky subtracted",
        "either end",
        "8005-8006",
        "estimated from the flux",
    ]
    words += ["spikes", "blaze divided out", "observatory to barycentric"]
    positions = [said.find(word) for word in words]
    assert -1 not in positions and positions == sorted(positions)
    assert list(shown["history"]) == list(clean.metadata.history)


def test_without_options_nothing_is_done(night: Path, tmp_path: Path) -> None:
    out = tmp_path / "same.fits"
    assert main(["prepare", str(night), "-o", str(out)]) == 0
    for before, after in zip(read_spectrum(night).orders, read_spectrum(out).orders, strict=True):
        np.testing.assert_array_equal(before.flux, after.flux)
        np.testing.assert_array_equal(before.mask, after.mask)


def test_several_exposures_are_stacked_with_their_correlation(night: Path, tmp_path: Path) -> None:
    other = exposure(tmp_path / "other.fits", seed=1, berv=-19.1)
    out = tmp_path / "stack.fits"
    assert (
        main(["prepare", str(night), str(other), "--sky", "subtract", "--cosmic-rays", "8", "-o", str(out)])
        == 0
    )
    done = read_spectrum(out)
    assert done.metadata.frame == "barycentric" and len(done.orders) == 2
    assert any("stack of 2 exposures" in note for note in done.metadata.notes)
    assert 1.1 < np.median(done.orders[0].noise_length) < 1.6
    assert np.nanmedian(done.orders[0].uncertainty) < 1.0


def test_the_eprv_standard_is_written_on_request(night: Path, tmp_path: Path) -> None:
    out = tmp_path / "standard.fits"
    assert main(["prepare", str(night), "--trim", "2", "--eprv", "-o", str(out)]) == 0
    back = read_spectrum(out, instrument="eprv")
    assert back.orders[0].mask[:2].all() and not back.orders[0].mask[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mask", "8005"], "--mask cannot be read"),
        (["--mask", "8006:8005"], "LO:HI"),
        (["--sky-scale", "0.9"], "--sky subtract"),
        (["--order", "7"], "no such order"),
        (["--trim", "300"], "cannot be masked"),
        (["--cosmic-rays", "-1"], "threshold"),
        (["--estimate-uncertainty", "3"], "window"),
    ],
)
def test_bad_options_exit_with_two(
    night: Path, tmp_path: Path, capsys: Capture, options: list[str], words: str
) -> None:
    assert main(["prepare", str(night), *options, "-o", str(tmp_path / "out.fits")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.fits").exists()


def test_an_existing_file_is_kept(night: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["prepare", str(night), "-o", str(night)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["prepare", str(night), "--trim", "1", "-o", str(night), "--overwrite"]) == 0
    assert read_spectrum(night).orders[0].mask[0]
