"""Read a template, whatever it is: the content of the file decides, not its name."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from astropy.io import fits
from astropy.table import Table
from astropy.units import Quantity

from blase.containers.hdf5 import is_hdf5
from blase.containers.line_list import LineList
from blase.errors import InputError, naming
from blase.templates.download import fetch, file_sha256, find_cached, is_phoenix_name, phoenix_url
from blase.templates.flatten import Method
from blase.templates.formats import read_ecsv, read_fits_table, read_lines, read_npy, read_npz, read_text
from blase.templates.from_arrays import ResolvingPower, build_template, template_from_arrays
from blase.templates.grid_formats import find_grid_reader, read_netcdf
from blase.templates.library import nearest_file, nearest_phoenix, parse_point
from blase.templates.line_formats import RawLines, find_line_reader, is_line_table, read_ecsv_lines
from blase.templates.line_lists import MICROTURBULENCE, build_line_template, lines_in_range
from blase.templates.phoenix import read_phoenix, temperature_in_name
from blase.templates.raw import RawTemplate
from blase.templates.template import LineTemplate, Template

_EMBEDDED = "embedded:"
_CHOSEN = ("library:", "phoenix:")
_EMBEDDED_KINDS = ("star", "telluric")
_PHYSICAL = {"centre", "strength", "sigma", "gamma"}


def read_template(
    source: Any,
    *,
    wavelength_file: str | Path | None = None,
    wavelength_unit: Any = None,
    medium: str | None = None,
    normalised: bool | None = None,
    resolving_power: ResolvingPower = None,
    wavelength_range: tuple[float, float] | None = None,
    effective_temperature: float | None = None,
    microturbulence: float = MICROTURBULENCE,
    flattening: Method = "auto",
    download: bool = False,
) -> Template | LineTemplate:
    """Read a stellar or telluric template from a file, from arrays, or make an embedded one.

    Parameters
    ----------
    source : a path, "embedded:star" or "embedded:telluric" (with "?seed=3" for another realisation), a pair
        (wavelength, flux) of arrays or Quantities, or an object with `spectral_axis` and `flux`, such as
        those of specutils and gollum (vacuum unless `medium` says otherwise); or a choice by parameters,
        "library:FOLDER?teff=3900&logg=4.5&feh=0" (the nearest file of a folder) and
        "phoenix:?teff=3900&logg=4.5&feh=0" (the nearest point of the PHOENIX-ACES grid). Files: PHOENIX-ACES
        FITS, FITS table, npz (`wave_vac` with `norm` or `flux`), npy, text, CSV, ECSV, IPAC; as line lists
        VALD, MOOG, Kurucz, CSV, ECSV.
    wavelength_file : of a PHOENIX spectrum, where it is not found by itself.
    wavelength_unit, medium : override what the file says; required where it does not say (medium: vacuum).
    normalised : whether the flux is over the continuum already, where the file does not say; guessed where
        None.
    resolving_power : of the blur the template already has: number, (number, error), 'fit' or None for native.
    wavelength_range : (low, high) to keep [vacuum Angstrom]; large files are not read beyond it.
    effective_temperature : [K], of the black body divided out and of the line strengths of a list.
    microturbulence : of a line list [km/s].
    flattening : how the continuum of an absolute flux is found: 'smooth', 'pseudo', or 'auto', which is
        pseudo below 4000 K (`blase.templates.flatten`).
    download : whether a missing PHOENIX file may be fetched.

    Returns
    -------
    Template, or LineTemplate for a list of lines.

    Raises
    ------
    InputError : on anything that is not a usable template; the message says what to do.
    """
    if isinstance(source, str) and source.startswith(_EMBEDDED):
        _refuse_blur("an embedded template", source, resolving_power)
        _refuse_options(
            source,
            {
                "--wavelength-file": wavelength_file,
                "--wavelength-unit": wavelength_unit,
                "--medium": medium,
                "--teff": effective_temperature,
                "normalised": normalised,
            },
        )
        with naming(source):
            return _embedded(source, wavelength_range)
    if not isinstance(source, str | Path):
        return _from_pair(
            source,
            wavelength_unit=wavelength_unit,
            medium=medium or "vacuum",
            normalised=normalised,
            resolving_power=resolving_power,
            wavelength_range=wavelength_range,
            effective_temperature=effective_temperature,
            flattening=flattening,
        )
    chosen = None
    if isinstance(source, str) and source.startswith(_CHOSEN):
        source, chosen = _chosen(source)
    path = _locate(Path(source), download)
    with naming(path):
        content = _read(
            path, wavelength_file=wavelength_file, wavelength_range=wavelength_range, download=download
        )
        if chosen is not None and isinstance(content, RawTemplate):
            content = content.with_note(chosen)
        return _from_content(
            content,
            path,
            unit=None if wavelength_unit is None else str(wavelength_unit),
            medium=medium,
            normalised=normalised,
            resolving_power=resolving_power,
            wavelength_range=wavelength_range,
            effective_temperature=effective_temperature,
            microturbulence=microturbulence,
            flattening=flattening,
        )


def _from_content(
    content: RawTemplate | RawLines | LineList,
    path: Path,
    *,
    unit: str | None,
    medium: str | None,
    normalised: bool | None,
    resolving_power: ResolvingPower,
    wavelength_range: tuple[float, float] | None,
    effective_temperature: float | None,
    microturbulence: float,
    flattening: Method,
) -> Template | LineTemplate:
    """The template in what was read from the file at `path`; options as in `read_template`."""
    origin: dict[str, Any] = {"name": path.stem, "path": str(path), "sha256": file_sha256(path)}
    if isinstance(content, LineList | RawLines):
        _refuse_blur("a line list", str(path), resolving_power)
    if isinstance(content, LineList):
        return _from_line_list(content, wavelength_range, origin)
    if isinstance(content, RawLines):
        return build_line_template(
            content,
            effective_temperature=effective_temperature,
            medium=medium,
            wavelength_unit=unit,
            wavelength_range=wavelength_range,
            microturbulence=microturbulence,
            **origin,
        )
    raw = replace(
        content,
        unit=unit or content.unit,
        medium=medium or content.medium,
        normalised=content.normalised if normalised is None else normalised,
        effective_temperature=effective_temperature
        or content.effective_temperature
        or temperature_in_name(path.name),
    )
    return build_template(
        raw,
        resolving_power=resolving_power,
        wavelength_range=wavelength_range,
        flattening=flattening,
        **origin,
    )


def _refuse_blur(what: str, source: str, resolving_power: ResolvingPower) -> None:
    """Raise `InputError` where a blur is declared for what has none."""
    if resolving_power is not None:
        raise InputError(
            f"{what} is not blurred",
            path=source,
            value=f"resolving power {resolving_power}",
            expected="no declared resolving power",
            fix="leave the resolving power of the template away",
        )


def _refuse_options(source: str, options: dict[str, Any]) -> None:
    """Raise `InputError` where an option is given that an embedded template has no use for."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise InputError(
            "an embedded template is made, not read",
            path=source,
            value=" ".join(given),
            expected="none of the options of a file",
            fix=f"leave {' '.join(given)} away",
        )


