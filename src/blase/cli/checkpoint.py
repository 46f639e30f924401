"""The checkpoint that an interrupted fit leaves beside its output directory."""

from __future__ import annotations

from pathlib import Path

from blase.cli.messages import say
from blase.errors import InputError


def checkpoint_path(output: Path) -> Path:
    """Return where the checkpoint of a fit lies: beside its output directory."""
    absolute = output.absolute()
    return absolute.with_name(f"{absolute.name}.checkpoint.safetensors")


def check_resume(checkpoint: Path, *, resume: bool) -> None:
    """Raise `InputError` where there is nothing to resume from."""
    if resume and not checkpoint.is_file():
        raise InputError(
            "there is no checkpoint to resume from",
            path=checkpoint,
            value="--resume",
            expected="the checkpoint that an interrupted run leaves there",
            fix="leave --resume away to start afresh",
        )


def checkpoint_state(checkpoint: Path) -> tuple[int, int] | None:
    """Return what changes whenever a checkpoint is written; None where there is none."""
    try:
        found = checkpoint.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def say_interrupted(checkpoint: Path, before: tuple[int, int] | None) -> None:
    """Say what an interrupted fit left behind; `before` is the `checkpoint_state` when it began."""
    now = checkpoint_state(checkpoint)
    if now is not None and now != before:
        say(f"stopped; to go on, repeat the command with --resume (checkpoint: {checkpoint})")
        return
    kept = f"; {checkpoint} is of an earlier run" if now is not None else ""
    say(f"stopped before the first checkpoint; nothing was written{kept}")
