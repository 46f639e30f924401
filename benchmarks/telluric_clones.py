"""Clones of transmission spectra that other codes made, saturated bands included.

    python benchmarks/telluric_clones.py shared/data

One row for every range: root mean square of clone less template over the continuum, at the template's own
resolution and of its samples below a transmission of 0.05 and between 0.05 and 0.5 apart.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from blase.cloning import Clone, clone_template
from blase.cloning.template_model import optical_depth_of
from blase.containers.spectrum import pixel_edges
from blase.functional.grid import log_grid
from blase.functional.line_spread import line_spread_broadening
from blase.functional.pixels import integrate_pixels, pixel_weights
from blase.templates import read_template
from blase.templates.template import Template

_STEP = 0.2  # [km/s]

HEADER = (
    "| code | Angstrom | samples | deepest | lines | rms, % "
    "| of samples below 0.05, % | from 0.05 to 0.5, % | CPU, s |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Case:
    """A file, how it is read, and ranges of it [vacuum Angstrom]."""

    code: str
    pattern: str
    ranges: tuple[tuple[float, float], ...]
    unit: str = "nm"
    medium: str = "vacuum"
    resolving_power: float | str | None = None


CASES = (
    Case(
        "TelFit, HPF, R fitted",
        "muler/*.csv",
        ((8190, 8290), (9325, 9440), (11225, 11360)),
        "A",
        "vacuum",
        "fit",
    ),
    Case("TelFit, H band", "igrins_TelFit/*.H.npy", ((16010, 16150),), "nm", "air"),
    Case("TelFit, K band", "igrins_TelFit/*.K.npy", ((20000, 20200), (23300, 23450)), "nm", "air"),
    Case("PSG, R = 100,000", "muler/psg*.txt", ((14600, 14700), (17100, 17250)), "um", "vacuum", 100_000.0),
    Case("TAPAS, R = 50,000", "TAPAS/*.ipac", ((5040, 5120),), "nm", "vacuum", 50_000.0),
)


def row(case: Case, path: Path, span: tuple[float, float]) -> str:
    """One row of the table."""
    template = read_template(
        path,
        wavelength_unit=case.unit,
        medium=case.medium,
        wavelength_range=span,
        resolving_power=case.resolving_power,
    )
    started = time.process_time()
    clone = clone_template(template, kind="telluric")
    seconds = time.process_time() - started
    model = clone_spectrum(clone, template)
    residual = model - template.normalised
    parts = []
    for low, high in ((-1.0, 0.05), (0.05, 0.5)):
        some = (template.normalised > low) & (template.normalised <= high)
        value = 100 * np.sqrt(np.mean(residual[some] ** 2)) if some.any() else np.nan
        parts.append(f"{value:.2f} ({some.sum()})" if some.any() else "none")
    return (
        f"| {case.code} | {span[0]:g} to {span[1]:g} | {len(template):,} | {template.normalised.min():.3f} "
        f"| {len(clone.lines)} | {100 * clone.summary['residual_rms_native']:.3f} | {parts[0]} | {parts[1]} "
        f"| {seconds:.0f} |"
    )


def clone_spectrum(clone: Clone, template: Template) -> np.ndarray:
    """Transmission (n,) of a clone at the samples of its template, blurred as that is."""
    power = clone.summary["template_resolving_power"]
    if power is None:
        return np.exp(-optical_depth_of(clone.lines, template.wavelength))
    edges = pixel_edges(template.wavelength)
    grid = log_grid(float(edges[0]) * 0.9995, float(edges[-1]) * 1.0005, step=_STEP)
    sharp = torch.from_numpy(np.exp(-optical_depth_of(clone.lines, grid.numpy())))
    power = torch.tensor(float(power))
    blurred = line_spread_broadening(sharp, step=_STEP, resolving_power=power, h3=0.0, h4=0.0)
    return integrate_pixels(blurred, pixel_weights(grid, edges)).numpy()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with telluric/")
    folder = parser.parse_args().data / "telluric"
    warnings.simplefilter("ignore")
    print(HEADER, flush=True)
    for case in CASES:
        for path in sorted(folder.glob(case.pattern)):
            for span in case.ranges:
                print(row(case, path, span), flush=True)


if __name__ == "__main__":
    main()
