"""A headless Chromium for tests of the report, driven by selenium.

Tests skip where there is no Chromium with its driver.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains, ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

NAMED = {"right": Keys.RIGHT, "down": Keys.DOWN, "enter": Keys.ENTER, "page up": Keys.PAGE_UP}
NAMED |= {"page down": Keys.PAGE_DOWN, "left": Keys.LEFT, "escape": Keys.ESCAPE}
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


class Page:
    """One window with what the tests do in it."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def run(self, code: str, *arguments: Any) -> Any:
        """Run JavaScript; what it returns comes back."""
        return self._driver.execute_script(code, *arguments)

    def wait_for_drawing(self) -> None:
        """Wait until the next picture is on the screen."""
        self._driver.execute_async_script(
            "const f = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => f()))"
        )

    def press(self, css: str, *keys: str) -> None:
        """Press keys in an element."""
        self._element(css).send_keys("".join(NAMED.get(key, key) for key in keys))

    def drag(self, css: str, by: int) -> None:
        """Press the mouse in the middle of an element, move it `by` pixels to the right and let go."""
        ActionChains(self._driver).drag_and_drop_by_offset(self._element(css), by, 0).perform()

    def wheel(self, css: str, by: int) -> None:
        """Turn the mouse's wheel `by` pixels (down where positive) over the middle of an element."""
        origin = ScrollOrigin.from_element(self._element(css))
        ActionChains(self._driver).scroll_from_origin(origin, 0, by).perform()

    def pinch(self, css: str, *, start: int, end: int) -> None:
        """Put two fingers `start` pixels apart about the middle of an element, and lift them `end` apart."""
        centre = (
            "const b = arguments[0].getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 3]"
        )
        x, y = self.run(centre, self._element(css))

        def touch(kind: str, apart: float | None) -> None:
            ends = () if apart is None else (x - apart / 2, x + apart / 2)
            points = [{"x": at, "y": y, "id": k} for k, at in enumerate(ends)]
            self._driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", start)
        for step in range(1, 6):
            touch("touchMove", start + step * (end - start) / 5)
        touch("touchEnd", None)

    def console(self) -> list[str]:
        """Messages in the console since the last call, but for those on how fast a test reads a canvas."""
        entries = self._driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["source"] != "rendering"]

    def _element(self, css: str) -> Any:
        return self._driver.find_element(By.CSS_SELECTOR, css)


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def opened(url: str, *, width: int, height: int, dark: bool = False) -> Iterator[Page]:
    """A new browser of this size that shows `url`; skips the test where there is no Chromium."""
    driver = shutil.which("chromedriver")
    if driver is None or find_chromium() is None:
        pytest.skip("no Chromium with chromedriver here (Debian: apt-get install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = find_chromium()
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ARGUMENTS:
        options.add_argument(argument)
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    with Chrome(options, Service(driver)) as browser:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 600})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get(url)
        yield Page(browser)
