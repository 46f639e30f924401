"""Star and atmosphere as the command line names them: a clone directory, a template, a line list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blase.cli.messages import say
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
    low_all = low = min(order.wavelength[0] for order in chosen.orders)
    high_all = high = max(order.wavelength[-1] for order in chosen.orders)
    if span is not None:
        low, high = max(low, span[0]), min(high, span[1])
    if not low < high:
        raise InputError(
            "--wavelength does not overlap the spectrum",
            path=spectrum.metadata.path,
            value=f"{span[0]:g} {span[1]:g}" if span else None,
            fix="see blase info for the range of every order",
            expected=f"a range that overlaps the chosen orders, {low_all:.1f} to {high_all:.1f} Angstrom",
        )
    return float(low * (1 - MARGIN)), float(high * (1 + MARGIN))


def load_component(
    source: str,
    *,
    flag: str,
    resolving_power: Any,
    span: tuple[float, float],
    wavelength_unit: str | None = None,
    medium: str | None = None,
    wavelength_file: Path | None = None,
    teff: float | None = None,
    download: bool = False,
    quiet: bool = False,
) -> Any:
    """Return the clone in the directory `source`, or the template that `source` names.

    `flag` begins the options that belong to this template, `--template` or `--telluric`. Raises `InputError`
    where such an option is given for a clone, which was already made with its own.
    """
    from blase.cloning import Clone, is_clone
    from blase.templates import read_template

    if not is_clone(Path(source)):
        try:
            template = read_template(
                source,
                wavelength_unit=wavelength_unit,
                medium=medium,
                wavelength_file=wavelength_file,
                resolving_power=resolving_power,
                wavelength_range=span,
                effective_temperature=teff,
                download=download,
            )
        except InputError as error:
            raise _about_template(error, flag) from error
        if not quiet:
            say_assumed_medium(template, source, f"{flag}-medium")
        return template
    of_template = {
        f"{flag}-wavelength-unit": wavelength_unit,
        f"{flag}-medium": medium,
        f"{flag}-resolving-power": resolving_power,
        "--wavelength-file": wavelength_file,
        "--teff": teff,
        "--download": download or None,
    }
    given = [name for name, value in of_template.items() if value is not None]
    if given:
        raise InputError(
            "is a clone: what belongs to its template was stated when it was made",
            path=source,
            value=" ".join(given),
            expected="no option of a template",
            fix="give it to blase clone, or give the template itself to blase fit",
        )
    return Clone.read(Path(source))


def say_assumed_medium(template: Any, source: str, flag: str) -> None:
    """Warn where the wavelengths of a template were taken as vacuum though nothing says so."""
    from blase.templates.raw import VACUUM_ASSUMED

    if VACUUM_ASSUMED in template.notes:
        say(f"warning: {source}: {VACUUM_ASSUMED}: {flag} air shifts it by some 80 km/s")


def refuse_without(needed: str, options: Mapping[str, object]) -> None:
    """Raise `InputError` where one of `options` (flag to value) is given although `needed` is not."""
    given = [flag for flag, value in options.items() if value is not None]
    if given:
        raise InputError(
            f"{given[0]} means nothing without {needed}",
            value=" ".join(given),
            expected=f"{needed}, or none of its options",
            fix=f"give {needed}, or leave {' '.join(given)} away",
        )


def _about_template(error: InputError, flag: str) -> InputError:
    """The same error, naming the options of the template instead of those of the spectrum."""

    def renamed(text: object) -> Any:
        return re.sub(r"--(wavelength-unit|medium)\b", rf"{flag}-\1", text) if isinstance(text, str) else text

    return InputError(
        error.problem,
        path=error.path,
        value=renamed(error.value),
        expected=error.expected,
        fix=renamed(error.fix),
    )
