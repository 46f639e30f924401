"""A clone: a template as a set of Voigt lines, and its directory on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from blase.cloning.continuum import Continuum
from blase.cloning.removed_lines import RemovedLine, read_removed, write_removed
from blase.cloning.template_model import optical_depth_of
from blase.containers.atomic import atomic_directory
from blase.containers.line_list import FLOOR_COLUMNS, LineList
from blase.errors import InputError

Kind = Literal["stellar", "telluric"]
_TENSORS, _LINES, _SUMMARY = "clone.safetensors", "lines.ecsv", "summary.json"
_REMOVED, _CONTINUUM = "removed.ecsv", "continuum.ecsv"
"""A clone is whole without them."""


@dataclass(frozen=True)
class Clone:
    """The lines of a cloned template.

    Attributes
    ----------
    kind : what absorbs, `"stellar"` (rest frame of the star) or `"telluric"` (observatory frame).
    lines : centre, strength, sigma and gamma of every line; core floors of a few.
    wavelength_range : vacuum Angstrom; outside it the clone says nothing.
    summary : the content of `summary.json`.
    removed : lines that were found and removed again while the template was cloned.
    continuum : by which the template was divided; None where it is not known.
    """

    kind: Kind
    lines: LineList
    wavelength_range: tuple[float, float]
    summary: dict[str, Any]
    removed: tuple[RemovedLine, ...] = ()
    continuum: Continuum | None = None

    def normalised(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """The cloned spectrum over its continuum at the increasing `wavelength` (n,) [vacuum Angstrom].

        Without the blur of a blurred template; NaN where the template had a gap or did not reach.
        """
        covered = np.any([(wavelength >= low) & (wavelength <= high) for low, high in self.segments], axis=0)
        return np.where(covered, np.exp(-optical_depth_of(self.lines, wavelength)), np.nan)

    def flux(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """The absolute spectrum (n,), in the unit of `continuum`, likewise.

        Raises `InputError` where the continuum is not known: the template was normalised, or a list of lines.
        """
        if self.continuum is None:
            raise InputError(
                "the absolute flux of the clone is not known",
                path=self.summary.get("path"),
                value="a template without a continuum",
                expected="a template with absolute flux, or with its continuum beside the normalised one",
                fix="use normalised(wavelength), or clone a template that has its flux",
            )
        return self.normalised(wavelength) * self.continuum(wavelength)

    @property
    def segments(self) -> list[tuple[float, float]]:
        """Ranges [vacuum Angstrom] inside `wavelength_range` that the template covered, gaps left out."""
        least, most = self.wavelength_range
        pieces = self.summary.get("segments", [self.wavelength_range])
        return [(max(low, least), min(high, most)) for low, high in pieces if low < most and high > least]

    @property
    def converged(self) -> bool:
        """Whether the fit of the template ended by itself, and not for want of iterations."""
        return bool(self.summary.get("converged", True))

    def write(
        self,
        directory: str | Path,
        *,
        overwrite: bool = False,
        late_summary: Callable[[], dict[str, Any]] | None = None,
    ) -> Path:
        """Write the tensors, the tables of lines and removed lines and the summary, all or nothing.

        These are `clone.safetensors`, `lines.ecsv`, `removed.ecsv`, `summary.json` and, where the continuum
        is known, `continuum.ecsv` in `directory`.
        `late_summary` is called once, after everything slow is written, and what it returns is added to the
        summary (the wall time, which would otherwise miss the writing).
        """
        with atomic_directory(directory, overwrite=overwrite) as folder:
            (folder / _TENSORS).write_bytes(save(self._tensors()))  # readable by all, which save_file is not
            self.lines.write(folder / _LINES, meta={"kind": self.kind})
            write_removed(self.removed, folder / _REMOVED)
            if self.continuum is not None:
                self.continuum.write(folder / _CONTINUUM)
            summary = {**self.summary, **(late_summary() if late_summary is not None else {})}
            text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
            (folder / _SUMMARY).write_text(text + "\n", encoding="utf-8")
        return Path(directory)

    def _tensors(self) -> dict[str, torch.Tensor]:
        names = ("centre", "strength", "sigma", "gamma", *(FLOOR_COLUMNS if self.lines.floored.size else ()))
        return {name: torch.from_numpy(getattr(self.lines, name).copy()) for name in names}

    @classmethod
    def read(cls, directory: str | Path) -> Clone:
        """Read a directory that `write` made.

        Raises
        ------
        InputError
            where a file is missing, unreadable, or the numbers in two of them disagree.
        """
        folder = Path(directory)
        if not is_clone(folder):
            raise InputError(
                "is not a clone",
                path=folder,
                expected=f"a directory with {_TENSORS}, {_LINES} and {_SUMMARY}",
                fix="make one with: blase clone TEMPLATE -o CLONE",
                value=", ".join(sorted(p.name for p in folder.iterdir()))
                if folder.is_dir()
                else "no directory",
            )
        try:
            summary = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
            tensors = load_file(folder / _TENSORS)
            kind, (low, high) = summary["kind"], map(float, summary["wavelength_range"])
            if kind not in get_args(Kind):
                raise ValueError(f"kind {kind!r}")
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError(
                "the clone cannot be read",
                path=folder,
                value=error,
                fix="clone the template again",
                expected=f"{_TENSORS} and {_SUMMARY} as blase clone writes them",
            ) from error
        lines = LineList.read(folder / _LINES)
        removed = read_removed(folder / _REMOVED) if (folder / _REMOVED).is_file() else ()
        continuum = Continuum.read(folder / _CONTINUUM) if (folder / _CONTINUUM).is_file() else None
        clone = cls(kind, lines, (low, high), summary, removed, continuum)
        _require_agreement(clone._tensors(), tensors, folder)
        return clone


def _require_agreement(
    table: dict[str, torch.Tensor], tensors: dict[str, torch.Tensor], folder: Path
) -> None:
    """Raise `InputError` unless the tensors of a clone are those of its table."""
    names = sorted({*table, *tensors})
    wrong = [n for n in names if n not in table or n not in tensors or not _same(table[n], tensors[n])]
    if wrong:
        raise InputError(
            f"{_TENSORS} and {_LINES} disagree",
            path=folder,
            value=f"different {', '.join(wrong)}",
            expected="the same numbers in both",
            fix="clone the template again",
        )


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors hold the same numbers, NaN being one."""
    return first.shape == second.shape and torch.allclose(first, second, rtol=0.0, atol=0.0, equal_nan=True)


def is_clone(path: str | Path) -> bool:
    """Whether `path` is a directory that holds the files of a clone."""
    folder = Path(path)
    return all((folder / name).is_file() for name in (_TENSORS, _LINES, _SUMMARY))
