"""What a reader of observed spectra is, and what it is told.

A reader is any object with a `name`, `recognises(head)` and `read(path, options)`. Register one for all of
blasé with an entry point in the group `blase.readers`.
"""

from __future__ import annotations

import gzip
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from astropy.io import fits

from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError
from blase.instruments.header import header_values

_HEAD_BYTES = 65_536
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class HduHead:
    """One extension of a FITS file.

    Parameters
    ----------
    kind : 'image', 'table' or 'empty'.
    columns : names of the columns of a table.
    shape : of the array, slowest axis first, as numpy has it.
    header : keyword (upper case) to value.
    """

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    header: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileHead:
    """What a reader may look at to recognise a file.

    Parameters
    ----------
    start : the first 64 KiB, decompressed where the file is gzipped.
    hdus : the extensions of a FITS file; empty for any other file.
    """

    path: Path
    start: bytes
    hdus: tuple[HduHead, ...] = ()

    def keyword(self, key: str) -> str:
        """A keyword of the primary header as text in upper case; '' where absent."""
        return str(self.hdus[0].header.get(key, "")).strip().upper() if self.hdus else ""

    @property
    def images(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the images of a FITS file by the name of their extension, in upper case."""
        return {hdu.name.upper(): hdu.shape for hdu in self.hdus if hdu.kind == "image"}

    def text(self) -> str | None:
        """The beginning as text, cut at its last whole line; None for binary content."""
        if b"\0" in self.start:
            return None
        whole = self.start if len(self.start) < _HEAD_BYTES else self.start[: self.start.rfind(b"\n") + 1]
        try:
            return whole.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of a file; None leaves it to the file.

    Parameters
    ----------
    wavelength_unit : 'A', 'nm' or 'um'.
    medium : 'vacuum' or 'air', of the wavelengths in the file.
    columns : names of the columns that hold 'wavelength', 'flux', 'uncertainty', 'mask' or 'order'.
    """

    wavelength_unit: str | None = None
    medium: str | None = None
    columns: Mapping[str, str] | None = None


@runtime_checkable
class Reader(Protocol):
    """A reader of one kind of file."""

    @property
    def name(self) -> str:
        """The name that `--instrument` takes."""
        ...

    def recognises(self, head: FileHead) -> bool:
        """Whether this reader can read the file; decided from its content, not its name."""
        ...

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """The spectrum in the file; InputError where the file is at fault."""
        ...


def look(path: str | Path) -> FileHead:
    """The head of a file. Raises InputError for a path that is missing, a directory, empty, unreadable or cut
    short.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            "there is no such file",
            path=path,
            value="nothing of that name",
            expected="a spectrum",
            fix="check the path",
        )
    if path.is_dir():
        raise InputError(
            "this is a directory",
            path=path,
            value="a directory",
            expected="a spectrum file",
            fix="name a file in it",
        )
    start = read_content(path, _HEAD_BYTES)
    if not start.strip():
        raise InputError(
            "the file is empty",
            path=path,
            value=f"{path.stat().st_size} bytes",
            expected="a spectrum",
            fix="copy or download the file again",
        )
    return FileHead(path, start, _fits_heads(path) if start.startswith(b"SIMPLE  =") else ())


def read_content(path: Path, size: int = -1) -> bytes:
    """The content of a file, or its first `size` bytes, decompressed where it is gzipped.

    Raises InputError where it cannot be read, or is a damaged gzip file.
    """
    try:
        with path.open("rb") as stream:
            zipped = stream.read(2) == _GZIP
            stream.seek(0)
            return gzip.GzipFile(fileobj=stream).read(size) if zipped else stream.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "the file cannot be read",
            path=path,
            value=str(error),
            expected="a file that can be read, gzipped or not",
            fix="check its permissions, and copy or download it again",
        ) from error


def _fits_heads(path: Path) -> tuple[HduHead, ...]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
                heads = tuple(_hdu_head(hdu) for hdu in hdus)
        except (OSError, EOFError, zlib.error, ValueError, TypeError, fits.VerifyError) as error:
            raise _damaged(path, str(error)) from error
    for warning in caught:
        text = " ".join(str(warning.message).split())
        if "truncated" in text or "corrupted" in text:
            raise _damaged(path, text)
    return heads


def _damaged(path: Path, detail: str) -> InputError:
    return InputError(
        "the FITS file is truncated or damaged",
        path=path,
        value=detail,
        expected="a complete FITS file",
        fix="copy or download the file again",
    )


def _hdu_head(hdu: fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU) -> HduHead:
    if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
        kind, columns = "table", tuple(hdu.columns.names)
    else:
        kind, columns = "image" if hdu.header.get("NAXIS", 0) else "empty", ()
    axes = range(int(hdu.header.get("NAXIS", 0)), 0, -1)
    shape = tuple(int(hdu.header.get(f"NAXIS{axis}", 0)) for axis in axes)
    return HduHead(hdu.name, kind, columns, shape, header_values(hdu.header))
