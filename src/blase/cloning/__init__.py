"""Clone templates into sets of Voigt lines."""

from blase.cloning.clone import Clone, is_clone
from blase.cloning.clone_template import clone_template

__all__ = ["Clone", "clone_template", "is_clone"]
