"""Options shared by the commands, and the small languages that some of them speak."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from blase.cli.messages import Verbosity
from blase.errors import InputError

Medium = Literal["air", "vacuum"]
Frame = Literal["observatory", "barycentric", "rest"]
Sky = Literal["none", "subtract"]
ResolvingPower = float | tuple[float, float]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_ROWS = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def parse_orders(text: str | None) -> list[int] | None:
    """Return the rows of `3,5-8` in increasing order, each once; None for None.

    Raises `InputError` where the text is anything else.
    """
    if text is None:
        return None
    rows: set[int] = set()
    for part in text.split(","):
        match = _ROWS.fullmatch(part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise InputError(
                "--order cannot be read",
                value=text,
                expected="0-based rows as shown by blase info, such as 3,5-8",
                fix="give it as in --order 3 or --order 3,5-8",
            )
        rows.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return sorted(rows)


def parse_resolving_power(text: str | None, flag: str = "--resolving-power") -> ResolvingPower | None:
    """Return `R` as a float or `R:ERR` as a pair; None for None. Raises `InputError` otherwise."""
    if text is None:
        return None
    numbers = [_positive(part) for part in text.split(":")]
    if None in numbers or len(numbers) > 2:
        raise InputError(
            f"{flag} cannot be read",
            value=text,
            expected="R or R:ERR, two positive numbers, such as 55000:1000",
            fix=f"give {flag} 55000 or {flag} 55000:1000",
        )
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])  # type: ignore[return-value]


def parse_template_resolving_power(text: str | None, flag: str) -> ResolvingPower | Literal["fit"] | None:
    """Return `fit`, `R` or `R:ERR` of a template that is already blurred; None for None."""
    return "fit" if text == "fit" else parse_resolving_power(text, flag)


def parse_wavelength_correction(text: str | None) -> float | tuple[float, int] | Literal["off"] | None:
    """Return `off`, a width [km/s], or a width and a degree; None for None. Raises `InputError` otherwise."""
    if text is None or text == "off":
        return text  # type: ignore[return-value]
    width, colon, degree = text.partition(":")
    number = _positive(width)
    if number is None or (colon and not degree.strip().isdecimal()):
        raise InputError(
            "--wavelength-correction cannot be read",
            value=text,
            expected="off, or KM_S or KM_S:DEGREE, such as 0.5:1",
            fix="give --wavelength-correction 0.5:1 or --wavelength-correction off",
        )
    return (number, int(degree)) if colon else number


def parse_fixed(texts: list[str] | None) -> dict[str, float | None] | None:
    """Return {name: value} of every `NAME=V`, None as value of a bare `NAME`; None where none was given."""
    fixed: dict[str, float | None] = {}
    for text in texts or []:
        name, equals, number = (part.strip() for part in text.partition("="))
        value = _number(number) if equals else None
        if not _NAME.fullmatch(name) or (equals and value is None):
            raise InputError(
                "--fix cannot be read",
                value=text,
                expected="NAME or NAME=VALUE, such as vsini=2.2",
                fix="give it as in --fix vsini or --fix vsini=2.2",
            )
        fixed[name] = value
    return fixed or None


def parse_columns(texts: list[str] | None) -> dict[str, str] | None:
    """Return {role: name} of every `ROLE=NAME`; None where none was given. Raises `InputError` otherwise."""
    columns: dict[str, str] = {}
    for text in texts or []:
        role, equals, name = (part.strip() for part in text.partition("="))
        if not (role and equals and name) or role in columns:
            raise InputError(
                "--column cannot be read",
                value=text,
                expected="ROLE=NAME, each role once",
                fix="give it as in --column flux=spec_norm",
            )
        columns[role] = name
    return columns or None


def parse_masks(texts: list[str] | None) -> list[tuple[float, float]]:
    """Return the ranges of every `LO:HI` [vacuum Angstrom]; `InputError` for anything else."""
    ranges = []
    for text in texts or []:
        numbers = [_positive(part) for part in text.split(":")]
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None or not numbers[0] < numbers[1]:
            raise InputError(
                "--mask cannot be read",
                value=text,
                expected="LO:HI in vacuum Angstrom with 0 < LO < HI",
                fix="give it as in --mask 8230:8235",
            )
        ranges.append((numbers[0], numbers[1]))
    return ranges


def parse_range(pair: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the wavelength range as given; `InputError` unless 0 < LO < HI."""
    if pair is not None and not 0 < pair[0] < pair[1] < math.inf:
        raise InputError(
            "--wavelength is not a range",
            value=f"{pair[0]:g} {pair[1]:g}",
            expected="LO HI in vacuum Angstrom with 0 < LO < HI",
            fix="give it as in --wavelength 8640 8780",
        )
    return pair


