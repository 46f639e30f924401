"""What a user decides about the priors of single lines and about the noise; what is left open is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from blase.errors import InputError
from blase.fit.penalties import GAUSSIAN, SHAPES, Shape
from blase.fit.priors import STELLAR, TELLURIC, LinePriorWidths
from blase.pipeline.options import FREEABLE, GROUPS, LINE_CLASSES, Freedom, require_known

Value = TypeVar("Value", str, float)

FREED_TELLURIC_SIGMA = 0.1
"""First guess of the prior width of telluric sigmas, where they are freed."""
WIDEST = {"centre_shift": (100.0, "km/s"), "log_strength": (10.0, "ln"), "log_sigma": (10.0, "ln")} | {
    "log_gamma": (10.0, "ln")
}
"""Largest width that a prior may be held at, and its unit; ln is the natural logarithm."""


@dataclass(frozen=True)
class Regularisation:
    """Choices by the name of a class of lines (`stellar_strength`).

    `shapes` names the shape of the prior, Gaussian where absent; `widths` are held ones; `noise_inflation` is
    the held factor on the errors of every order, None where it is learned.
    """

    shapes: dict[str, str] = field(default_factory=dict)
    widths: dict[str, float] = field(default_factory=dict)
    noise_inflation: float | None = None

    def shape(self, name: str) -> Shape:
        """Shape of the prior of the class `name`."""
        return SHAPES[self.shapes.get(name, GAUSSIAN.name)]

    def shapes_of(self, origin: str) -> dict[str, Shape]:
        """Shapes of the classes of one origin, by the kind of parameter (`log_strength`)."""
        return {kind: self.shape(name) for name, (of, kind) in LINE_CLASSES.items() if of == origin}


def regularisation(
    priors: Mapping[str, str] | None,
    prior_widths: Mapping[str, float] | None,
    noise_inflation: float | None,
    liberty: Freedom,
    *,
    with_air: bool,
) -> Regularisation:
    """Check the choices of a user and expand groups.

    Raises
    ------
    InputError
        for an unknown class or shape, a class that is not fitted, a width or a factor out of range.
    """
    shapes = _of_classes(priors, "--prior", liberty, with_air)
    for name, shape in shapes.items():
        if shape not in SHAPES:
            raise InputError(
                f"unknown shape of the prior of {name}",
                value=shape,
                expected=f"one of {', '.join(SHAPES)}",
                fix=f"give it as in --prior {name}=student-t (priors={{'{name}': 'student-t'}})",
            )
    widths = _of_classes(prior_widths, "--prior-width", liberty, with_air)
    for name, width in widths.items():
        _require_width(name, width)
    if noise_inflation is not None and not 0.01 <= noise_inflation <= 1000.0:
        raise InputError(
            "the noise inflation is out of range",
            value=noise_inflation,
            expected="a factor on the stated errors, from 0.01 to 1000",
            fix="give --noise-inflation 1 (noise_inflation=1) to believe the errors, or none to learn it",
        )
    return Regularisation(shapes, {name: float(w) for name, w in widths.items()}, noise_inflation)


def _of_classes(
    given: Mapping[str, Value] | None, flag: str, liberty: Freedom, with_air: bool
) -> dict[str, Value]:
    """The choices by single classes, every one of them free; of a group, what is free of it."""
    found: dict[str, Value] = {}
    for name, value in (given or {}).items():
        require_known(name, [*LINE_CLASSES, *GROUPS])
        if name.startswith("telluric") and not with_air:
            raise InputError(
                f"{flag} of {name} means nothing without an atmosphere",
                value=f"{name}={value}",
                expected="a class of lines that is fitted",
                fix=f"give --telluric (telluric=...), or leave {flag} of it away",
            )
        free = [m for m in GROUPS.get(name, [name]) if m in LINE_CLASSES and liberty.is_free(m)]
        if not free:
            freeable = name in FREEABLE and name not in liberty.fixed
            raise InputError(
                f"{flag} of {name} has no effect: these parameters are held",
                value=f"{name}={value}",
                expected="a class of lines that is free",
                fix=f"add --free {name}" if freeable else f"drop --fix of it, or {flag}",
            )
        found |= dict.fromkeys(free, value)
    return found


def _require_width(name: str, width: float) -> None:
    """Raise `InputError` unless the prior of the class `name` may be held at this `width`."""
    highest, unit = WIDEST[LINE_CLASSES[name][1]]
    if width == 0:
        raise InputError(
            f"a prior of {name} without any width would freeze these lines",
            value=0,
            expected=f"a positive width, at most {highest:g} [{unit}]",
            fix=f"use --fix {name} (fix={{'{name}': None}}) to hold them where the clone has them",
        )
    if not (math.isfinite(width) and 0 < width <= highest):
        raise InputError(
            f"the prior width of {name} is out of range",
            value=width,
            expected=f"a standard deviation above 0 and at most {highest:g} [{unit}]",
            fix=f"give another width, --fix {name} to freeze these lines, or none to have it learned",
        )


def first_widths(chosen: Regularisation, liberty: Freedom) -> tuple[LinePriorWidths, LinePriorWidths]:
    """Prior widths of stellar and of telluric lines to start from: held, or a first guess; 0 where frozen."""
    start = {"stellar": STELLAR, "telluric": TELLURIC}
    if liberty.is_free("telluric_sigma"):
        start["telluric"] = replace(TELLURIC, log_sigma=FREED_TELLURIC_SIGMA)
    for name, (origin, kind) in LINE_CLASSES.items():
        if not liberty.is_free(name):
            start[origin] = replace(start[origin], **{kind: 0.0})
        elif name in chosen.widths:
            start[origin] = replace(start[origin], **{kind: chosen.widths[name]})
    return start["stellar"], start["telluric"]
