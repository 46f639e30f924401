"""What is known of instruments when neither the file nor the user says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ResolvingPower:
    """A quoted resolving power lambda / FWHM, its error and its source."""

    value: float
    error: float
    source: str


RESOLVING_POWERS = {
    "HPF": ResolvingPower(
        55_000.0,
        0.03 * 55_000.0,
        "HPF default, 55,000 +- 3 %: the instrument's quoted value (Mahadevan et al. 2014, "
        "Proc. SPIE 9147, 91471G); whether it includes the pixel is not stated there (that is worth 3 %)",
    )
}


def default_resolving_power(instrument: str | None) -> ResolvingPower | None:
    """The quoted resolving power of an instrument by its INSTRUME name, or None."""
    return RESOLVING_POWERS.get((instrument or "").strip().upper())
