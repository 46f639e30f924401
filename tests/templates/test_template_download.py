"""Downloads from a server on the loopback interface: whole, resumed, damaged, refused."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from blase.errors import InputError
from blase.templates import download
from blase.templates.download import cache_directory, fetch, find_cached, phoenix_name, phoenix_url
from blase.templates.read import read_template

CONTENT = np.random.default_rng(0).bytes(200_000)


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `break_after` bytes it drops the connection, `ranges` says whether it can resume."""

    daemon_threads = True
    break_after: int | None = None
    ranges = True
    requests: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/folder/spectrum.fits"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        if self.path.endswith("missing.fits"):
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(CONTENT[start : self.server.break_after])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server(("127.0.0.1", 0), Handler)
    running.requests = []
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def test_whole_file_with_sidecar_and_no_second_request(server: Server, tmp_path: Path) -> None:
    path = fetch(server.url, directory=tmp_path / "new")
    assert path.read_bytes() == CONTENT
    assert (path.parent / "spectrum.fits.sha256").read_text().split()[0] == hashlib.sha256(
        CONTENT
    ).hexdigest()
    assert fetch(server.url, directory=tmp_path / "new") == path
    assert len(server.requests) == 1
    assert sorted(p.name for p in path.parent.iterdir()) == ["spectrum.fits", "spectrum.fits.sha256"]


def test_broken_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.break_after = 70_000
    with pytest.raises(InputError, match="did not complete") as caught:
        fetch(server.url, directory=tmp_path)
    assert server.url in str(caught.value) and str(tmp_path / "spectrum.fits") in str(caught.value)
    assert not (tmp_path / "spectrum.fits").exists()
    server.break_after = None
    assert fetch(server.url, directory=tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=70000-"]


def test_server_that_cannot_resume_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "spectrum.fits.partial").write_bytes(b"x" * 1000)
    server.ranges = False
    assert fetch(server.url, directory=tmp_path).read_bytes() == CONTENT


def test_overlong_partial_file_is_started_afresh(server: Server, tmp_path: Path) -> None:
    (tmp_path / "spectrum.fits.partial").write_bytes(b"x" * (len(CONTENT) + 5))
    assert fetch(server.url, directory=tmp_path).read_bytes() == CONTENT


def test_wrong_hash_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged"):
        fetch(server.url, directory=tmp_path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_damaged_cache_is_noticed_and_replaced(server: Server, tmp_path: Path) -> None:
    path = fetch(server.url, directory=tmp_path)
    path.write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(InputError, match="damaged"):
        find_cached("spectrum.fits", tmp_path)
    assert fetch(server.url, directory=tmp_path).read_bytes() == CONTENT
    assert find_cached("spectrum.fits", tmp_path) == path


def test_missing_file_and_dead_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="404"):
        fetch(server.url.replace("spectrum", "missing"), directory=tmp_path)
    dead = Server(("127.0.0.1", 0), Handler)
    url = dead.url
    dead.server_close()
    with pytest.raises(InputError, match="by hand"):
        fetch(url, directory=tmp_path, timeout=2.0)


def test_cache_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("BLASE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "blase"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory() == Path.home() / ".cache" / "blase"
    assert find_cached("never.fits", tmp_path) is None


@pytest.mark.parametrize(
    ("point", "name", "folder"),
    [
        ({"effective_temperature": 3900, "log_g": 4.5}, "lte03900-4.50-0.0", "Z-0.0"),
        ({"effective_temperature": 2400, "log_g": 0.5, "metallicity": -4.0}, "lte02400-0.50-4.0", "Z-4.0"),
        ({"effective_temperature": 12000, "log_g": 6, "metallicity": 0.5}, "lte12000-6.00+0.5", "Z+0.5"),
        (
            {"effective_temperature": 5000, "log_g": 4.5, "metallicity": -0.5, "alpha": 0.2},
            "lte05000-4.50-0.5.Alpha=+0.20",
            "Z-0.5.Alpha=+0.20",
        ),
    ],
)
def test_names_and_urls_of_the_grid(point: dict[str, float], name: str, folder: str) -> None:
    full = f"{name}.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits"
    assert phoenix_name(**point) == full
    assert phoenix_url(full).endswith(f"/HiResFITS/PHOENIX-ACES-AGSS-COND-2011/{folder}/{full}")


def test_url_of_the_wavelength_file_and_of_something_else() -> None:
    assert phoenix_url(download.WAVELENGTH_FILE).endswith("/HiResFITS/WAVE_PHOENIX-ACES-AGSS-COND-2011.fits")
    with pytest.raises(InputError, match="PHOENIX"):
        phoenix_url("sun.fits")


def test_read_template_downloads_only_when_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASE_CACHE", str(tmp_path))
    monkeypatch.setattr(download, "PHOENIX_ROOT", server.url.rsplit("/", 1)[0])
    name = phoenix_name(effective_temperature=3900, log_g=4.5)
    with pytest.raises(InputError, match=r"--download \(download=True\)"):
        read_template(name)
    assert server.requests == []
    with pytest.raises(InputError, match="not a readable"):  # the server sends noise, not a spectrum
        read_template(name, download=True)
    assert (tmp_path / name).read_bytes() == CONTENT and len(server.requests) == 1
