"""Spectra of other packages, taken as they are and given back; nothing foreign is imported before it is
needed.
"""

from blase.adapters.incoming import as_spectrum
from blase.adapters.to_muler import to_muler
from blase.adapters.to_specutils import to_specutils

__all__ = ["as_spectrum", "to_muler", "to_specutils"]
