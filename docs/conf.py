"""Sphinx configuration. Only `make links` needs the network."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "blasé"
author = "blasé developers"
copyright = "2026, blasé developers"
release = installed_version("blase-echelle")
version = release

extensions = [
    "executed",
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "bench/*.md"]
templates_path = ["_templates"]
default_role = "code"
# A class that its package re-exports has two addresses; either is right as the target of a type hint.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = True
autosummary_imported_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 90

linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_workers = 4
linkcheck_rate_limit_timeout = 60
linkcheck_anchors = False
linkcheck_allowed_redirects = {r"https://.*": r"https://.*"}
linkcheck_ignore = [r"https://download\.pytorch\.org/whl/cpu$"]  # an index for pip, not a page

html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["formulas.css"]
html_theme = "furo"
html_title = f"blasé {release}"


def escape_bars(app, what, name, obj, options, lines):
    """Keep |x| in a docstring an absolute value: reStructuredText would take it for a substitution."""
    for number, line in enumerate(lines):
        parts = re.split("(`[^`]*`)", line)
        lines[number] = "".join(part if part.startswith("`") else part.replace("|", r"\|") for part in parts)


def ask_the_registry(app, uri):
    """Whether a DOI exists is asked of its registry: publishers refuse programs."""
    start = "https://doi.org/10."
    return "https://doi.org/api/handles/10." + uri.removeprefix(start) if uri.startswith(start) else None


def setup(app):
    app.connect("linkcheck-process-uri", ask_the_registry)
    app.connect("autodoc-process-docstring", escape_bars, priority=100)
