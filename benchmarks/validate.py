"""Do the errors of a fit cover the truth? Simulated orders, fitted one after the other.

    python benchmarks/validate.py --draws 40 --snr 100 --vsini 3 --jobs 2 -o validate-output.json

Every draw simulates another star about the embedded template (blase.simulation shares no operator with the
fit) and fits it with `blase.fit_spectrum`. A draw that the file holds already is not repeated. The lines that
count are those that lie in the order.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import blase
from blase.cloning import clone_template
from blase.constants import SPEED_OF_LIGHT
from blase.containers.atomic import atomic_file
from blase.containers.json_text import to_text
from blase.fit.equivalent_width import equivalent_width
from blase.simulation import LineScatter, TrueLines, simulate_observation
from blase.templates.embedded import embedded_lines
from blase.templates.template import LineTemplate

SCATTER = LineScatter(strength=0.3, sigma=0.1, gamma=0.1, centre=0.2, missing=0.0)
PIXELS_PER_ANGSTROM = 20
REACH = 40.0
"""The star has lines this far beyond its order [Angstrom]."""
STRONG = 0.020
"""True equivalent width [Angstrom] from which a line is strong."""
GLOBALS = ("radial_velocity", "vsini", "resolving_power")
LINE_NUMBERS = ("centre", "ln strength", "ln sigma", "ln gamma", "equivalent width")


def draw(seed: int, *, snr: float, vsini: float, span: tuple[float, float]) -> dict[str, Any]:
    """Simulate and fit one order; truths, values and errors of the globals and of all lines in it."""
    warnings.simplefilter("ignore")
    template = embedded_lines("star", wavelength_range=(span[0] - REACH, span[1] + REACH))
    simulation = simulate_observation(
        template,
        seed=seed,
        wavelength_range=span,
        n_pixels=round(PIXELS_PER_ANGSTROM * (span[1] - span[0])),
        signal_to_noise=snr,
        vsini=vsini,
        line_scatter=SCATTER,
    )
    star = clone_template(LineTemplate("embedded:star", template))
    result = blase.fit_spectrum(simulation.spectrum, star=star, folds=0)
    truth = simulation.truth
    return {
        "globals": {
            name: {
                "truth": getattr(truth, name),
                "value": result.summary[name]["value"],
                "error": result.summary[name]["error"],
            }
            for name in GLOBALS
        },
        "lines": _lines(_cloned(result.lines), template.centre, truth.star_lines),
        "converged": result.converged,
    }


def _cloned(lines: Any) -> Any:
    """The lines of an order that the clone has and the model too: of the others there is no pair."""
    return lines[(lines["order"] >= 0) & (lines["status"] == "cloned")]


def _lines(table: Any, template_centre: np.ndarray, true: TrueLines) -> dict[str, Any]:
    """Differences from the truth and errors, each (n,), of the lines of the fit's `table`."""
    place = np.empty(template_centre.size, dtype=int)
    place[true.template_index] = np.arange(template_centre.size)
    cloned = table["centre_cloned"].value
    index = np.searchsorted(template_centre, cloned)
    assert np.array_equal(template_centre[index], cloned), "every line of the fit is one of the template"
    lines = true.lines.take(place[index])
    width = true_equivalent_width(lines)
    difference = {
        "centre": table["centre"].value - lines.centre,
        "equivalent width": table["equivalent_width"].value - width,
    }
    error = {
        "centre": table["centre_error"].value,
        "equivalent width": table["equivalent_width_error"].value,
    }
    for name in ("strength", "sigma", "gamma"):
        difference[f"ln {name}"] = np.log(table[name].value / getattr(lines, name))
        error[f"ln {name}"] = (table[f"{name}_error"] / table[name]).value
    return {
        "difference": difference,
        "error": error,
        "true_equivalent_width": width,
        "blended": np.asarray(table["blend_id"]) >= 0,
        "strength_before": np.log10(table["strength_cloned"].value / lines.strength),
    }


def true_equivalent_width(lines: Any) -> np.ndarray:
    """Equivalent widths (n,) [Angstrom] of a line list, each line alone."""
    per_velocity = lines.centre / SPEED_OF_LIGHT
    return equivalent_width(
        lines.strength, sigma=lines.sigma * per_velocity, gamma=lines.gamma * per_velocity
    )


def describe_pulls(pull: np.ndarray) -> str:
    """Number, share inside one standard error, mean and rms of (value - truth) / error."""
    pull = pull[np.isfinite(pull)]
    if not pull.size:
        return f"{0:>7}"
    inside, rms = 100 * np.mean(np.abs(pull) < 1), np.sqrt(np.mean(pull**2))
    return f"{pull.size:>7}{inside:>8.1f} %{pull.mean():>+9.2f}{rms:>8.2f}"


