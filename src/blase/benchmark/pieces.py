"""What is measured, one function each; all of them take the case and return numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from blase.benchmark.adam import LEARNING_RATE, minimise_with_adam
from blase.benchmark.baseline import EXACT_BATCH, PLAIN_BATCH, FixedWindows, exact_windows
from blase.benchmark.case import Case
from blase.benchmark.first_use import measure_first_use
from blase.benchmark.native import NativeMisfit, OpticalDepth, our_optical_depth
from blase.benchmark.order import fit_order
from blase.benchmark.orders import fit_orders
from blase.benchmark.scaling import measure_scaling
from blase.benchmark.timing import median_seconds
from blase.cloning import clone_template
from blase.cloning.clone_template import DEFAULT_PROMINENCE
from blase.cloning.find_lines import find_lines, typical_widths
from blase.cloning.template_model import voigt_lines

Piece = Callable[[Case], dict[str, Any]]


def clone(case: Case) -> dict[str, Any]:
    """Clone the template; `history` has the residual after every round, which took `seconds` until then."""
    template = case.template()
    start = time.perf_counter()
    made = clone_template(template)
    seconds = time.perf_counter() - start
    made.write(case.folder / "clone")
    rounds = made.summary["rounds"]
    passed = np.cumsum([each["seconds"] for each in rounds])
    history = [
        {"seconds": float(seconds - passed[-1] + at), "residual_rms": each["residual_rms_native"]}
        for at, each in zip(passed, rounds, strict=True)
    ]
    kept = ("n_lines", "n_samples", "residual_rms_native", "converged", "stop_reason")
    return {"seconds": seconds, **{k: made.summary[k] for k in kept}, "history": history}


def _gradient(case: Case, tau: OpticalDepth, repeats: int) -> dict[str, Any]:
    misfit = NativeMisfit(voigt_lines(case.lines()), tau, case.tensors()[1])
    return {"seconds": median_seconds(misfit.gradient, repeats=repeats), "repeats": repeats}


def gradient(case: Case) -> dict[str, Any]:
    """Misfit of the clone and its gradient, through `blase.functional.optical_depth`."""
    return _gradient(case, our_optical_depth(case.tensors()[0]), case.settings.repeats)


def baseline_gradient(case: Case) -> dict[str, Any]:
    """The same with pseudo-Voigt profiles in fixed windows."""
    wavelength, _ = case.tensors()
    centre = voigt_lines(case.lines()).centre
    windows = FixedWindows(wavelength, centre, window=case.settings.window)
    return _gradient(case, windows, min(case.settings.repeats, 3))


def baseline_exact_gradient(case: Case) -> dict[str, Any]:
    """The same with exact Voigt profiles in fixed windows, a batch of lines at a time."""
    wavelength, _ = case.tensors()
    centre = voigt_lines(case.lines()).centre
    windows = exact_windows(wavelength, centre, window=case.settings.window)
    return _gradient(case, windows, 1) | {"lines_at_once": EXACT_BATCH}


def baseline_adam(case: Case) -> dict[str, Any]:
    """Adam from the lines as they are found, with pseudo-Voigt profiles in fixed windows."""
    template = case.template()
    wavelength, target = case.tensors()
    widths = typical_widths(template.wavelength, template.normalised, prominence=DEFAULT_PROMINENCE)
    found = find_lines(template.wavelength, template.normalised, widths, prominence=DEFAULT_PROMINENCE)
    lines = voigt_lines(found)
    windows = FixedWindows(wavelength, lines.centre, window=case.settings.window)
    history = minimise_with_adam(NativeMisfit(lines, windows, target), epochs=case.settings.epochs)
    return {
        "seconds": history[-1]["seconds"],
        "n_lines": len(found),
        "learning_rate": LEARNING_RATE,
        "residual_rms": history[-1]["residual_rms"],
        "history": history,
    }


def long_gradient(case: Case) -> dict[str, Any]:
    """The gradient of the clone of the long template."""
    return gradient(case.long)


def long_baseline_gradient(case: Case) -> dict[str, Any]:
    """The same with pseudo-Voigt profiles in fixed windows, as many lines at a time as memory allows."""
    wavelength, _ = case.long.tensors()
    centre = voigt_lines(case.long.lines()).centre
    windows = FixedWindows(wavelength, centre, window=case.settings.window, batch=PLAIN_BATCH)
    return _gradient(case.long, windows, 1) | {"lines_at_once": PLAIN_BATCH}


PIECES: dict[str, Piece] = {
    "clone": clone,
    "gradient": gradient,
    "baseline_gradient": baseline_gradient,
    "baseline_exact_gradient": baseline_exact_gradient,
    "baseline_adam": baseline_adam,
    "fit": fit_order,
    "scaling": measure_scaling,
    "long_clone": lambda case: clone(case.long),
    "long_gradient": long_gradient,
    "long_baseline_gradient": long_baseline_gradient,
    "orders": lambda case: fit_orders(case.long),
    "first_use": measure_first_use,
}
"""In the order in which they are run; `clone` and `long_clone` make the clones that others need."""
