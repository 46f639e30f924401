"""Star and atmosphere as the command line names them: a clone directory, a template, a line list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blase.errors import InputError

if TYPE_CHECKING:
    from blase.containers.spectrum import EchelleSpectrum

MARGIN = 0.005
"""How far beyond the spectrum a template is read, in relative wavelength (1500 km/s)."""


def template_range(
    spectrum: EchelleSpectrum, rows: list[int] | None, span: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the vacuum wavelengths [Angstrom] that a template must cover: the data and a margin."""
    chosen = spectrum if rows is None else spectrum.select(rows)
    low = min(order.wavelength[0] for order in chosen.orders)
    high = max(order.wavelength[-1] for order in chosen.orders)
    if span is not None:
        low, high = max(low, span[0]), min(high, span[1])
    if not low < high:
        raise InputError(
            "--wavelength does not overlap the spectrum",
            path=spectrum.metadata.path,
            value=f"{span[0]:g} {span[1]:g}" if span else None,
            fix="see blase info for the range of every order",
        )
    return float(low * (1 - MARGIN)), float(high * (1 + MARGIN))


def load_component(
    source: str,
    *,
    resolving_power: Any,
    span: tuple[float, float],
    wavelength_file: Path | None = None,
    teff: float | None = None,
) -> Any:
    """Return the clone in the directory `source`, or the template that `source` names.

    Raises `InputError` where a blur is declared for a clone, which was already made through its own.
    """
    from blase.cloning import Clone, is_clone
    from blase.templates import read_template

    if not is_clone(Path(source)):
        return read_template(
            source,
            wavelength_file=wavelength_file,
            resolving_power=resolving_power,
            wavelength_range=span,
            effective_temperature=teff,
        )
    if resolving_power is not None:
        raise InputError(
            "is a clone, which is free of blur: a resolving power belongs to its template",
            path=source,
            fix="give it to blase clone, or give the template itself to blase fit",
        )
    return Clone.read(Path(source))
