"""An échelle spectrum: ragged orders of vacuum wavelength [Angstrom], flux and uncertainty, and what is known
of them.

`mask` is True where a pixel is *not* used. Pixels whose flux is not finite or whose uncertainty is not finite
and positive are always masked; why each pixel is masked follows from the arrays, see `Order.mask_reasons`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.units import Medium, require_medium
from blase.errors import InputError

Frame = Literal["observatory", "barycentric", "rest", "unknown"]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MINIMUM_GOOD_PIXELS = 50
MINIMUM_GOOD_FRACTION = 0.2


def pixel_edges(centres: FloatArray) -> FloatArray:
    """(n+1,) edges of pixels with the given (n,) centres: midpoints, the outer two by extrapolation."""
    middle = 0.5 * (centres[1:] + centres[:-1])
    first = 2.0 * centres[0] - middle[0]
    last = 2.0 * centres[-1] - middle[-1]
    return np.concatenate(([first], middle, [last]))


def require_frame(frame: str, *, path: str | Path | None = None) -> Frame:
    """`frame` itself if it is a known one; InputError otherwise."""
    if frame in get_args(Frame):
        return cast(Frame, frame)
    raise InputError(
        "the frame of the wavelengths is not known",
        path=path,
        value=repr(frame),
        expected=", ".join(get_args(Frame)),
        fix="pass --frame observatory, barycentric or rest",
    )


@dataclass(frozen=True, eq=False)
class Order:
    """One order. All arrays are (n,), n >= 2.

    Parameters
    ----------
    row : 0-based place in the file, the number that `--order` takes.
    wavelength : vacuum Angstrom at pixel centres, finite and strictly increasing.
    flux, uncertainty : in the same, arbitrary unit; the uncertainty is one standard deviation.
    mask : True where the pixel is not used; bad flux or uncertainty is added to it.
    blaze : relative efficiency of the grating at each pixel, still in `flux`; None where unknown.
    echelle_order : the diffraction order, where known.
    stored_edges : (n+1,) pixel edges, kept by an order that was cropped; None means midpoints of the centres.

    Raises InputError on unequal shapes and on wavelengths that are not finite, positive and increasing.
    """

    row: int
    wavelength: FloatArray
    flux: FloatArray
    uncertainty: FloatArray
    mask: BoolArray
    blaze: FloatArray | None = None
    echelle_order: int | None = None
    stored_edges: FloatArray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("wavelength", "flux", "uncertainty", "blaze", "stored_edges"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64))
        self._check_shapes()
        self._check_wavelength()
        usable = np.isfinite(self.flux) & np.isfinite(self.uncertainty) & (self.uncertainty > 0)
        object.__setattr__(self, "mask", np.array(self.mask, dtype=bool) | ~usable)

    def _check_shapes(self) -> None:
        if self.wavelength.ndim != 1 or self.wavelength.size < 2:
            raise InputError(
                f"{self.label} has too few pixels",
                value=f"shape {self.wavelength.shape}",
                expected="(n,), n >= 2",
            )
        n = self.wavelength.size
        wanted = {"flux": n, "uncertainty": n, "mask": n, "blaze": n, "stored_edges": n + 1}
        for name, size in wanted.items():
            array = getattr(self, name)
            if array is not None and np.shape(array) != (size,):
                raise InputError(
                    f"{self.label}: {name} has the wrong shape",
                    value=str(np.shape(array)),
                    expected=f"({size},), as wavelength has {n} pixels",
                )

    def _check_wavelength(self) -> None:
        wrong = np.flatnonzero(~np.isfinite(self.wavelength) | ~(self.wavelength > 0))
        if wrong.size:
            raise InputError(
                f"{self.label}: a wavelength is not a positive number",
                value=f"{self.wavelength[wrong[0]]} at pixel {wrong[0]}",
                expected="finite, positive wavelengths at every pixel",
                fix="give masked pixels their wavelength too, or remove them from the file",
            )
        steps = np.flatnonzero(np.diff(self.wavelength) <= 0)
        if steps.size:
            i = int(steps[0]) + 1
            raise InputError(
                f"{self.label}: wavelengths are not increasing",
                value=f"{self.wavelength[i]:.6f} A at pixel {i}, after {self.wavelength[i - 1]:.6f} A",
                expected="strictly increasing wavelengths",
                fix="sort the table by wavelength, or give overlapping orders an order column",
            )

    def __len__(self) -> int:
        return int(self.wavelength.size)

    @property
    def label(self) -> str:
        """How messages and plots call this order, e.g. 'order 5'."""
        return f"order {self.row}"

    @property
    def n_good(self) -> int:
        """Number of pixels that are used."""
        return int(np.count_nonzero(~self.mask))

    def edges(self) -> FloatArray:
        """(n+1,) pixel edges [Angstrom]: midpoints of adjacent centres, of all pixels, masked or not."""
        return pixel_edges(self.wavelength) if self.stored_edges is None else self.stored_edges

    def maskreasons(self) -> dict[str, int]:
        """Number of pixels masked for each reason; each masked pixel counts once."""
        bad_flux = ~np.isfinite(self.flux)
        bad_error = ~bad_flux & ~(np.isfinite(self.uncertainty) & (self.uncertainty > 0))
        counts = {
            "non-finite flux": bad_flux,
            "non-finite or non-positive uncertainty": bad_error,
            "a flag in the input": self.mask & ~bad_flux & ~bad_error,
        }
        return {reason: int(np.count_nonzero(at)) for reason, at in counts.items() if at.any()}

    def crop(self, low: float, high: float) -> Order | None:
        """The pixels with centres in [low, high] Angstrom and the edges they had; None for under two."""
        start = np.searchsorted(self.wavelength, low, side="left")
        stop = np.searchsorted(self.wavelength, high, side="right")
        return None if stop - start < 2 else self._pixels(slice(int(start), int(stop)))

    def _pixels(self, keep: slice) -> Order:
        return replace(
            self,
            wavelength=self.wavelength[keep],
            flux=self.flux[keep],
            uncertainty=self.uncertainty[keep],
            mask=self.mask[keep],
            blaze=None if self.blaze is None else self.blaze[keep],
            stored_edges=self.edges()[keep.start : keep.stop + 1],
        )

    def require_usable(self, path: str | Path | None = None) -> None:
        """Raise InputError if fewer than 50 pixels, or less than 20 % of the order, can be used."""
        needed = max(MINIMUM_GOOD_PIXELS, int(np.ceil(MINIMUM_GOOD_FRACTION * len(self))))
        if self.n_good >= needed:
            return
        why = reasons([self])
        raise InputError(
            f"{self.label} has too few good pixels",
            path=path,
            value=f"{self.n_good} good of {len(self)} pixels" + (f" (masked: {why})" if why else ""),
            expected=f"at least {MINIMUM_GOOD_PIXELS} good pixels and {MINIMUM_GOOD_FRACTION:.0%} of the "
            f"order, that is {needed}",
            fix="choose another order with --order, or a wider --wavelength range",
        )

    def summary(self) -> dict[str, Any]:
        """One row of `blase info`: plain numbers and strings."""
        good = ~self.mask
        snr = np.median(self.flux[good] / self.uncertainty[good]) if good.any() else float("nan")
        return {
            "row": self.row,
            "echelle_order": self.echelle_order,
            "wavelength_min": float(self.wavelength[0]),
            "wavelength_max": float(self.wavelength[-1]),
            "n_pixels": len(self),
            "n_masked": len(self) - self.n_good,
            "masked_because": self.maskreasons(),
            "median_snr": float(snr),
            "sampling_km_s": float(SPEED_OF_LIGHT * np.median(np.diff(np.log(self.wavelength)))),
            "blaze_known": self.blaze is not None,
        }


@dataclass(frozen=True, eq=False)
class Metadata:
    """What is known about a spectrum besides its pixels.

    Parameters
    ----------
    time : middle of the exposure, UTC.
    medium_as_read : the medium of the wavelengths in the file; inside they are vacuum.
    frame : the frame of the wavelengths.
    barycentric_velocity : BERV [km/s]; (1 + v_bary/c) = (1 + v_obs/c)(1 + BERV/c). For wavelengths already in
        the barycentric frame it is the velocity that was applied.
    resolving_power, resolving_power_error, resolving_power_source : lambda / FWHM, its error and where it is
        from.
    history : what was done to the data, one sentence each.
    notes : what the user should know of the data, one sentence each.
    """

    target: str | None = None
    time: Time | None = None
    instrument: str | None = None
    medium_as_read: Medium = "vacuum"
    frame: Frame = "unknown"
    barycentric_velocity: float | None = None
    resolving_power: float | None = None
    resolving_power_error: float | None = None
    resolving_power_source: str | None = None
    flux_unit: str = ""
    path: str | None = None
    sha256: str | None = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_medium(self.medium_as_read, path=self.path)
        require_frame(self.frame, path=self.path)
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "notes", tuple(self.notes))
        self._check_numbers()

    def _check_numbers(self) -> None:
        berv = self.barycentric_velocity
        if berv is not None and not abs(berv) < 100.0:
            raise InputError(
                "the barycentric velocity is not that of a telescope on Earth",
                path=self.path,
                value=f"{berv} km/s",
                expected="|BERV| below 100 km/s (it is in km/s, not m/s)",
                fix="pass --berv in km/s",
            )
        for name in ("resolving_power", "resolving_power_error"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(
                    f"{name.replace('_', ' ')} is not a positive number",
                    path=self.path,
                    value=str(value),
                    expected="lambda / FWHM, e.g. 55000",
                    fix="pass --resolving-power R[:ERR]",
                )


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
                "the spectrum has no orders", path=self.metadata.path, expected="at least one order"
            )
        rows = [order.row for order in self.orders]
        if len(set(rows)) != len(rows):
            raise InputError(
                "a row occurs twice", path=self.metadata.path, value=str(rows), expected="distinct rows"
            )
        if self.n_good == 0:
            self._raise_nothing_usable()

    def _raise_nothing_usable(self) -> None:
        raise InputError(
            "no pixel can be used",
            path=self.metadata.path,
            value=reasons(self.orders),
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
        return replace(self, orders=tuple(known[row] for row in wanted))

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
            "n_orders": len(self.orders),
            "n_pixels": self.n_pixels,
            "n_masked": self.n_pixels - self.n_good,
            "orders": [order.summary() for order in self.orders],
            "history": list(meta.history),
            "notes": list(meta.notes),
        }


def reasons(orders: Iterable[Order]) -> str:
    """Why pixels of these orders are masked, as 'COUNT with REASON, ...'."""
    total: dict[str, int] = {}
    for order in orders:
        for reason, count in order.maskreasons().items():
            total[reason] = total.get(reason, 0) + count
    return ", ".join(f"{count} with {reason}" for reason, count in total.items())
