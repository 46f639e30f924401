"""What a clone says about itself: the content of `summary.json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from blase.cloning.clone import Kind
from blase.cloning.residual import blurred_residual, rms
from blase.cloning.rounds import Outcome
from blase.templates.template import LineTemplate, Template


def provenance(template: Template | LineTemplate, kind: Kind, span: tuple[float, float]) -> dict[str, Any]:
    """Where the lines come from; `span` is the range [vacuum Angstrom] in which they say something."""
    return {
        "kind": kind,
        "template": template.name,
        "path": template.path,
        "sha256": template.sha256,
        "wavelength_range": [float(span[0]), float(span[1])],
        "effective_temperature": template.effective_temperature,
        "notes": list(template.notes),
    }


def fit_summary(template: Template, outcome: Outcome, kind: Kind, resolving_power: float) -> dict[str, Any]:
    """Provenance, residuals (native, and behind an instrument of `resolving_power`), and every round."""
    residual = outcome.model - template.normalised
    out = provenance(template, kind, (template.wavelength[0], template.wavelength[-1]))
    if outcome.resolving_power is not None:
        out["notes"].append(
            "The template is blurred: strengths are measured, sigma "
            + ("is fixed to thermal" if kind == "telluric" else "is held to 1.5 km/s within 15 %")
            + " and gamma is held to its prior; the widths of single lines are not constrained."
        )
    parts = [template.wavelength[part] for part in template.segments()]
    return out | {
        "segments": [[float(part[0]), float(part[-1])] for part in parts],
        "residual_rms_native": rms(residual),
        "residual_rms_instrument": rms(blurred_residual(template, residual, resolving_power)),
        "instrument_resolving_power": resolving_power,
        "template_resolving_power": outcome.resolving_power,
        "n_lines": len(outcome.lines),
        "n_samples": len(template),
        "converged": outcome.converged,
        "stop_reason": outcome.reason,
        "rounds": [asdict(each) for each in outcome.rounds],
        "n_removed": {
            "vanished": sum(each.vanished for each in outcome.rounds),
            "duplicates": sum(each.duplicates for each in outcome.rounds),
        },
    }
