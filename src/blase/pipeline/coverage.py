"""Which orders, and which of their pixels, the stellar template covers."""

from __future__ import annotations

from blase.cloning import Clone
from blase.constants import SPEED_OF_LIGHT
from blase.containers.metadata import Metadata
from blase.errors import InputError
from blase.pipeline.log import FitLog
from blase.pipeline.prepare import Pixels, uncovered, without

_FEWEST_PIXELS = 50


def overlapping_orders(
    clone: Clone, pixels: list[Pixels], reach: float, metadata: Metadata, log: FitLog
) -> list[Pixels]:
    """The orders that the stellar template may cover at some velocity; the others are named and left out."""
    factor = 1 + reach / SPEED_OF_LIGHT
    kept = [
        p
        for p in pixels
        if any(p.edges[-1] * factor >= low and p.edges[0] / factor <= high for low, high in clone.segments)
    ]
    if not kept:
        low, high = clone.wavelength_range
        raise InputError(
            f"order {pixels[0].row} does not overlap the stellar template",
            path=metadata.path,
            value=f"order {pixels[0].edges[0]:.1f} to {pixels[0].edges[-1]:.1f} Angstrom, "
            f"template {low:.1f} to {high:.1f} Angstrom",
            expected="overlapping vacuum wavelengths in Angstrom",
            fix="choose orders with --order, or another template; check --wavelength-unit and --medium",
        )
    _name_left_out(pixels, kept, log)
    return kept


def covered_orders(
    pixels: list[Pixels], star: Clone, velocity: float, metadata: Metadata, log: FitLog
) -> list[Pixels]:
    """Orders without the pixels that the template does not reach; hardly covered ones are left out."""
    cut = [without(p, uncovered(p, star, velocity)) for p in pixels]
    kept = []
    for p, inside in zip(pixels, cut, strict=True):
        lost = p.n_used - inside.n_used
        if inside.n_used < max(_FEWEST_PIXELS, 0.2 * p.used.numel()):
            continue
        if lost:
            log.warn(f"order {p.row}: {lost} pixels lie outside the stellar template and are left out")
        kept.append(inside)
    if not kept:
        raise InputError(
            f"order {pixels[0].row}: the stellar template covers too few pixels",
            path=metadata.path,
            value=f"{cut[0].n_used} of {pixels[0].used.numel()} pixels",
            expected=f"at least {_FEWEST_PIXELS} and 20 % of the order",
            fix="choose a template that covers the order at the star's velocity",
        )
    _name_left_out(pixels, kept, log)
    return kept


def _name_left_out(before: list[Pixels], after: list[Pixels], log: FitLog) -> None:
    gone = sorted({p.row for p in before} - {p.row for p in after})
    if gone:
        rows = ", ".join(map(str, gone))
        log.warn(f"orders that the stellar template does not cover are left out: {rows}")
