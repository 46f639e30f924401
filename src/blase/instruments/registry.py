"""Finding the reader of a file, and reading it with what the user says on top of what the file says."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from blase.containers.metadata import require_frame
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError
from blase.instruments.apogee import ApogeeReader
from blase.instruments.base import FileHead, Reader, ReadOptions, look
from blase.instruments.carmenes import CarmenesReader
from blase.instruments.crires import CriresPlusReader, CriresReader
from blase.instruments.eprv import EprvReader
from blase.instruments.eso_phase3 import EsoPhase3Reader
from blase.instruments.espresso import EspressoReader
from blase.instruments.harps import HarpsReader
from blase.instruments.hires import HiresReader
from blase.instruments.hpf import HpfReader
from blase.instruments.igrins import IgrinsReader
from blase.instruments.ishell import PychellReader, SpextoolReader
from blase.instruments.linear import LinearReader
from blase.instruments.maroonx import MaroonXReader
from blase.instruments.neid import NeidReader
from blase.instruments.nirspec import NirspecReader
from blase.instruments.prepared import PreparedReader
from blase.instruments.starfish import StarfishReader
from blase.instruments.table import TableReader
from blase.instruments.veloce import VeloceReader
from blase.preprocess.sky import subtract_sky

ENTRY_POINTS = "blase.readers"
_FRAME_UNKNOWN = (
    "the frame of the wavelengths is not stated, so neither is that of the velocities: pass --frame"
)


_BUILT_IN: tuple[type[Reader], ...] = (
    PreparedReader,
    HpfReader,
    IgrinsReader,
    NirspecReader,
    CriresPlusReader,
    CriresReader,
    ApogeeReader,
    HarpsReader,
    HiresReader,
    SpextoolReader,
    PychellReader,
    StarfishReader,
    MaroonXReader,
    EprvReader,
    EspressoReader,
    NeidReader,
    CarmenesReader,
    VeloceReader,
    EsoPhase3Reader,
    LinearReader,
)
"""Readers of one instrument or layout first, what reads nearly anything last."""


def readers() -> dict[str, Reader]:
    """All readers by name, in the order in which they are asked: built-in formats, plug-ins, then the generic
    table.
    """
    found: list[Reader] = [kind() for kind in _BUILT_IN]
    found += [_loaded(point) for point in entry_points(group=ENTRY_POINTS)]
    found.append(TableReader())
    return {reader.name: reader for reader in found}


def read_spectrum(
    path: str | Path,
    *,
    instrument: str | None = None,
    wavelength_unit: str | None = None,
    medium: str | None = None,
    frame: str | None = None,
    berv: float | None = None,
    resolving_power: float | tuple[float, float | None] | None = None,
    columns: Mapping[str, str] | None = None,
    sky: str = "none",
) -> EchelleSpectrum:
    """Read an observed spectrum; the format is found from the content of the file.

    Parameters
    ----------
    instrument : name of the reader, instead of finding it.
    wavelength_unit : 'A', 'nm' or 'um', where the file does not say or is wrong.
    medium : 'vacuum' or 'air', of the wavelengths in the file.
    frame : 'observatory', 'barycentric' or 'rest', of the wavelengths in the file.
    berv : barycentric velocity [km/s], v_bary = v_obs + BERV.
    resolving_power : lambda / FWHM, or (value, error); without error it is taken as exact.
    columns : names of table columns by role, e.g. {'flux': 'spec_norm'}.
    sky : 'none', or 'subtract' to take the sky fibre off where there is one.

    Options override what the file says; the history of the spectrum records it. Raises InputError for bad
    input.
    """
    head = look(path)
    reader = _named(instrument, head.path) if instrument is not None else _find(head)
    spectrum = reader.read(head.path, ReadOptions(wavelength_unit, medium, columns))
    if _wants_sky_off(sky, head.path):
        spectrum = subtract_sky(spectrum)
    spectrum = spectrum.with_metadata(
        path=str(path), sha256=hashlib.sha256(head.path.read_bytes()).hexdigest()
    )
    spectrum = _overridden(spectrum, frame=frame, berv=berv, resolving_power=resolving_power)
    if spectrum.metadata.frame == "unknown":
        spectrum = spectrum.with_metadata(notes=(*spectrum.metadata.notes, _FRAME_UNKNOWN))
    return spectrum


def _wants_sky_off(sky: str, path: Path) -> bool:
    if sky not in ("none", "subtract"):
        raise InputError(
            "unknown treatment of the sky",
            path=path,
            value=sky,
            expected="'none' or 'subtract'",
            fix="pass --sky subtract (sky='subtract'), or leave it away",
        )
    return sky == "subtract"


def _loaded(point: Any) -> Reader:
    """The reader of an entry point, which names a class or an object."""
    try:
        target = point.load()
        reader = target() if isinstance(target, type) else target
    except Exception as error:  # a plug-in may fail in any way
        raise InputError(
            f"the reader plug-in {point.name} cannot be loaded",
            value=repr(error),
            fix="mend or uninstall it",
            expected="a class or object that can be imported",
        ) from error
    if not isinstance(reader, Reader):
        raise InputError(
            f"the reader plug-in {point.name} is not a reader",
            value=repr(reader),
            expected="name, recognises, read",
            fix="mend or uninstall it",
        )
    return reader


def _named(name: str, path: Path) -> Reader:
    known = readers()
    if name.lower() in known:
        return known[name.lower()]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    raise InputError(
        "unknown instrument",
        path=path,
        value=repr(name),
        expected=", ".join(known),
        fix=f"did you mean {near[0]!r}?" if near else "leave --instrument out to have the format recognised",
    )


def _find(head: FileHead) -> Reader:
    for reader in readers().values():
        if reader.recognises(head):
            return reader
    raise InputError(
        "this is not a spectrum that any reader recognises",
        path=head.path,
        value=_description(head),
        expected="a spectrum of an instrument that is listed below, or a table with wavelength and flux",
        fix=f"name the format with --instrument ({', '.join(readers())}), or convert the file to a table",
    )


def _description(head: FileHead) -> str:
    if head.hdus:
        parts = [f"{hdu.name or 'unnamed'} ({hdu.kind})" for hdu in head.hdus]
        return f"a FITS file with {', '.join(parts)}: no table, and no wavelengths that are known"
    text = head.text()
    if text is None:
        return f"binary data beginning with {head.start[:8]!r}"
    return f"text beginning with {text.strip().splitlines()[0][:60]!r}"


def _overridden(
    spectrum: EchelleSpectrum,
    *,
    frame: str | None,
    berv: float | None,
    resolving_power: float | tuple[float, float | None] | None,
) -> EchelleSpectrum:
    """The spectrum with the user's frame, BERV and resolving power in place of the file's, and a history of
    it.
    """
    meta = spectrum.metadata
    changes: dict[str, Any] = {}
    history = []
    if frame is not None:
        changes["frame"] = require_frame(frame, path=meta.path)
        history.append(f"frame: {frame}, as asked (was {meta.frame})")
    if berv is not None:
        changes["barycentric_velocity"] = float(berv)
        history.append(f"barycentric velocity: {berv:g} km/s, as asked (was {meta.barycentric_velocity})")
    if resolving_power is not None:
        value, error = resolving_power if isinstance(resolving_power, tuple) else (resolving_power, None)
        changes.update(
            resolving_power=float(value), resolving_power_error=None if error is None else float(error)
        )
        changes["resolving_power_source"] = "as asked"
        history.append(f"resolving power: {value:g}, as asked (was {meta.resolving_power})")
    return spectrum.with_metadata(**changes).with_history(*history) if changes else spectrum
