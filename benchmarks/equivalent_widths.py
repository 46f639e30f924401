"""Equivalent widths of the Sun (HARPS, by Ganymede) against those of ARES on that very spectrum.

Needs the folder of real data beside the repository. It fits the spectrum around all lines of the table of
ARES, a stretch at a time (every fit is kept in the folder, and not done again), prints slope, offset and
scatter, every line with what ARES did there, and draws a plot:

    python benchmarks/equivalent_widths.py -o solar-widths
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from astropy.io import fits
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import curve_fit

import blase
from blase.cloning.template_model import optical_depth_of
from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum, LineList, from_arrays
from blase.containers.line_list import FLOOR_COLUMNS
from blase.functional.air import air_to_vacuum
from blase.preprocess.uncertainty import estimate_uncertainty
from blase.results.gaussian_width import gaussian_widths

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
WIDTHS = (10.0, 100.0)
"""Lines of these equivalent widths [mA] are compared."""
ONE_LINE = 0.07
"""Lines of the fit this near a line of ARES [Angstrom] are what it sees as one: its `lineresol` is 0.1."""
MARGIN, LONGEST, GAP = 3.0, 30.0, 8.0
"""A stretch ends this far beside its lines, is no longer than this, and spans no such gap [Angstrom]."""
BINNED = 2
"""Samples of 0.01 Angstrom that are taken together: the detector's pixels are larger than one."""
GAUSSIAN_AREA = 1.0645
"""Area of a Gaussian over depth times full width at half maximum: sqrt(pi / (4 ln 2))."""
BROAD = 0.2
"""No single solar line of these strengths is as wide as this [Angstrom, full width at half maximum]."""

CORE = 0.12
"""A Gaussian is fitted this far about the centre of a line [Angstrom]."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A line in both tables: wavelength in air [Angstrom], widths and errors [mA], and how ARES fitted it."""

    wavelength: float
    gaussians: int
    depth: float
    full_width: float
    ares: float
    ares_error: float
    blase: float
    blase_error: float
    n_lines: int
    gaussian: float
    gaussian_of_fit: float

    @property
    def difference(self) -> float:
        """blase less ARES [mA]."""
        return self.blase - self.ares

    @property
    def deviation(self) -> float:
        """The difference in errors of both."""
        return self.difference / float(np.hypot(self.ares_error, self.blase_error))

    @property
    def remark(self) -> str:
        """How ARES came to its width, where that is not one Gaussian of the width of a line."""
        parts = [] if self.gaussians == 1 else [f"{self.gaussians} Gaussians fitted at once"]
        if abs(self.ares / (1e3 * GAUSSIAN_AREA * self.depth * self.full_width) - 1) > 0.05:
            parts.append("the width is the sum of several")
        if self.full_width > BROAD:
            parts.append(f"one of them {self.full_width:.2f} A wide")
        return "; ".join(parts)


def ares_lines() -> FloatArray:
    """The rows of the table of ARES that are compared, by wavelength."""
    table = np.loadtxt(SHARED / "truth/EW/ARES/test.ares_ori")
    table = table[(table[:, 4] > WIDTHS[0]) & (table[:, 4] < WIDTHS[1])]
    return np.asarray(table[np.argsort(table[:, 0])])


def stretches(wavelength: FloatArray) -> Iterator[tuple[float, float]]:
    """Ranges [air Angstrom] that hold all lines with some room on either side."""
    first = last = wavelength[0]
    for at in wavelength[1:]:
        if at - last > GAP or at - first > LONGEST:
            yield first - MARGIN, last + MARGIN
            first = at
        last = at
    yield first - MARGIN, last + MARGIN