def _embedded(source: str, wavelength_range: tuple[float, float] | None) -> Template | LineTemplate:
    """The embedded template that "embedded:KIND[?seed=N]" names."""
    from blase.templates.embedded import embedded_template

    kind, _, query = source.removeprefix(_EMBEDDED).partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    seed = options.pop("seed", "0")
    if kind not in _EMBEDDED_KINDS or options or not seed.isdecimal():
        raise InputError(
            "there is no such embedded template",
            value=source,
            expected="embedded:star or embedded:telluric, with ?seed=N where wanted",
            fix="use embedded:star?seed=3, for instance",
        )
    return embedded_template(kind, seed=int(seed), wavelength_range=wavelength_range)


def _from_pair(source: Any, **options: Any) -> Template:
    """A pair of arrays, or an object with `spectral_axis` and `flux`: of specutils, muler or gollum."""
    if hasattr(source, "spectral_axis") and hasattr(source, "flux"):
        source = (Quantity(source.spectral_axis), Quantity(source.flux))
    try:
        wavelength, flux = source if isinstance(source, Iterable) else (None, None)
    except ValueError:
        wavelength = flux = None
    if wavelength is None or flux is None:
        raise InputError(
            "not a template",
            value=type(source).__name__,
            expected="a path, a pair (wavelength, flux) of arrays, or an object with spectral_axis and flux",
            fix="pass a path, or (wavelength, flux)",
        )
    return template_from_arrays(wavelength, flux, **options)


def _chosen(source: str) -> tuple[Path, str]:
    """The file that "library:FOLDER?teff=..." or "phoenix:?teff=..." names, and a sentence on it."""
    kind, _, rest = source.partition(":")
    place, _, query = rest.partition("?")
    point = parse_point(query, source)
    return nearest_phoenix(point) if kind == "phoenix" else nearest_file(Path(place), point)


