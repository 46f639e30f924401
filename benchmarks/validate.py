"""Do the errors of a fit cover the truth? Simulated spectra are fitted one after the other and judged.

    python benchmarks/validate.py --draws 1000 --jobs 2 -o validate-output

Every draw simulates another star about the embedded template (`blase.simulation` shares no operator with the
fit) and fits it with `blase.fit_spectrum`: single orders at every signal-to-noise, and whole spectra of the
HPF. A draw that the folder holds already is not repeated: a run goes on where it was stopped, and more draws
add to what is there.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from validation.orders import draw_order
from validation.pool import make_missing, record_path
from validation.record import Record, load
from validation.verdict import judge, table
from validation.whole import draw_whole

SIGNAL_TO_NOISE = (30.0, 100.0, 300.0)
BRIGHT = 100.0
"""Signal-to-noise from which equivalent widths must be without bias."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Do the errors of a fit cover the truth?")
    parser.add_argument("--draws", type=int, default=1000, metavar="N", help="orders at every SNR")
    parser.add_argument("--snr", type=float, nargs="*", default=list(SIGNAL_TO_NOISE), help="per pixel")
    parser.add_argument("--whole", type=int, default=10, metavar="N", help="whole HPF spectra")
    parser.add_argument("--span", type=float, nargs=2, default=[8600.0, 8700.0], metavar=("LO", "HI"))
    parser.add_argument("--defaults", action="store_true", help="also held-out folds, curve and new lines")
    parser.add_argument("--report-only", action="store_true", help="judge what is there, make no draw")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("-o", "--output", type=Path, default=Path("validate-output"), metavar="FOLDER")
    return parser.parse_args(arguments)


def main() -> None:
    """Make the draws that are missing, and print the verdict."""
    options = parse()
    # folds and curve only describe a fit; of a template that lacks nothing, new lines would be spurious
    fit: dict[str, Any] = {} if options.defaults else {"folds": 0, "curve": False, "new_lines": False}
    found: dict[str, list[Record]] = {}
    faint = {f"SNR {snr:g}" for snr in options.snr if snr < BRIGHT}
    for snr in options.snr:
        settings = {"signal_to_noise": snr, "span": options.span} | fit
        folder = options.output / f"snr{snr:g}"
        found[f"SNR {snr:g}"] = _draws(folder, options.draws, draw_order, settings, options)
    if options.whole:
        found["whole"] = _draws(options.output / "whole", options.whole, draw_whole, fit, options)
    verdicts = {name: judge(records, bright=name not in faint) for name, records in found.items() if records}
    print("\n".join(table(verdicts)))


def _draws(
    folder: Path, count: int, draw: Any, settings: dict[str, Any], options: argparse.Namespace
) -> list[Record]:
    """Records of the first `count` draws, as far as they are there in the end."""
    if not options.report_only:
        make_missing(range(count), folder, draw, settings, jobs=options.jobs)
    paths = [record_path(folder, number) for number in range(count)]
    return [load(path) for path in paths if path.is_file()]


if __name__ == "__main__":
    main()
