"""What a benchmark is run on, and how long it may take."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from blase.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Input and effort of one benchmark.

    Attributes
    ----------
    star : template file, or `embedded:star`.
    wavelength_range : part of it [vacuum Angstrom].
    long_star, long_range : template, and part of it, whose clone is a long job; orders are simulated of it.
    n_orders : of the spectrum that is fitted as a whole, each of 2048 pixels as in HPF.
    epochs : steps of Adam that the baseline takes.
    repeats : evaluations of which the median is taken.
    fractions : of the lines, or of the range, at which the scaling is measured.
    window : samples that the baseline gives to every line.
    """

    star: str = "embedded:star"
    wavelength_range: tuple[float, float] = (8600.0, 8900.0)
    long_star: str = "embedded:star"
    long_range: tuple[float, float] = (8052.0, 12_853.0)
    n_orders: int = 28
    epochs: int = 100
    repeats: int = 7
    fractions: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0)
    window: int = 6000

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(
                "the number of epochs is out of range",
                value=self.epochs,
                expected="1 or more",
                fix="pass --epochs 100, for instance",
            )

    @property
    def of_long(self) -> Settings:
        """The same of the long template."""
        return replace(self, star=self.long_star, wavelength_range=self.long_range)

    def plain(self) -> dict[str, Any]:
        """The settings as JSON types."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Settings:
        """The settings that `plain` gave."""
        tuples = {name: tuple(values[name]) for name in ("wavelength_range", "long_range", "fractions")}
        return cls(**values | tuples)


def quick(*, star: str, wavelength_range: tuple[float, float], epochs: int) -> Settings:
    """Everything once and small: for a look, and for tests."""
    return Settings(
        star=star,
        wavelength_range=wavelength_range,
        long_star=star,
        long_range=wavelength_range,
        n_orders=2,
        epochs=epochs,
        repeats=3,
        fractions=(0.25, 0.5, 1.0),
        window=500,
    )
