"""Equivalent widths of the Sun (HARPS, by Ganymede) against those of ARES on that very spectrum.

Needs the folder of real data beside the repository. It prints slope, offset and scatter and draws a plot:

    python benchmarks/equivalent_widths.py --range 6100 6180 --range 5500 5560 -o solar-widths.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from astropy.io import fits
from matplotlib.figure import Figure

import blase
from blase.containers import from_arrays
from blase.functional.air import air_to_vacuum

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SNR = 350.0
NEAR = 0.04
"""Lines of the fit this near a line of ARES [Angstrom] are what ARES called one line."""


def fit_sun(low: float, high: float) -> blase.FitResult:
    """Fit the solar spectrum from `low` to `high` [air Angstrom] from the VALD extract as template."""
    with fits.open(SHARED / "observed/HARPS/Sun/sun_harps_ganymede.fits") as hdus:
        header, flux = hdus[0].header, hdus[0].data.astype(float).ravel()
    wavelength = header["CRVAL1"] + header["CDELT1"] * (np.arange(flux.size) + 1 - header.get("CRPIX1", 1))
    inside = (wavelength > low) & (wavelength < high)
    spectrum = from_arrays(
        wavelength[inside],
        flux[inside],
        np.full(inside.sum(), np.median(flux[inside]) / SNR),
        wavelength_unit="Angstrom",
        medium="air",
        frame="rest",
        resolving_power=115_000.0,
        resolving_power_error=3_000.0,
        instrument="HARPS",
    )
    template = blase.read_template(
        SHARED / "linelists/grass/vald_solar.dat", wavelength_range=(low - 3, high + 8)
    )
    return blase.fit_spectrum(spectrum, star=template, folds=0, curve=False, fix={"vsini": 1.9})


def compare(result: blase.FitResult, low: float, high: float) -> list[tuple[float, ...]]:
    """Wavelength [air], lines that ARES fitted there, and both widths with their errors [mA]."""
    rows = []
    centre = result.lines["centre"].value
    width, error = (1e3 * result.lines[f"equivalent_width{part}"].value for part in ("", "_error"))
    for line in np.loadtxt(SHARED / "truth/EW/ARES/test.ares_ori"):
        if low + 1 < line[0] < high - 1 and 10 < line[4] < 100:
            vacuum = float(air_to_vacuum(torch.tensor(line[0], dtype=torch.float64)))
            near = np.flatnonzero((np.abs(centre - vacuum) < NEAR) & np.isfinite(width))
            if near.size:
                total = width[near].sum(), float(np.sqrt((error[near] ** 2).sum()))
                rows.append((line[0], line[1], line[4], line[5], *total))
    return rows


def main() -> None:
    """Fit every range, print what was found, draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--range", nargs=2, type=float, action="append", metavar=("LO", "HI"), required=True)
    parser.add_argument("-o", "--output", default="solar-widths.png")
    arguments = parser.parse_args()
    rows = np.array([r for low, high in arguments.range for r in compare(fit_sun(low, high), low, high)])
    for line in rows:
        print("{:.2f} A, {:.0f} by ARES: {:.1f} +- {:.1f} mA; blase {:.1f} +- {:.1f} mA".format(*line))
    for name, some in (("all", rows[:, 1] > 0), ("alone in ARES", rows[:, 1] == 1)):
        ares, mine = rows[some, 2], rows[some, 4]
        slope = float((ares * mine).sum() / (ares**2).sum())
        off = mine - ares
        print(
            f"{name}: {some.sum()} lines, slope {slope:.3f}, median difference {np.median(off):+.2f} mA, "
            f"scatter {np.std(off):.2f} mA"
        )
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(rows[:, 2], rows[:, 4], rows[:, 5], rows[:, 3], fmt="o", ms=4, color="#0072b2")
    axes.plot([0, 100], [0, 100], color="#333333", ls="--", lw=0.8)
    axes.set_xlabel("ARES [mÅ]")
    axes.set_ylabel("blasé [mÅ]")
    figure.savefig(arguments.output, dpi=150)


if __name__ == "__main__":
    main()
