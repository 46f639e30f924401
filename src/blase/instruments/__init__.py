"""Readers of observed spectra: `read_spectrum` finds the format from the content of the file."""

from blase.instruments.base import FileHead, HduHead, Reader, ReadOptions
from blase.instruments.eprv_write import write_eprv
from blase.instruments.prepared_write import write_prepared
from blase.instruments.registry import read_spectrum, readers

__all__ = [
    "FileHead",
    "HduHead",
    "ReadOptions",
    "Reader",
    "read_spectrum",
    "readers",
    "write_eprv",
    "write_prepared",
]
