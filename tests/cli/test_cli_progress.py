"""Progress: one line per stage where nobody watches, a live bar on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from blase.cli.progress import PlainProgress, both, describe, show_progress

EVENTS = [
    {"stage": "read", "message": "a.fits"},
    {"stage": "solve", "iteration": 1, "total": 4, "residual_rms": 0.02, "message": None},
    {"stage": "solve", "iteration": 2, "total": 4, "residual_rms": 0.01, "message": None},
    {"stage": "solve", "iteration": 3, "total": None, "residual_rms": None, "message": "damping raised"},
    {"stage": "write"},
]


def test_plain_progress_says_each_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
    plain = PlainProgress()
    for event in EVENTS:
        plain(event)
    shown = capsys.readouterr()
    assert shown.err.splitlines() == ["read: a.fits", "solve", "write"]
    assert shown.out == ""


def test_quiet_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(quiet=True) as listener:
        for event in EVENTS:
            listener(event)
    assert capsys.readouterr().err == ""


def test_both_listeners_hear_every_event() -> None:
    heard: list[tuple[str, object]] = []
    listen = both(lambda event: heard.append(("a", event)), lambda event: heard.append(("b", event)))
    listen(EVENTS[0])
    assert heard == [("a", EVENTS[0]), ("b", EVENTS[0])]


def test_description_of_an_event() -> None:
    assert [describe(event) for event in EVENTS] == [
        "a.fits",
        "residual 2 %",
        "residual 1 %",
        "damping raised",
        "",
    ]


def test_live_bars_on_a_terminal_keep_brackets() -> None:
    """Run in a pseudo-terminal; a path with brackets must not be taken for markup."""
    code = (
        "from blase.cli.progress import show_progress\n"
        "with show_progress() as listen:\n"
        "    listen({'stage': 'read', 'message': 'a[bold].fits'})\n"
        "    listen({'stage': 'solve', 'iteration': 2, 'total': 4, 'residual_rms': 0.01})\n"
    )
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], stderr=follower, env=environment, check=True, timeout=30)
    os.close(follower)
    text = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(leader)
    shown = text.decode()
    assert "a[bold].fits" in shown
    assert "solve" in shown and "residual 1 %" in shown
