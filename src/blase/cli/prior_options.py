"""Options of `blase fit` on what is believed of lines and of errors, and how they are read."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from blase.errors import InputError


def parse_priors(texts: list[str] | None) -> dict[str, str] | None:
    """Return {class: shape} of every `NAME=SHAPE`; None where none was given.

    Raises `InputError` where a text is anything else.
    """
    return _pairs(texts, "--prior", "NAME=SHAPE", "stellar_strength=student-t") or None


def parse_prior_widths(texts: list[str] | None) -> dict[str, float] | None:
    """Return {class: width} of every `NAME=V`; None where none was given.

    Raises `InputError` where a text is anything else.
    """
    pairs = _pairs(texts, "--prior-width", "NAME=V", "stellar_strength=0.3")
    return {name: _finite(name, text) for name, text in pairs.items()} or None


def _pairs(texts: list[str] | None, flag: str, form: str, example: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts or []:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value) or name in pairs:
            raise InputError(
                f"{flag} cannot be read",
                value=text,
                expected=f"{form}, each class of lines once",
                fix=f"give it as in {flag} {example}",
            )
        pairs[name] = value
    return pairs


def _finite(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            "--prior-width cannot be read",
            value=f"{name}={text}",
            expected="a number after the equals sign",
            fix="give it as in --prior-width stellar_strength=0.3",
        )
    return value


PriorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--prior",
        metavar="NAME=SHAPE",
        help="Shape of the prior of a class of lines: gaussian, laplace or student-t. Repeatable.",
    ),
]
PriorWidthOption = Annotated[
    list[str] | None,
    typer.Option(
        "--prior-width",
        metavar="NAME=V",
        help="Hold the prior width of a class of lines at V instead of learning it. Repeatable.",
    ),
]
NoiseInflationOption = Annotated[
    float | None,
    typer.Option(
        "--noise-inflation", metavar="F", help="Hold the factor on the errors at F instead of learning it."
    ),
]
CurveOption = Annotated[
    bool,
    typer.Option(
        "--curve/--no-curve",
        help="Show how the fit would be with narrower and wider priors (the regularisation curve).",
    ),
]
NewLinesOption = Annotated[
    bool,
    typer.Option(
        "--new-lines/--no-new-lines",
        help="Add stellar lines that the data show, and drop those that they do not.",
    ),
]