def _locate(path: Path, download: bool) -> Path:
    """`path` itself, or the cached or downloaded file of that name where it is one of the PHOENIX grid."""
    if path.is_file():
        return path
    if path.is_dir():
        raise InputError(
            "is a directory",
            path=path,
            value="a directory that is not a clone",
            expected="the file of a template",
            fix="name a file in it",
        )
    if is_phoenix_name(path.name):
        found = fetch(phoenix_url(path.name)) if download else find_cached(path.name)
        if found is not None:
            return found
        raise InputError(
            "there is no such file",
            path=path,
            value="a name of the PHOENIX grid, neither here nor in the cache",
            expected="a template",
            fix=f"fetch it with --download (download=True), or get {phoenix_url(path.name)} and put it there",
        )
    raise InputError(
        "there is no such file",
        path=path,
        value="nothing of that name",
        expected="a template, a line list, embedded:star or embedded:telluric",
        fix="check the path",
    )


def _read(
    path: Path,
    *,
    wavelength_file: str | Path | None,
    wavelength_range: tuple[float, float] | None,
    download: bool,
) -> RawTemplate | RawLines | LineList:
    """The content of a file, by its first bytes."""
    head = _head(path)
    if not head.strip():
        raise InputError(
            "the file is empty",
            path=path,
            value=f"{path.stat().st_size} bytes",
            expected="a template",
            fix="copy or download the file again",
        )
    if head.startswith(b"SIMPLE  ="):
        return _read_fits(path, wavelength_file, wavelength_range, download)
    if head.startswith(b"PK"):
        return read_npz(path)
    if head.startswith(b"\x93NUMPY"):
        return read_npy(path)
    if head.startswith(b"# %ECSV"):
        return _read_ecsv(path)
    if is_hdf5(head):
        return read_netcdf(path)
    lines = read_lines(path)
    grid = find_grid_reader(lines)
    if grid is not None:
        return grid(lines, path, wavelength_file)
    reader = find_line_reader(lines)
    return read_text(lines, path) if reader is None else reader(lines, path)


def _head(path: Path) -> bytes:
    """First bytes of a file, decompressed where it is gzipped."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head[:2] != b"\x1f\x8b":
        return head
    try:
        with gzip.open(path) as stream:
            return stream.read(4096)
    except (OSError, EOFError) as error:
        raise InputError(
            "not a readable gzip file",
            path=path,
            value=error,
            expected="a complete gzip file",
            fix="copy or download the file again",
        ) from error


def _read_fits(
    path: Path,
    wavelength_file: str | Path | None,
    wavelength_range: tuple[float, float] | None,
    download: bool,
) -> RawTemplate:
    """A table with wavelengths, or an image whose wavelengths are in another file."""
    try:
        table = read_fits_table(path)
        if table is not None:
            return table
        with fits.open(path) as hdus:
            has_image = hdus[0].header["NAXIS"] > 0
    except (OSError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "not a readable FITS file",
            path=path,
            value=error,
            expected="a complete FITS file",
            fix="copy or download the file again",
        ) from error
    if not has_image:
        raise InputError(
            "the FITS file holds neither a table nor an image",
            path=path,
            expected="a PHOENIX spectrum or a table",
            value="neither",
            fix="choose another file, or convert it to a table",
        )
    return read_phoenix(
        path, wavelength_file=wavelength_file, wavelength_range=wavelength_range, download=download
    )


def _read_ecsv(path: Path) -> RawTemplate | RawLines | LineList:
    """A spectrum, a list of physical lines as blasé writes it, or a list to be given strengths."""
    try:
        table = Table.read(path, format="ascii.ecsv")
    except Exception as error:  # astropy raises many kinds for a malformed file
        raise InputError(
            "not a readable ECSV table",
            path=path,
            value=str(error).splitlines()[0],
            expected="a table that astropy reads as ascii.ecsv",
            fix="write it again with astropy",
        ) from error
    if set(table.colnames) >= _PHYSICAL:
        return LineList.from_table(table, path=path)
    return read_ecsv_lines(table, path) if is_line_table(table.colnames) else read_ecsv(table, path)


def _from_line_list(
    lines: LineList, limits: tuple[float, float] | None, origin: dict[str, Any]
) -> LineTemplate:
    """A line list that has its strengths and widths already."""
    kept = lines_in_range(lines, limits, origin["path"])
    note = f"{len(kept):,} lines with strengths and widths as given in the file"
    return LineTemplate(lines=kept, notes=(note,), **origin)
