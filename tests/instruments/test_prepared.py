"""A prepared spectrum is read back as it was written, with all that is known of it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time

from blase.containers import EchelleSpectrum, from_arrays
from blase.containers.observation import Site, SkyPosition
from blase.errors import InputError
from blase.instruments import read_spectrum, write_prepared
from blase.preprocess import as_resampled

RNG = np.random.default_rng(1)


def whole() -> EchelleSpectrum:
    """Two orders of unlike length with everything that a container may hold."""
    waves = [8000.0 + 0.05 * np.arange(n) for n in (300, 200)]
    waves[1] = waves[1] + 100

    def draw(level: float) -> list[np.ndarray]:
        return [level + RNG.random(wave.size) for wave in waves]

    flux, masks = draw(100.0), [wave < wave[3] for wave in waves]
    flux[0][7] = np.nan
    spectrum = from_arrays(
        waves,
        flux,
        draw(1.0),
        masks,
        wavelength_unit="A",
        medium="air",
        frame="observatory",
        blaze=draw(0.5),
        sky=draw(3.0),
        sky_uncertainty=draw(0.1),
        echelle_orders=[101, 100],
        target="Barnard's star",
        instrument="HARPS",
        position=SkyPosition(269.45, 4.69, -802.8, 10362.5),
        site=Site("somewhere", 20.8, -32.4, 1798.0),
        time=Time("2018-10-03T01:39:39.123456", scale="utc"),
        barycentric_velocity=-23.4567890123,
        resolving_power=115_000.0,
        resolving_power_error=3450.0,
        resolving_power_source="a source whose name is longer than the sixty-eight characters of a card",
        flux_unit="electron",
        history=[
            "read as µ something",
            "more than eighty characters, which no card would hold whole " * 2,
        ],
        notes=["a note"],
    )
    return as_resampled(spectrum, detector_pixel=3.0).crop(8001.0, 8109.0)


def test_nothing_is_lost(tmp_path: Path) -> None:
    spectrum = whole()
    back = read_spectrum(write_prepared(spectrum, tmp_path / "prepared.fits"))
    for before, after in zip(spectrum.orders, back.orders, strict=True):
        for field in fields(before):
            one, two = getattr(before, field.name), getattr(after, field.name)
            if field.name == "stored_edges":
                one, two = before.edges(), after.edges()
            if isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, two, err_msg=field.name)
            else:
                assert one == two, field.name
    meta, again = spectrum.metadata, back.metadata
    for name in (
        "target",
        "instrument",
        "position",
        "site",
        "frame",
        "medium_as_read",
        "barycentric_velocity",
    ):
        assert getattr(meta, name) == getattr(again, name), name
    for name in ("resolving_power", "resolving_power_error", "resolving_power_source", "flux_unit", "notes"):
        assert getattr(meta, name) == getattr(again, name), name
    assert abs((meta.time - again.time).sec) < 1e-3
    assert again.history[0] == "read as ? something" and again.history[1:] == tuple(
        text.strip() for text in meta.history[1:]
    )


def test_a_bare_spectrum_stays_bare(tmp_path: Path) -> None:
    wave = 8000.0 + 0.05 * np.arange(300)
    bare = from_arrays(wave, 100 + RNG.random(300), np.ones(300), wavelength_unit="A")
    back = read_spectrum(write_prepared(bare, tmp_path / "bare.fits"))
    assert back.metadata.frame == "unknown" and back.metadata.resolving_power is None
    assert back.metadata.target is None and back.metadata.site is None and back.metadata.time is None
    assert back.orders[0].blaze is None and back.orders[0].echelle_order is None


def test_an_existing_file_is_kept_unless_asked(tmp_path: Path) -> None:
    path = write_prepared(whole(), tmp_path / "prepared.fits")
    with pytest.raises(InputError, match="exists"):
        write_prepared(whole(), path)
    changed = replace(whole(), metadata=replace(whole().metadata, target="another"))
    assert read_spectrum(write_prepared(changed, path, overwrite=True)).metadata.target == "another"


@pytest.mark.parametrize(
    "option", [{"medium": "air"}, {"wavelength_unit": "nm"}, {"columns": {"flux": "sky"}}]
)
def test_options_that_contradict_the_file_are_refused(option: dict, tmp_path: Path) -> None:
    path = write_prepared(whole(), tmp_path / "prepared.fits")
    with pytest.raises(InputError, match="states units, media and columns itself"):
        read_spectrum(path, **option)
