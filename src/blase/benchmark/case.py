"""The input of a benchmark in a folder, where the processes that measure find it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from blase.benchmark.settings import Settings
from blase.cloning import Clone
from blase.containers.json_text import to_text
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.templates import read_template
from blase.templates.template import Template


class Case:
    """A folder with `settings.json`, `template.npz`, the clone once there is one, and a long case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings.from_plain(json.loads((folder / "settings.json").read_text("utf-8")))

    @classmethod
    def create(cls, folder: Path, settings: Settings, *, wavelength_file: Path | None = None) -> Case:
        """Read the template that `settings` names and leave it in `folder`.

        Raises InputError where it cannot be read, is a line list, or is blurred.
        """
        template = read_template(
            settings.star, wavelength_range=settings.wavelength_range, wavelength_file=wavelength_file
        )
        if not isinstance(template, Template):
            raise InputError(
                "a line list cannot be benchmarked",
                path=settings.star,
                value=f"{len(template)} lines",
                expected="a spectrum, which is cloned",
                fix="give a spectrum with --star, or embedded:star",
            )
        folder.mkdir(exist_ok=True)
        np.savez(folder / "template.npz", wavelength=template.wavelength, normalised=template.normalised)
        (folder / "settings.json").write_text(to_text(settings.plain()), encoding="utf-8")
        return cls(folder)

    @property
    def long(self) -> Case:
        """The same of the long template."""
        return Case(self.folder / "long")

    def template(self) -> Template:
        """The template, native and normalised."""
        with np.load(self.folder / "template.npz") as arrays:
            wavelength, normalised = arrays["wavelength"], arrays["normalised"]
        return Template(self.settings.star, wavelength, normalised, np.ones_like(wavelength))

    def clone(self) -> Clone:
        """The clone of the template."""
        return Clone.read(self.folder / "clone")

    def lines(self) -> LineList:
        """The lines of the clone."""
        return self.clone().lines

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Wavelength [Angstrom] and normalised flux of the template, each (n,)."""
        template = self.template()
        return torch.from_numpy(template.wavelength), torch.from_numpy(template.normalised)