def solar_spectrum(low: float, high: float) -> EchelleSpectrum:
    """The spectrum from `low` to `high` [air Angstrom]; its errors from its scatter."""
    with fits.open(SHARED / "observed/HARPS/Sun/sun_harps_ganymede.fits") as hdus:
        header, flux = hdus[0].header, hdus[0].data.astype(float).ravel()
    wavelength = header["CRVAL1"] + header["CDELT1"] * (np.arange(flux.size) + 1 - header.get("CRPIX1", 1))
    inside = np.flatnonzero((wavelength > low) & (wavelength < high))
    inside = inside[: inside.size // BINNED * BINNED].reshape(-1, BINNED)
    spectrum = from_arrays(
        wavelength[inside].mean(axis=1),
        flux[inside].mean(axis=1),
        np.ones(len(inside)),
        wavelength_unit="Angstrom",
        medium="air",
        frame="rest",
        resolving_power=115_000.0,
        resolving_power_error=3_000.0,
        instrument="HARPS",
    )
    return estimate_uncertainty(spectrum)


def fit_sun(low: float, high: float) -> blase.FitResult:
    """Fit the solar spectrum from `low` to `high` [air Angstrom] from the VALD extract as template.

    Streams on the surface are part of the model, and the damping is that of the extract: left to themselves,
    the Lorentzian widths of the lines would imitate the wings that streams make, at three times the damping
    constants, and reach far beyond them.
    """
    template = blase.read_template(
        SHARED / "linelists/grass/vald_solar.dat", wavelength_range=(low - 3, high + 8)
    )
    return blase.fit_spectrum(
        solar_spectrum(low, high),
        star=template,
        folds=0,
        curve=False,
        continuum_degree=3,
        fix={"vsini": 1.9, "stellar_gamma": None},
        free=["macroturbulence"],
    )


def gaussian_width(result: blase.FitResult, vacuum: float) -> float:
    """Equivalent width [mA] of one Gaussian in the core of a line, in the data over the continuum of the fit.

    What a Gaussian makes of the same line: without its wings, and with its neighbours as they are.
    """
    [order] = result.orders
    core = np.abs(order.wavelength - vacuum) < CORE
    x, y = order.wavelength[core] - vacuum, (order.flux / order.continuum)[core]

    def profile(x: FloatArray, depth: float, sigma: float, shift: float) -> FloatArray:
        return np.asarray(1 - depth * np.exp(-((x - shift) ** 2) / (2 * sigma**2)))

    try:
        (depth, sigma, _), _ = curve_fit(profile, x, y, (0.4, 0.05, 0.0))
    except RuntimeError:
        return np.nan
    return 1e3 * float(depth * abs(sigma) * np.sqrt(2 * np.pi))


def joint_width(lines: LineList) -> float:
    """Equivalent width [mA] of lines together: the integral of 1 - exp(-sum of their optical depths)."""
    middle = float(np.average(lines.centre, weights=lines.strength))
    wavelength = middle * np.exp(np.arange(-4000, 4001) * 1e-3 / SPEED_OF_LIGHT * 40)
    return 1e3 * float(np.trapezoid(-np.expm1(-optical_depth_of(lines, wavelength)), wavelength))


def line_list(result: blase.FitResult, rows: NDArray[np.intp]) -> LineList:
    """Some rows of the table of lines as lines."""
    table = result.lines[rows]
    shape = {name: np.asarray(table[name].value) for name in ("centre", "strength", "sigma", "gamma")}
    floors = {name: np.asarray(table[name], dtype=float) for name in FLOOR_COLUMNS if name in table.colnames}
    return LineList(**shape, **floors)


def compare(result: blase.FitResult, low: float, high: float) -> list[Line]:
    """All lines of ARES in a stretch with what the fit has there."""
    centre = result.lines["centre"].value
    width, error = (1e3 * result.lines[f"equivalent_width{part}"].value for part in ("", "_error"))
    cores = 1e3 * gaussian_widths(result)
    found = []
    for wavelength, gaussians, depth, full_width, ares, ares_error in ares_lines()[:, :6]:
        if not low < wavelength < high:
            continue
        vacuum = float(air_to_vacuum(torch.tensor(wavelength, dtype=torch.float64)))
        near = np.flatnonzero((np.abs(centre - vacuum) < ONE_LINE) & np.isfinite(width))
        if near.size:
            together = joint_width(line_list(result, near))
            spread = float(np.sqrt((error[near] ** 2).sum()))
            own = (wavelength, int(gaussians), depth, full_width, ares, ares_error)
            here = gaussian_width(result, vacuum)
            of_fit = together * float(cores[near].sum() / width[near].sum())
            found.append(Line(*own, together, spread, near.size, here, of_fit))
    return found


def describe(name: str, lines: list[Line], key: str = "blase") -> None:
    """Print slope, offset and scatter of some of the lines, of the widths `key` against those of ARES.

    Every line counts the same; then by its error in ARES and 1 mA.
    """
    ares, mine, error = (
        np.array([getattr(line, name) for line in lines]) for name in ("ares", key, "ares_error")
    )
    offset = mine - ares
    robust = 1.4826 * float(np.median(np.abs(offset - np.median(offset))))
    said = [
        f"{name}: {len(lines)} lines, median difference {np.median(offset):+.2f} mA, middle {robust:.2f} mA"
    ]
    for how, weight in (("", np.ones_like(ares)), (" by errors", 1 / (error**2 + 1))):
        slope = float((weight * ares * mine).sum() / (weight * ares**2).sum())
        scatter = np.sqrt(np.average((offset - np.average(offset, weights=weight)) ** 2, weights=weight))
        said.append(f"slope{how} {slope:.3f}, scatter{how} {scatter:.2f} mA")
    print("; ".join(said))


def draw(lines: list[Line], path: Path) -> None:
    """The widths of both, and their differences below."""
    figure = Figure(figsize=(6, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.4))
    for label, some, colour, marker in (
        ("one Gaussian of a line's width", [line for line in lines if not line.remark], "#0072b2", "o"),
        ("split by ARES", [line for line in lines if line.remark], "#d55e00", "s"),
    ):
        ares = [line.ares for line in some]
        bars = {"fmt": marker, "ms": 4, "color": colour, "lw": 0.8}
        upper.errorbar(
            ares,
            [line.blase for line in some],
            [line.blase_error for line in some],
            [line.ares_error for line in some],
            label=label,
            **bars,
        )
        errors = [float(np.hypot(line.ares_error, line.blase_error)) for line in some]
        lower.errorbar(ares, [line.difference for line in some], errors, **bars)
    upper.plot(WIDTHS, WIDTHS, color="#333333", ls="--", lw=0.8)
    lower.axhline(0.0, color="#333333", ls="--", lw=0.8)
    upper.set_ylabel("blasé [mÅ]")
    upper.legend(frameon=False)
    lower.set_ylim(-16, 16)
    lower.set_ylabel("blasé − ARES [mÅ]")
    lower.set_xlabel("ARES [mÅ]")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Fit every stretch, print what was found, draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("solar-widths"), metavar="FOLDER")
    folder = parser.parse_args().output
    lines: list[Line] = []
    for low, high in stretches(ares_lines()[:, 0]):
        place = folder / f"{low:.1f}-{high:.1f}"
        if not place.exists():
            fit_sun(low, high).write(place)
            print(f"fitted {low:.1f} to {high:.1f} A", flush=True)
        lines += compare(blase.FitResult.read(place), low, high)
    print(f"{len(lines)} of {len(ares_lines())} lines compared")
    describe("all", lines)
    describe("one Gaussian by ARES", [line for line in lines if line.gaussians == 1])
    describe("width of a line by ARES", [line for line in lines if "wide" not in line.remark])
    alone = [line for line in lines if line.gaussians == 1]
    describe("one Gaussian by ARES, one Gaussian here", alone, key="gaussian")
    describe("all, the lines of the fit as Gaussians", lines, key="gaussian_of_fit")
    describe("one Gaussian by ARES, the lines of the fit as Gaussians", alone, key="gaussian_of_fit")
    describe("ARES surer than 2 mA", [line for line in lines if line.ares_error < 2])
    for line in sorted(lines, key=lambda line: -abs(line.deviation)):
        print(
            f"{line.wavelength:.2f} A: ARES {line.ares:.1f} +- {line.ares_error:.1f}, blase {line.blase:.1f} "
            f"+- {line.blase_error:.1f} mA ({line.n_lines}), {line.deviation:+.1f} errors; "
            f"one Gaussian {line.gaussian:.1f} in the data, {line.gaussian_of_fit:.1f} of the fit; "
            f"{line.remark}"
        )
    draw(lines, folder / "solar-widths.png")


if __name__ == "__main__":
    main()
