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
            fix="leave --resume away to start afresh",
        )


def say_interrupted(checkpoint: Path) -> None:
    """Say what an interrupted fit left behind."""
    if checkpoint.is_file():
        say(f"stopped; to go on, repeat the command with --resume (checkpoint: {checkpoint})")
    else:
        say("stopped before the first checkpoint; nothing was written")
