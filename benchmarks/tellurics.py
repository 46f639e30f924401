"""Compare the layered atmosphere with spectra of other codes: fit columns, blur and continuum, take the rms.

Usage: python benchmarks/tellurics.py SHARED_DATA, a folder with `telluric` and `hitran`. Prints a table
in Markdown. Noise of 0.3 % is assumed of every sample, so that saturated ones do not rule.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.isotopologues import MOLECULES
from blase.atmosphere.layers import Layering
from blase.atmosphere.line_files import read_line_files
from blase.atmosphere.observed_order import ObservedOrder
from blase.atmosphere.physical_fit import fit_atmosphere
from blase.atmosphere.source import HotStar
from blase.atmosphere.standard import standard_profile
from blase.containers import from_arrays

Array = NDArray[np.float64]
NOISE = 0.003
BARE = HotStar(temperature=1e6, upper=3)


@dataclass(frozen=True)
class Case:
    """A piece of somebody's spectrum: which gases it has, where the telescope is and how sharp it is."""

    code: str
    gases: tuple[str, ...]
    limits: tuple[float, float]
    altitude: float
    resolving_power: tuple[float, float]
    medium: str = "vacuum"
    column: int = 1


HPF, PSG, H_BAND = "TelFit, HPF", "PSG", "TelFit, H band"
SHARP = (400_000.0, 200_000.0)
CASES = (
    Case(HPF, ("H2O", "O2"), (8190, 8290), 2026, (55_000, 8000)),
    Case(HPF, ("H2O", "O2"), (9325, 9440), 2026, (55_000, 8000)),
    Case(HPF, ("H2O", "O2", "CO2", "CH4"), (11225, 11360), 2026, (55_000, 8000)),
    Case(HPF, ("H2O", "O2", "CO2", "CH4"), (12630, 12780), 2026, (55_000, 8000)),
    Case(PSG, ("H2O",), (14600, 14700), 2700, SHARP, column=2),
    Case(PSG, ("H2O",), (17100, 17250), 2700, SHARP, column=2),
    Case(PSG, ("CO2",), (15690, 15820), 2700, SHARP, column=3),
    Case(PSG, ("CO2",), (16010, 16150), 2700, SHARP, column=3),
    Case(PSG, ("CH4",), (16450, 16600), 2700, SHARP, column=7),
    Case(H_BAND, ("H2O", "CO2", "CH4"), (16010, 16150), 2200, SHARP, "air"),
    Case(H_BAND, ("H2O", "CO2", "CH4"), (16450, 16600), 2200, SHARP, "air"),
)


def spectrum_of(case: Case, folder: Path) -> tuple[Array, Array]:
    """Wavelength [Angstrom, in its medium] and transmission of the whole file."""
    if case.code == HPF:
        table = np.loadtxt(folder / "muler/telfit_HPFtemplate_temp286_hum050.csv", delimiter=",", skiprows=1)
        return table[:, 0], table[:, 1]
    if case.code == PSG:
        table = np.loadtxt(folder / "muler/psg_trn_r100000_1.4_2.5_um.txt")
        return 1e4 * table[:, 0], table[:, case.column]
    table = np.load(next((folder / "igrins_TelFit").glob("*.H.npy")), allow_pickle=False)
    return 10 * table[:, 0], table[:, 1]


def compare(case: Case, shared: Path) -> str:
    """One row of the table."""
    wavelength, flux = spectrum_of(case, shared / "telluric")
    part = (wavelength > case.limits[0]) & (wavelength < case.limits[1])
    spectrum = from_arrays(
        wavelength[part],
        flux[part],
        np.full(int(part.sum()), NOISE),
        wavelength_unit="Angstrom",
        medium=case.medium,
        frame="observatory",
    )
    order = spectrum.orders[0]
    nu = 1e8 / order.wavelength[-1] - 300, 1e8 / order.wavelength[0] + 300
    lines = read_line_files([shared / "hitran"], wavenumber_range=nu).lines
    numbers = [number for number, name in MOLECULES.items() if name in case.gases]
    lines = lines.take(np.isin(lines.molecule, numbers))
    layering = Layering(standard_profile(), altitude=case.altitude)
    air = layering.air(Conditions(altitude=case.altitude, water=8.0, airmass=1.0))
    power, error = case.resolving_power
    observed = ObservedOrder(
        order,
        BARE,
        lines=lines,
        layering=layering,
        air=air,
        continuum=None,
        resolving_power=power,
        degree=3,
    )
    fit = fit_atmosphere([observed], air, resolving_power=power, resolving_power_error=error)
    light = fit.orders[0].light.both
    residual = order.flux - fit.orders[0].continuum * observed.scale * light
    clear = light > 0.2
    scales = [f"H2O {np.exp(fit.values['log_water']):.2f} mm"] if "H2O" in case.gases else []
    scales += [
        f"{name} × {np.exp(fit.values[f'log_{name}']):.3f}"
        for name in case.gases
        if f"log_{name}" in fit.values and fit.errors[f"log_{name}"] < 0.05
    ]
    rms = [100 * float(np.sqrt(np.mean(x**2))) for x in (residual, residual[clear])]
    return (
        f"| {case.code} | {', '.join(case.gases)} | {case.limits[0]:g} to {case.limits[1]:g} "
        f"| {light.min():.2f} | {rms[0]:.2f} | {rms[1]:.2f} "
        f"| {', '.join(scales)}; {fit.values['temperature_offset']:+.1f} K; "
        f"{fit.values['wind_velocity']:+.2f} km/s; R = {np.exp(fit.values['log_resolving_power']):,.0f} |"
    )


def main() -> None:
    """Print the table."""
    print("| code | gases | Angstrom | deepest | rms, % | rms where T > 0.2, % | fitted |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        print(compare(case, Path(sys.argv[1])), flush=True)


if __name__ == "__main__":
    main()
