"""Fetch files of the PHOENIX-ACES grid (Husser et al. 2013, A&A 553, A6, doi:10.1051/0004-6361/201219058).

Nothing is fetched unless it is asked for. A file goes to a `.partial` sibling first, which a later call
resumes, and is renamed once it is whole; its sha256 is kept in a `.sha256` sibling and checked each time it
is used.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from blase.errors import InputError

PHOENIX_ROOT = "https://phoenix.astro.physik.uni-goettingen.de/data/HiResFITS"
PHOENIX_GRID = "PHOENIX-ACES-AGSS-COND-2011"
WAVELENGTH_FILE = f"WAVE_{PHOENIX_GRID}.fits"

_NAME = re.compile(
    rf"lte(?P<teff>\d{{5}})(?P<logg>[+-]\d\.\d\d)(?P<z>[+-]\d\.\d)(?P<alpha>\.Alpha=[+-]\d\.\d\d)?"
    rf"\.{PHOENIX_GRID}-HiRes\.fits"
)
_CHUNK = 1 << 20


def cache_directory() -> Path:
    """Where fetched files are kept: $BLASE_CACHE, else $XDG_CACHE_HOME/blase, else ~/.cache/blase."""
    if os.environ.get("BLASE_CACHE"):
        return Path(os.environ["BLASE_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "blase"


def phoenix_name(
    *, effective_temperature: float, log_g: float, metallicity: float = 0.0, alpha: float = 0.0
) -> str:
    """File name of a grid point: T [K], log10 of g [cm/s^2], [M/H] and [alpha/M] (-log g is written)."""
    z = f"{metallicity:+.1f}" if metallicity else "-0.0"
    suffix = f".Alpha={alpha:+.2f}" if alpha else ""
    return f"lte{effective_temperature:05.0f}-{log_g:.2f}{z}{suffix}.{PHOENIX_GRID}-HiRes.fits"


def phoenix_url(name: str) -> str:
    """URL of the grid's wavelength file or of a spectrum, by file name.

    Raises `InputError` where `name` is not a name of the grid.
    """
    if name == WAVELENGTH_FILE:
        return f"{PHOENIX_ROOT}/{name}"
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(
            "not a file name of the PHOENIX-ACES grid",
            value=name,
            expected=phoenix_name(effective_temperature=3900, log_g=4.5),
            fix="build the name with phoenix_name",
        )
    return f"{PHOENIX_ROOT}/{PHOENIX_GRID}/Z{match['z']}{match['alpha'] or ''}/{name}"


def is_phoenix_name(name: str) -> bool:
    """Whether `name` is that of a spectrum of the grid."""
    return _NAME.fullmatch(name) is not None


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_cached(name: str, directory: Path | None = None) -> Path | None:
    """Path of `name` in the cache, or None; `InputError` where its sha256 is not the stored one."""
    path = (directory or cache_directory()) / name
    if not path.is_file():
        return None
    if not _is_sound(path):
        raise InputError(
            "the cached file is damaged: its sha256 is not the one it was stored with",
            path=path,
            fix="delete it, or fetch it again with --download (download=True)",
            value="another sha256",
            expected="the sha256 in its .sha256 file",
        )
    return path


def fetch(
    url: str, *, directory: Path | None = None, sha256: str | None = None, timeout: float = 30.0
) -> Path:
    """Download `url` into the cache, unless a sound copy is there, and return its path.

    Parameters
    ----------
    directory : instead of `cache_directory()`.
    sha256 : expected hash; where None only the length is checked, and the hash found is stored for later.
    timeout : of a silent connection [s].

    Raises
    ------
    InputError : if the server cannot be reached, breaks off, or sends a file with another hash.
    """
    folder = directory or cache_directory()
    target = folder / url.rsplit("/", 1)[-1]
    if target.is_file() and _is_sound(target) and sha256 in (None, file_sha256(target)):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    try:
        _download(url, partial, timeout)
    except (OSError, HTTPException) as error:
        raise _unreachable(url, target, error) from error
    return _install(partial, target, url, sha256)


def _unreachable(url: str, target: Path, error: Exception) -> InputError:
    return InputError(
        f"the download did not complete ({error})",
        value=url,
        expected="a reachable server",
        fix=f"try again to resume, or fetch that URL by hand and save it as {target}",
    )


def _is_sound(path: Path) -> bool:
    """Whether the file has the sha256 of its sidecar; a file put there by hand, without one, is trusted."""
    sidecar = _sidecar(path)
    return not sidecar.is_file() or sidecar.read_text().split()[:1] == [file_sha256(path)]


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _download(url: str, partial: Path, timeout: float) -> None:
    """Fill `partial`, from where it stands if the server can resume and from the start otherwise."""
    start = partial.stat().st_size if partial.is_file() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            _receive(response, partial)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            raise
        partial.unlink()
        _download(url, partial, timeout)


def _receive(response: HTTPResponse, partial: Path) -> None:
    """Append to `partial` (status 206) or rewrite it (any other), `OSError` where bytes are missing."""
    resumed = response.status == 206
    with partial.open("ab" if resumed else "wb") as stream:
        shutil.copyfileobj(response, stream, _CHUNK)
    expected = _total_length(response, resumed)
    if expected is not None and partial.stat().st_size != expected:
        raise OSError(f"{partial.stat().st_size} of {expected} bytes arrived")


def _total_length(response: HTTPResponse, resumed: bool) -> int | None:
    """Length of the whole file [byte], from Content-Range where resumed and from Content-Length otherwise."""
    text = response.headers.get("Content-Range", "").rpartition("/")[2] if resumed else None
    text = response.headers.get("Content-Length") if text is None else text
    return int(text) if text and text.isdigit() else None


def _install(partial: Path, target: Path, url: str, sha256: str | None) -> Path:
    found = file_sha256(partial)
    if sha256 is not None and found != sha256:
        partial.unlink()
        raise InputError(
            "the downloaded file is damaged or another one",
            value=f"sha256 {found} of {url}",
            expected=sha256,
            fix="try again; if it happens twice, fetch it by hand and compare",
        )
    sidecar = _sidecar(target)
    temporary = sidecar.with_name(sidecar.name + ".partial")
    temporary.write_text(f"{found}  {target.name}\n")
    target.unlink(missing_ok=True)  # between the two renames there is no file, never one with another's hash
    temporary.replace(sidecar)
    partial.replace(target)
    return target