def report(draws: list[dict[str, Any]]) -> Iterator[str]:
    """What all draws say, line by line."""
    yield f"{'':<34}{'number':>7}{'in 68 %':>10}{'mean':>9}{'rms':>8}"
    for name in GLOBALS:
        entries = [entry["globals"][name] for entry in draws]
        yield f"{name:<34}{describe_pulls(_ratios(entries))}"
    width, blended = _column(draws, "true_equivalent_width"), _column(draws, "blended").astype(bool)
    strong = width >= STRONG
    groups = {
        "all": np.ones_like(strong),
        "strong, blended": strong & blended,
        "strong, unblended": strong & ~blended,
        "weak, blended": ~strong & blended,
        "weak, unblended": ~strong & ~blended,
    }
    for name in LINE_NUMBERS:
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = _column(draws, "difference", name) / _column(draws, "error", name)
        for group, which in groups.items():
            yield f"{name + ', ' + group:<34}{describe_pulls(pull[which])}"
    yield from _scatter(draws, strong)
    yield _width_bias(draws, strong & ~blended, width)


def _scatter(draws: list[dict[str, Any]], strong: np.ndarray) -> Iterator[str]:
    before = _column(draws, "strength_before")
    after = _column(draws, "difference", "ln strength") / np.log(10)
    for group, which in (("all", np.ones_like(strong)), ("strong", strong), ("weak", ~strong)):
        if which.any():
            first, second = (np.sqrt(np.mean(values[which] ** 2)) for values in (before, after))
            yield f"scatter of log strength, {group}: {first:.3f} dex before, {second:.3f} dex after"


def _width_bias(draws: list[dict[str, Any]], which: np.ndarray, width: np.ndarray) -> str:
    ratio = _column(draws, "difference", "equivalent width")[which] / width[which]
    if not ratio.size:
        return "no unblended line of 20 mA or more"
    error = ratio.std() / np.sqrt(ratio.size)
    return (
        f"equivalent widths of {ratio.size} unblended lines of 20 mA or more: "
        f"mean bias {100 * ratio.mean():+.2f} +- {100 * error:.2f} %, "
        f"median {100 * np.median(ratio):+.2f} %, scatter {100 * ratio.std():.1f} %"
    )


def _ratios(entries: list[dict[str, Any]]) -> np.ndarray:
    """Pulls of a global; a draw where no error is given (an upper limit) counts as none."""
    return np.array([(e["value"] - e["truth"]) / e["error"] if e["error"] else np.nan for e in entries])


def _column(draws: list[dict[str, Any]], *keys: str) -> np.ndarray:
    """One number of all lines of all draws, one after the other."""
    parts = []
    for entry in draws:
        value = entry["lines"]
        for key in keys:
            value = value[key]
        parts.append(np.asarray(value, dtype=np.float64))
    return np.concatenate(parts)


def load(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run left in `path`; ends the program where that was made with other settings."""
    if not path.is_file():
        return {"settings": settings, "draws": {}}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content["settings"] != settings:
        sys.exit(f"{path}: made with {content['settings']}, not {settings}; give another -o")
    return content


def save(path: Path, content: dict[str, Any]) -> None:
    """Write everything, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(to_text(content), encoding="utf-8")


def run(content: dict[str, Any], path: Path, *, draws: int, jobs: int) -> None:
    """Make the draws that are not there, `jobs` at a time, and save after each."""
    settings = content["settings"]
    missing = [seed for seed in range(draws) if str(seed) not in content["draws"]]
    arguments = settings | {"span": tuple(settings["span"])}
    with _one_thread_each(), ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(draw, seed, **arguments): seed for seed in missing}
        for done in as_completed(futures):
            content["draws"][str(futures[done])] = done.result()
            save(path, content)
            print(f"{len(content['draws'])} draws are done", file=sys.stderr)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside use one thread each."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Do the errors of a fit cover the truth?")
    parser.add_argument("--draws", type=int, default=40, metavar="N")
    parser.add_argument("--snr", type=float, default=100.0, help="per pixel")
    parser.add_argument("--vsini", type=float, default=3.0, metavar="KM_S")
    parser.add_argument("--span", type=float, nargs=2, default=(8600.0, 8640.0), metavar=("LO", "HI"))
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("-o", "--output", type=Path, default=Path("validate-output.json"), metavar="FILE")
    return parser.parse_args(arguments)


def main() -> None:
    """Run, and print what came out."""
    options = parse()
    settings = {"snr": options.snr, "vsini": options.vsini, "span": list(options.span)}
    content = load(options.output, settings)
    run(content, options.output, draws=options.draws, jobs=options.jobs)
    chosen = [content["draws"][str(seed)] for seed in range(options.draws)]
    converged = sum(entry["converged"] for entry in chosen)
    print(f"{len(chosen)} draws ({converged} converged): {settings}")
    print("\n".join(report(chosen)))


if __name__ == "__main__":
    main()