def check_distinct(fixed: dict[str, float | None] | None, free: list[str] | None) -> None:
    """Raise `InputError` where a parameter is both fixed and free."""
    both = sorted(set(fixed or {}) & set(free or []))
    if both:
        raise InputError(
            "a parameter cannot be both fixed and free",
            value=", ".join(both),
            expected="one of the two",
            fix="drop --fix or --free of it",
        )


def _number(text: str) -> float | None:
    """Return a finite number, None where the text is not one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _positive(text: str) -> float | None:
    """Return a positive number, None where the text is not one."""
    value = _number(text)
    return value if value is not None and value > 0 else None


def _set_verbose(context: typer.Context, value: bool) -> bool:
    """Remember -v where errors are reported."""
    if isinstance(context.obj, Verbosity):
        context.obj.verbose = value
    return value


def _set_quiet(context: typer.Context, value: bool) -> bool:
    """Remember --quiet where warnings are shown."""
    if isinstance(context.obj, Verbosity):
        context.obj.quiet = value
    return value


OutputOption = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Directory to write.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace DIR where it is an earlier output of blasé.")
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "-v", "--verbose", callback=_set_verbose, help="Say every iteration, what was decided and why."
    ),
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        "--log", metavar="FILE", help="Write progress to FILE as it happens, one JSON object a line."
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", callback=_set_quiet, help="Show neither progress nor warnings.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")]
WavelengthOption = Annotated[
    tuple[float, float] | None,
    typer.Option("--wavelength", metavar="LO HI", help="Range, vacuum Angstrom in the file's frame."),
]
OrderOption = Annotated[
    str | None,
    typer.Option("--order", metavar="ROWS", help="Rows as shown by blase info, such as 3,5-8."),
]
WavelengthUnitOption = Annotated[
    str | None,
    typer.Option(
        "--wavelength-unit",
        metavar="UNIT",
        help="Unit of the file's wavelengths, where it states none: A, nm, um.",
    ),
]
MediumOption = Annotated[
    Medium | None, typer.Option("--medium", help="Medium of the file's wavelengths, where it states none.")
]
TemplateUnitOption = Annotated[
    str | None,
    typer.Option(
        "--template-wavelength-unit",
        metavar="UNIT",
        help="Unit of the stellar template's wavelengths, where it states none: A, nm, um.",
    ),
]
TemplateMediumOption = Annotated[
    Medium | None,
    typer.Option("--template-medium", help="Medium of the stellar template's wavelengths (default vacuum)."),
]
TelluricUnitOption = Annotated[
    str | None,
    typer.Option(
        "--telluric-wavelength-unit",
        metavar="UNIT",
        help="Unit of the telluric template's wavelengths, where it states none: A, nm, um.",
    ),
]
TelluricMediumOption = Annotated[
    Medium | None,
    typer.Option("--telluric-medium", help="Medium of the telluric template's wavelengths (default vacuum)."),
]
WavelengthFileOption = Annotated[
    Path | None,
    typer.Option("--wavelength-file", metavar="FILE", help="Wavelengths of a PHOENIX template, kept apart."),
]
TeffOption = Annotated[
    float | None,
    typer.Option(
        "--teff", metavar="K", help="Effective temperature, to flatten a template or weigh a line list."
    ),
]
InstrumentOption = Annotated[
    str | None,
    typer.Option("--instrument", metavar="NAME", help="Reader of the spectrum, where not recognised."),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=NAME",
        help="Column of a table that holds the wavelength, flux, uncertainty, mask or order. Repeatable.",
    ),
]
SkyOption = Annotated[
    Sky, typer.Option("--sky", help="Whether to take the sky fibre off, where the file has one.")
]
DownloadOption = Annotated[
    bool, typer.Option("--download", help="Fetch a missing file of the PHOENIX grid into the cache.")
]
FrameOption = Annotated[
    Frame | None, typer.Option("--frame", help="Frame of the file's wavelengths, where it states none.")
]
BervOption = Annotated[
    float | None,
    typer.Option("--berv", metavar="KM_S", help="Barycentric velocity of the observatory towards the star."),
]
ResolvingPowerOption = Annotated[
    str | None,
    typer.Option("--resolving-power", metavar="R[:ERR]", help="Resolving power (lambda/FWHM) and its error."),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of every random number.")]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="NAME", help="Device to compute on: cpu, cuda.")
]
