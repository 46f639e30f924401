"""`report.html`: one self-contained page that says what was fitted, how well, and where it fails."""

from __future__ import annotations

from dataclasses import dataclass

from blase.results import report_failures as failures
from blase.results import report_quality as quality
from blase.results.diagnostics import residual_distribution
from blase.results.html import escape, number, section
from blase.results.report_blends import blends
from blase.results.report_explorer import explorer, line_explorer, script_elements, script_hash, style
from blase.results.report_figures import curve_figure, histogram_figure
from blase.results.report_headline import headline
from blase.results.report_lines import revised_lines
from blase.results.report_orders import own_parameters
from blase.results.report_priors import priors
from blase.results.result import FitResult


@dataclass(frozen=True)
class Figures:
    """The slow parts of the report as HTML: what is drawn here, and the data that the page draws."""

    histogram: str
    curve: str
    scripts: str


def draw_figures(result: FitResult) -> Figures:
    """Draw everything that the report shows; by far the slowest part of writing it."""
    return Figures(
        histogram_figure(residual_distribution(result.orders)),
        curve_figure(result.summary.get("regularisation_curve")),
        script_elements(result),
    )


def report_html(result: FitResult) -> str:
    """Return the whole report of a fit as one HTML document."""
    return render(result, draw_figures(result))


def render(result: FitResult, figures: Figures) -> str:
    """Put the report together from a result and its figures."""
    sections = {
        "figures": ("The fit along wavelength", explorer(result)),
        "lines": ("Lines, and how far they departed from theory", _lines(result)),
        "parameters": ("Parameters", quality.parameters(result.summary) + own_parameters(result.summary)),
        "quality": ("How good the fit is", quality.quality(result)),
        "priors": ("How far lines may depart from theory", priors(result, figures.curve)),
        "residuals": ("Distribution of the residuals", failures.distribution(result, figures.histogram)),
        "failures": ("Where it fails", failures.failures(result)),
        "revised": ("Lines added and dropped", revised_lines(result)),
        "blends": ("Blends", blends(result)),
        "masked": ("Masked pixels", failures.masked(result)),
        "notes": ("Warnings and notes", failures.notes(result.summary)),
        "convergence": ("Convergence", failures.convergence(result)),
        "fitted": ("What was fitted to what", quality.fitted(result)),
    }
    links = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, (title, _) in sections.items())
    body = "\n".join(section(key, title, *parts) for key, (title, parts) in sections.items())
    title = _title(result)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; script-src {script_hash()}">
<title>{escape(title)}</title>
<style>{style()}</style>
</head>
<body>
<header>
<button type="button" id="theme" hidden>Colours: as the system</button>
<h1>{escape(title)}</h1>
<p class="lead">{escape(_lead(result))}</p>
{_verdict(result)}
{headline(result.summary)}
<nav aria-label="Contents"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<footer>Written by blasé. The numbers are in summary.json, lines.ecsv, spectrum.fits and template.fits
beside this page.</footer>
{figures.scripts}
</body>
</html>
"""


def _lines(result: FitResult) -> list[str]:
    """The table of all lines, which needs the scripts, and the few that moved most, which does not."""
    return [line_explorer() if result.orders else "", *failures.departures(result)]


def _title(result: FitResult) -> str:
    """Name the target where it is known."""
    return f"Fit of {result.summary.get('target') or 'a spectrum'}"


def _lead(result: FitResult) -> str:
    """Say in one sentence what was fitted."""
    rows = ", ".join(str(order.row) for order in result.orders)
    counts = result.summary.get("n_lines") or {}
    lines = " and ".join(f"{counts[kind]} {kind}" for kind in ("stellar", "telluric") if counts.get(kind))
    changed = " and ".join(f"{counts[kind]} {kind}" for kind in ("added", "dropped") if counts.get(kind))
    lines += f" ({changed} by what the data show)" if changed else ""
    pixels = result.summary.get("n_pixels")
    return (
        f"{len(result.orders)} order{'s' if len(result.orders) != 1 else ''} (row {rows or 'none'}), "
        f"{number(pixels)} fitted pixels, {lines or 'no'} lines, "
        f"{number(result.summary.get('n_parameters'))} parameters."
    )


def _verdict(result: FitResult) -> str:
    """Return a visible warning where the solver did not converge."""
    if result.converged:
        return ""
    reason = result.summary.get("stop_reason") or "no reason was recorded"
    return f'<p class="warn" role="note"><strong>Not converged.</strong> {escape(reason)}</p>'
