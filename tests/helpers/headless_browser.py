"""A headless Chromium for tests of the report, spoken to in the WebDriver protocol (W3C) over plain HTTP.

Tests skip where there is no Chromium with its driver.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's identity in the protocol."""
KEYS = {"right": "\ue014", "down": "\ue015", "enter": "\ue007", "page up": "\ue00e", "page down": "\ue00f"}


class Page:
    """One window; every method asks the driver and raises where it reports an error."""

    def __init__(self, driver: str, session: str) -> None:
        self._base = f"{driver}/session/{session}"

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        return post(f"{self._base}/{path}", body)

    def open(self, url: str) -> None:
        self.ask("url", {"url": url})

    def run(self, code: str, *arguments: Any) -> Any:
        """Run JavaScript; what it returns comes back."""
        return self.ask("execute/sync", {"script": code, "args": arguments})

    def wait_for_drawing(self) -> None:
        """Wait until the next picture is on the screen."""
        code = "const f = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => f()))"
        self.ask("execute/async", {"script": code, "args": []})

    def press(self, css: str, *keys: str) -> None:
        """Press keys in an element."""
        found = self.ask("element", {"using": "css selector", "value": css})[ELEMENT]
        self.ask(f"element/{found}/value", {"text": "".join(KEYS.get(key, key) for key in keys)})

    def drag(self, css: str, by: int) -> None:
        """Press the mouse in the middle of an element, move it `by` pixels to the right and let go."""
        element = self.ask("element", {"using": "css selector", "value": css})
        moves = [
            {"type": "pointerMove", "origin": element, "x": 0, "y": 0, "duration": 10},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "origin": "pointer", "x": by, "y": 0, "duration": 60},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": moves}
        self.ask("actions", {"actions": [mouse]})

    def chromium(self, command: str, **parameters: Any) -> None:
        """A command of Chromium's own protocol."""
        self.ask("goog/cdp/execute", {"cmd": command, "params": parameters})

    def console(self) -> list[str]:
        """Messages in the console since the last call, but for those on how fast a test reads a canvas."""
        entries = self.ask("se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["source"] != "rendering"]


def post(url: str, body: dict[str, Any], method: str = "POST") -> Any:
    """The value that the driver answers with."""
    data = json.dumps(body).encode() if method == "POST" else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from error


@contextmanager
def running_driver() -> Iterator[str]:
    """The address of a running driver; skips the test where there is no Chromium."""
    driver = shutil.which("chromedriver")
    if driver is None or find_chromium() is None:
        pytest.skip("no Chromium with chromedriver here (Debian: apt-get install chromium chromium-driver)")
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "started successfully on port" in line:
                break
        yield f"http://127.0.0.1:{line.rsplit(maxsplit=1)[1].rstrip('.')}"
        process.terminate()


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def opened(driver: str, url: str, *, width: int, height: int, dark: bool = False) -> Iterator[Page]:
    """A window of this size that shows `url`."""
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    options = {
        "browserName": "chrome",
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {"binary": find_chromium(), "args": arguments},
    }
    session = post(f"{driver}/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]
    page = Page(driver, session)
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        page.chromium("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.chromium("Emulation.setEmulatedMedia", features=[scheme])
        page.open(url)
        yield page
    finally:
        post(f"{driver}/session/{session}", {}, method="DELETE")
