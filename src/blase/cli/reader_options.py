"""Options about the file of a spectrum, the same for every command that reads one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from blase.cli.options import (
    BervOption,
    ColumnOption,
    Frame,
    FrameOption,
    InstrumentOption,
    Medium,
    MediumOption,
    ResolvingPower,
    ResolvingPowerOption,
    Sky,
    SkyOption,
    WavelengthUnitOption,
    parse_columns,
    parse_resolving_power,
)

if TYPE_CHECKING:
    from blase.containers import EchelleSpectrum


@dataclass(frozen=True)
class ReaderOptions:
    """What was said of the file of a spectrum; None leaves it to the file."""

    instrument: str | None
    columns: Mapping[str, str] | None
    sky: Sky
    wavelength_unit: str | None
    medium: Medium | None
    frame: Frame | None
    berv: float | None
    resolving_power: ResolvingPower | None

    def read(self, path: Path) -> EchelleSpectrum:
        """The spectrum in the file `path`."""
        from blase.instruments import read_spectrum

        return read_spectrum(path, **vars(self))


def reader_options(
    instrument: InstrumentOption = None,
    column: ColumnOption = None,
    sky: SkyOption = "none",
    wavelength_unit: WavelengthUnitOption = None,
    medium: MediumOption = None,
    frame: FrameOption = None,
    berv: BervOption = None,
    resolving_power: ResolvingPowerOption = None,
) -> ReaderOptions:
    """The options as the command line has them; `InputError` for what cannot be understood."""
    return ReaderOptions(
        instrument=instrument,
        columns=parse_columns(column),
        sky=sky,
        wavelength_unit=wavelength_unit,
        medium=medium,
        frame=frame,
        berv=berv,
        resolving_power=parse_resolving_power(resolving_power),
    )


def reads_spectrum(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command have the parameters of `reader_options` in the place of its parameter `reader`."""
    own, added = _parameters(command), _parameters(reader_options)

    @functools.wraps(command)
    def wrapped(**values: object) -> None:
        of_reader = {name: values.pop(name) for name in added}
        command(**values, reader=reader_options(**of_reader))  # type: ignore[arg-type]

    spliced: dict[str, inspect.Parameter] = {}
    for name, parameter in own.items():
        spliced |= added if name == "reader" else {name: parameter}
    wrapped.__signature__ = inspect.Signature(list(spliced.values()))  # type: ignore[attr-defined]
    wrapped.__annotations__ = {name: parameter.annotation for name, parameter in spliced.items()}
    return wrapped


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Parameters of a function, to be given by name, with their annotations as objects."""
    hints = get_type_hints(function, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return {
        name: parameter.replace(kind=keyword, annotation=hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
    }
