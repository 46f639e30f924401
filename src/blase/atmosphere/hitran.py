"""Records of 160 characters, the format of HITRAN since 2004, as arrays.

Columns (Rothman et al. 2005, JQSRT 96, 139, doi:10.1016/j.jqsrt.2004.10.008, table 1): molecule 2,
isotopologue 1, wavenumber 12 [cm^-1], intensity at 296 K 10 [cm^-1 / (molecule cm^-2)], Einstein A 10, half
width at half maximum in air 5 and in the gas itself 5 [cm^-1 / atm], lower energy 10 [cm^-1], exponent of the
width in air 4, pressure shift in air 8 [cm^-1 / atm], and quanta and references that are not read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blase.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RECORD_LENGTH = 160
_FIELDS = {
    "wavenumber": (3, 15),
    "intensity": (15, 25),
    "air_width": (35, 40),
    "self_width": (40, 45),
    "lower_energy": (45, 55),
    "width_exponent": (55, 59),
    "pressure_shift": (59, 67),
}
_ISOTOPOLOGUE_CODES = {"0": 10, **{str(n): n for n in range(1, 10)}, "A": 11, "B": 12}


@dataclass(frozen=True, eq=False)
class HitranLines:
    """Lines at 296 K, every array (n,), ordered by wavenumber.

    Attributes
    ----------
    molecule, isotopologue : numbers of HITRAN.
    wavenumber : of the centre in vacuum, without pressure [cm^-1].
    intensity : at 296 K, weighted by the natural abundance [cm^-1 / (molecule cm^-2)].
    air_width, self_width : half widths at half maximum at 296 K [cm^-1 / atm].
    lower_energy : [cm^-1]; unknown where the file has -1, then taken as 0.
    width_exponent : n of the width, proportional to (296 K / T)^n.
    pressure_shift : in air at 296 K [cm^-1 / atm].
    """

    molecule: IntArray
    isotopologue: IntArray
    wavenumber: FloatArray
    intensity: FloatArray
    air_width: FloatArray
    self_width: FloatArray
    lower_energy: FloatArray
    width_exponent: FloatArray
    pressure_shift: FloatArray

    def __len__(self) -> int:
        return len(self.wavenumber)

    def take(self, index: NDArray[np.bool_] | IntArray) -> HitranLines:
        """The lines of a mask (n,) or of indices (m,)."""
        return HitranLines(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @staticmethod
    def concatenated(parts: Sequence[HitranLines]) -> HitranLines:
        """All lines of `parts` (at least one), ordered by wavenumber."""
        names = [f.name for f in fields(HitranLines)]
        joined = HitranLines(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})
        return joined.take(np.argsort(joined.wavenumber, kind="stable"))


def is_hitran(path: Path) -> bool:
    """Whether the first line of the file is a record."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(RECORD_LENGTH + 3).rstrip(b"\r\n")
        return len(first) == RECORD_LENGTH and _number(first[3:15]) > 0 and _number(first[15:25]) >= 0
    except (OSError, ValueError):
        return False


def read_hitran(path: str | Path) -> HitranLines:
    """Every line of a file of 160-character records.

    Raises
    ------
    InputError : where the file cannot be read, is empty, or a record is not of this format; the message names
        the first such record.
    """
    file = Path(path)
    try:
        records = [record for record in file.read_bytes().splitlines() if record.strip()]
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    if not records:
        raise _unreadable(file, "no record")
    for number, record in enumerate(records, start=1):
        if len(record) != RECORD_LENGTH:
            raise _unreadable(file, f"{len(record)} characters in record {number}")
    text = np.array(records, dtype=f"S{RECORD_LENGTH}")
    columns = {name: _column(text, begin, end, name, file) for name, (begin, end) in _FIELDS.items()}
    columns["lower_energy"] = np.maximum(columns["lower_energy"], 0.0)
    lines = HitranLines(
        molecule=_column(text, 0, 2, "molecule", file).astype(np.int64),
        isotopologue=_isotopologues(text, file),
        **columns,
    )
    return lines.take(np.argsort(lines.wavenumber, kind="stable"))


def _slice(text: NDArray[np.bytes_], begin: int, end: int) -> NDArray[np.bytes_]:
    """Characters `begin` to `end` of every record, (n,)."""
    width = end - begin
    return text.view("S1").reshape(len(text), -1)[:, begin:end].copy().view(f"S{width}").ravel()


def _column(text: NDArray[np.bytes_], begin: int, end: int, name: str, path: Path) -> FloatArray:
    """A field of every record as numbers (n,); an empty field counts as zero."""
    characters = np.char.strip(_slice(text, begin, end))
    filled = np.where(characters == b"", b"0", characters)
    try:
        return filled.astype(np.float64)
    except ValueError as error:
        wrong = next(_wrong(filled))
        raise _unreadable(
            path, f"{filled[wrong].decode(errors='replace')!r} as {name}, record {wrong + 1}"
        ) from error


def _wrong(characters: NDArray[np.bytes_]) -> Iterator[int]:
    """Indices of what is not a number."""
    for i, value in enumerate(characters):
        try:
            _number(value)
        except ValueError:
            yield i


def _number(characters: bytes) -> float:
    return float(characters)


def _isotopologues(text: NDArray[np.bytes_], path: Path) -> IntArray:
    codes, inverse = np.unique(_slice(text, 2, 3), return_inverse=True)
    names = [code.decode(errors="replace") for code in codes]
    unknown = [name for name in names if name not in _ISOTOPOLOGUE_CODES]
    if unknown:
        raise _unreadable(path, f"{unknown[0]!r} as isotopologue")
    return np.array([_ISOTOPOLOGUE_CODES[name] for name in names], dtype=np.int64)[inverse]


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        "is not a list of lines in the format of HITRAN",
        path=path,
        value=found,
        expected=f"records of {RECORD_LENGTH} characters, as HITRAN writes them (.par)",
        fix="download the lines from hitran.org as '160-character .par', and give that file",
    )
