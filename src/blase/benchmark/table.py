"""The numbers of a benchmark as tables in Markdown, which read as plain text too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = tuple[str, ...]

_NOTES = """\
Every job runs in a process of its own, after a small one that is not counted, so that compilation is in none;
its memory is given with what it added to that of the libraries and of the small one. Both sides start from
the same lines; blasé's time begins with the search for them, and its residual is bounded from above by the
objective. A batch of lines at once computes its profiles twice. The pseudo-Voigt profile is off by up to 1 %
of the peak. Times mean little where the load before is not far below the number of cores."""


def to_markdown(bench: Mapping[str, Any]) -> str:
    """What was measured, on what, and how it compares."""
    parts = [
        _heading(bench),
        markdown_table(("job", "result", "time", "peak memory"), _jobs(bench)),
        markdown_table(_columns(bench["settings"]), _comparison(bench)),
        markdown_table(("scaling", "value + gradient", "structured step"), _scaling(bench["pieces"])),
        _NOTES,
    ]
    return "\n\n".join(parts) + "\n"


def markdown_table(header: Row, rows: Sequence[Row]) -> str:
    """A table whose columns are padded to one width."""
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    rule = tuple("-" * width for width in widths)
    lines = (
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, rule, *rows)
    )
    return "\n".join(f"| {line} |" for line in lines)


def duration(seconds: float | None) -> str:
    """A time with three digits, in ms below a second."""
    if seconds is None:
        return "not reached"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _heading(bench: Mapping[str, Any]) -> str:
    settings, machine = bench["settings"], bench["machine"]
    low, high = settings["wavelength_range"]
    threads, versions = machine["threads"], machine["versions"]
    name = str(settings["star"]).rpartition("/")[2]
    return (
        f"Template `{name}`, {low:g}-{high:g} Å. {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {machine['system']}, load before {machine['load']}; "
        f"{threads['blase']} threads (torch: {threads['torch']}); "
        + ", ".join(f"{k} {v}" for k, v in versions.items())
        + f". {bench['measured']}."
    )


def _jobs(bench: Mapping[str, Any]) -> list[Row]:
    pieces, low_high = bench["pieces"], bench["settings"]["long_range"]
    first = pieces["first_use"]
    return [
        _clone("clone the template", pieces["clone"]),
        _clone(f"clone a long template, {low_high[0]:g}-{low_high[1]:g} Å", pieces["long_clone"]),
        _fit("fit a simulated order, with errors", pieces["fit"]),
        _fit(
            f"fit {pieces['orders']['n_orders']} simulated orders together, with errors and learned priors",
            pieces["orders"],
        ),
        (
            "compile at the first use",
            f"a tiny clone and fit: {duration(first['first_seconds'])} the first time, then "
            f"{duration(first['again_seconds'])}",
            duration(first["seconds"]),
            "",
        ),
    ]


def _clone(name: str, piece: Mapping[str, Any]) -> Row:
    return (
        name,
        f"{piece['n_lines']} lines, {piece['n_samples']} samples, "
        f"residual {100 * piece['residual_rms_native']:.3f} %",
        duration(piece["seconds"]),
        _memory(piece),
    )


def _fit(name: str, piece: Mapping[str, Any]) -> Row:
    velocity = piece["radial_velocity"]
    error = "held" if velocity["error"] is None else f"± {velocity['error']:.3f}"
    return (
        name,
        f"{piece['n_lines']} lines, {piece['n_parameters']} parameters, {piece['n_pixels']} pixels, "
        f"RV {velocity['value']:.3f} {error} km/s (true {piece['true_radial_velocity']:.3f})",
        duration(piece["seconds"]),
        _memory(piece),
    )


def _columns(settings: Mapping[str, Any]) -> Row:
    window = f"{settings['window']:,} samples a line"
    return ("native model", "blasé (exact Voigt)", f"pseudo-Voigt, {window}", f"exact Voigt, {window}")


def _comparison(bench: Mapping[str, Any]) -> list[Row]:
    pieces, compared, settings = bench["pieces"], bench["comparison"], bench["settings"]
    ours, plain, exact = (
        pieces[name] for name in ("gradient", "baseline_gradient", "baseline_exact_gradient")
    )
    long, long_plain = pieces["long_gradient"], pieces["long_baseline_gradient"]
    times = compared["seconds_to_residual"]
    return [
        (
            "one value + gradient",
            duration(ours["seconds"]),
            _against(duration(plain["seconds"]), compared["gradient_time_ratio"]),
            _against(duration(exact["seconds"]), compared["exact_gradient_time_ratio"]),
        ),
        (
            "its peak memory",
            _memory(ours),
            _against(_memory(plain), compared["gradient_memory_ratio"]),
            f"{_memory(exact)}, {exact['lines_at_once']} lines at once",
        ),
        (
            f"time to a residual of {100 * compared['residual_rms']:.3g} %",
            duration(times["blase"]),
            _against(
                f"{duration(times['baseline'])}, {settings['epochs']} epochs", compared["residual_time_ratio"]
            ),
            "",
        ),
        (
            "long template: one value + gradient",
            duration(long["seconds"]),
            _against(duration(long_plain["seconds"]), compared["long_gradient_time_ratio"]),
            "",
        ),
        (
            "its peak memory",
            _memory(long),
            _against(
                f"{_memory(long_plain)}, {long_plain['lines_at_once']} lines at once",
                compared["long_gradient_memory_ratio"],
            ),
            "",
        ),
    ]


def _against(text: str, ratio: float | None) -> str:
    return text if ratio is None else f"{text} ({ratio:.3g} x)"


def _memory(piece: Mapping[str, Any]) -> str:
    added = piece["memory_peak_mb"] - piece["memory_before_mb"]
    return f"{piece['memory_peak_mb']:.0f} MB, {added:.0f} added"


def _scaling(pieces: Mapping[str, Any]) -> list[Row]:
    names = {"lines": "lines, on all samples", "samples": "samples, as many lines for each"}
    return [
        (f"{names[size]}: {_range(series['points'], size)}", *_growth(series, size))
        for size, series in ((size, pieces["scaling"][size]) for size in names)
    ]


def _range(points: list[dict[str, Any]], size: str) -> str:
    return f"{points[0][f'n_{size}']} to {points[-1][f'n_{size}']}"


def _growth(series: Mapping[str, Any], size: str) -> Row:
    points = series["points"]
    return tuple(
        f"{duration(points[0][f'{job}_seconds'])} to {duration(points[-1][f'{job}_seconds'])}, "
        f"n^{series['exponent'][job]:.2f}"
        for job in ("gradient", "step")
    )
