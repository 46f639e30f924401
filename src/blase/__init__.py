"""blasé: fit échelle spectra line by line, star and atmosphere together.

Everything below is loaded when it is first used, so that `import blase` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blase.cloning import Clone, clone_template
    from blase.containers import EchelleSpectrum, LineList, Order
    from blase.errors import BlaseError, InputError
    from blase.instruments import read_spectrum
    from blase.pipeline import fit_spectrum
    from blase.results.result import FitResult
    from blase.simulation import simulate_observation
    from blase.templates import read_template

__version__ = "0.1.0"

__all__ = [
    "BlaseError",
    "Clone",
    "EchelleSpectrum",
    "FitResult",
    "InputError",
    "LineList",
    "Order",
    "__version__",
    "clone_template",
    "fit_spectrum",
    "read_spectrum",
    "read_template",
    "simulate_observation",
]

_HOMES = {
    "BlaseError": "blase.errors",
    "Clone": "blase.cloning",
    "EchelleSpectrum": "blase.containers",
    "FitResult": "blase.results.result",
    "InputError": "blase.errors",
    "LineList": "blase.containers",
    "Order": "blase.containers",
    "clone_template": "blase.cloning",
    "fit_spectrum": "blase.pipeline",
    "read_spectrum": "blase.instruments",
    "read_template": "blase.templates",
    "simulate_observation": "blase.simulation",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
