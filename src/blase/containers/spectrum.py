"""An échelle spectrum: ragged orders and what is known of them, and how to make one from arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy import units as u

from blase.containers.arrays import orders_from_arrays
from blase.containers.metadata import Frame, Metadata, require_frame
from blase.containers.order import Order, masking_reasons, pixel_bounds, pixel_edges
from blase.containers.units import require_medium
from blase.errors import InputError

__all__ = ["EchelleSpectrum", "Frame", "Metadata", "Order", "from_arrays", "pixel_bounds", "pixel_edges"]

_ESTIMATED = "no uncertainties were given: a constant noise per order was estimated from the flux"


@dataclass(frozen=True, eq=False)
class EchelleSpectrum:
    """Orders and metadata. Orders keep their row numbers when some are selected.

    Raises InputError when there is no order, a row occurs twice, or no pixel of any order can be used.
    """

    orders: tuple[Order, ...]
    metadata: Metadata = field(default_factory=Metadata)

    def __post_init__(self) -> None:
        object.__setattr__(self, "orders", tuple(self.orders))
        if not self.orders:
            raise InputError(
                "the spectrum has no orders",
                path=self.metadata.path,
                expected="at least one order",
                value="0 orders",
                fix="give wavelengths and flux of at least one order",
            )
        rows = [order.row for order in self.orders]
        if len(set(rows)) != len(rows):
            raise InputError(
                "a row occurs twice",
                path=self.metadata.path,
                value=str(rows),
                expected="distinct rows",
                fix="name each row once",
            )
        if self.n_good == 0:
            self._raise_nothing_usable()

    def _raise_nothing_usable(self) -> None:
        raise InputError(
            "no pixel can be used",
            path=self.metadata.path,
            value=masking_reasons(self.orders),
            expected="finite flux and positive uncertainty in part of the spectrum",
            fix="check the flux and uncertainty columns",
        )

    @property
    def n_pixels(self) -> int:
        """Number of pixels, masked ones included."""
        return sum(len(order) for order in self.orders)

    @property
    def n_good(self) -> int:
        """Number of pixels that are used."""
        return sum(order.n_good for order in self.orders)

    def select(self, rows: int | Iterable[int]) -> EchelleSpectrum:
        """The orders with these row numbers, in the order asked; InputError for an unknown row."""
        wanted = [rows] if isinstance(rows, int | np.integer) else list(rows)
        known = {order.row: order for order in self.orders}
        for row in wanted:
            if row not in known:
                raise InputError(
                    "there is no such order",
                    path=self.metadata.path,
                    value=f"row {row}",
                    expected=f"rows {min(known)} to {max(known)} (0-based, as `blase info` lists them)",
                    fix="choose a row with --order",
                )
        chosen = replace(self, orders=tuple(known[row] for row in wanted))
        if len(wanted) == len(known):
            return chosen
        listed = ", ".join(map(str, wanted))
        return chosen.with_history(f"orders selected, {len(wanted)} of {len(known)}: {listed}")

    def crop(self, low: float, high: float) -> EchelleSpectrum:
        """The pixels with centres in [low, high] vacuum Angstrom; InputError when none are there.

        Remaining pixels keep the edges they had in the whole order. Orders outside the range are dropped.
        """
        if not low < high:
            raise InputError(
                "the wavelength range is empty",
                path=self.metadata.path,
                value=f"{low} to {high} A",
                expected="low < high, vacuum Angstrom",
                fix="pass --wavelength LO HI",
            )
        kept = [cropped for order in self.orders if (cropped := order.crop(low, high)) is not None]
        if not kept:
            spans = ", ".join(f"{o.wavelength[0]:.1f}-{o.wavelength[-1]:.1f}" for o in self.orders[:8])
            raise InputError(
                "no pixels in the wavelength range",
                path=self.metadata.path,
                value=f"{low} to {high} A",
                expected=f"a range within {spans}{', ...' if len(self.orders) > 8 else ''} A",
                fix="pass another --wavelength LO HI (vacuum Angstrom)",
            )
        cropped_to = f"cropped to {low:g}-{high:g} A: {sum(map(len, kept))} of {self.n_pixels} pixels kept"
        if gone := sorted({order.row for order in self.orders} - {order.row for order in kept}):
            cropped_to += f"; orders without a pixel there: {', '.join(map(str, gone))}"
        return replace(self, orders=tuple(kept)).with_history(cropped_to)

    def with_history(self, *sentences: str) -> EchelleSpectrum:
        """The same spectrum with sentences appended to its history."""
        return self.with_metadata(history=self.metadata.history + sentences)

    def with_metadata(self, **changes: Any) -> EchelleSpectrum:
        """The same spectrum with some metadata replaced."""
        return replace(self, metadata=replace(self.metadata, **changes))

    def info(self) -> dict[str, Any]:
        """Everything `blase info` shows, as plain numbers, strings, lists and dicts."""
        meta = self.metadata
        return {
            "path": meta.path,
            "sha256": meta.sha256,
            "target": meta.target,
            "instrument": meta.instrument,
            "position": None if meta.position is None else str(meta.position),
            "site": None if meta.site is None else str(meta.site),
            "time_utc": None if meta.time is None else meta.time.utc.isot,
            "wavelength_unit": "Angstrom",
            "medium": "vacuum",
            "medium_as_read": meta.medium_as_read,
            "flux_unit": meta.flux_unit,
            "frame": meta.frame,
            "barycentric_velocity_km_s": meta.barycentric_velocity,
            "resolving_power": meta.resolving_power,
            "resolving_power_error": meta.resolving_power_error,
            "resolving_power_source": meta.resolving_power_source,
            "line_spread_fwhm_km_s": meta.line_spread_fwhm,
            "n_orders": len(self.orders),
            "n_pixels": self.n_pixels,
            "n_masked": self.n_pixels - self.n_good,
            "orders": [order.summary() for order in self.orders],
            "history": list(meta.history),
            "notes": list(meta.notes),
        }


def from_arrays(
    wavelength: Any,
    flux: Any,
    uncertainty: Any = None,
    mask: Any = None,
    *,
    wavelength_unit: str | u.UnitBase | None = None,
    medium: str = "vacuum",
    frame: str = "unknown",
    blaze: Any = None,
    sky: Any = None,
    sky_uncertainty: Any = None,
    echelle_orders: Sequence[int | None] | None = None,
    path: str | None = None,
    history: Sequence[str] = (),
    notes: Sequence[str] = (),
    **metadata: Any,
) -> EchelleSpectrum:
    """An échelle spectrum from arrays.

    Parameters
    ----------
    wavelength, flux, uncertainty, mask, blaze, sky, sky_uncertainty : one (n,) array, one (orders, n) array,
        or a sequence of (n_i,) arrays; the first three may be astropy Quantities. Orders in decreasing
        wavelength are turned round. Without `uncertainty` the noise is estimated from the flux of each order.
    wavelength_unit : unit of bare wavelengths; there is no default.
    medium, frame : of the given wavelengths; air becomes vacuum.
    echelle_orders : the diffraction order of each order, where known.
    metadata : further fields of :class:`Metadata`.

    Raises InputError on missing or mixed units, unequal shapes, wavelengths in disorder, or no usable pixel.
    """
    orders, flux_unit, done = orders_from_arrays(
        wavelength,
        {
            "flux": flux,
            "uncertainty": uncertainty,
            "mask": mask,
            "blaze": blaze,
            "sky": sky,
            "sky_uncertainty": sky_uncertainty,
        },
        echelle_orders,
        wavelength_unit=wavelength_unit,
        medium=medium,
        path=path,
    )
    metadata.setdefault("flux_unit", flux_unit)
    return EchelleSpectrum(
        orders,
        Metadata(
            medium_as_read=require_medium(medium, path=path),
            frame=require_frame(frame, path=path),
            path=path,
            history=(*history, *done),
            notes=(*notes, *([_ESTIMATED] if uncertainty is None else [])),
            **metadata,
        ),
    )
