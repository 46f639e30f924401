"""`blase doctor`: what this installation has, what it lacks for which purpose, and whether it is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from blase.cli.messages import INTERNAL, say
from blase.cli.options import JsonOption, VerboseOption


def doctor(json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Report versions, cores, GPU, back ends, cache and disk, and what is missing for which purpose.

    \b
    Examples:
      blase doctor
      blase doctor --json
    """  # noqa: D301
    from blase.benchmark.health import examine

    found = examine()
    if json:
        from blase.containers.json_text import to_line

        print(to_line(found))
    else:
        print("\n".join(health_lines(found)))
    if not found["sound"]:
        say("this installation is not sound: reinstall blasé, or report the lines above")
        raise typer.Exit(INTERNAL)


def health_lines(found: Mapping[str, Any]) -> list[str]:
    """The findings as text, one a line."""
    machine, back_ends, cache = found["machine"], found["back_ends"], found["cache"]
    versions = machine["versions"]
    memory = f"{machine['memory_gb']} GB" if machine["memory_gb"] else "memory not known"
    rows = [
        ("blasé", f"{versions['blase']}, Python {versions['python']}, {machine['system']}"),
        ("processor", f"{machine['processor']}, {machine['cores']} cores, {memory}, load {machine['load']}"),
        ("threads", ", ".join(f"{name} {count}" for name, count in machine["threads"].items())),
        ("GPU", found["gpu"] or "none"),
        ("packages", ", ".join(f"{name} {text or 'MISSING'}" for name, text in found["packages"].items())),
        ("line operator", back_ends["line operator"]),
        ("", _agreement(back_ends)),
        ("cache", f"{cache['folder']}: {cache['files']} files, {cache['megabytes']} MB"),
        ("", f"{cache['free_gigabytes']} GB free" + ("" if cache["writable"] else ", NOT WRITABLE")),
        ("compiled code", cache["compiled_code"]),
        ("readers", ", ".join(found["readers"])),
    ]
    ready = [
        f"  {'yes' if state['ready'] else 'no':<5}{purpose}{': ' + state['lacks'] if state['lacks'] else ''}"
        for purpose, state in found["purposes"].items()
    ]
    return [*(f"{name:<16}{text}" for name, text in rows), "ready for", *ready]


def _agreement(back_ends: Mapping[str, Any]) -> str:
    """How far the compiled operator is from the plain sum, and how long its first call took."""
    verdict = "agrees" if back_ends["agree"] else "DISAGREES"
    seconds = back_ends["first_call_seconds"]
    return f"{verdict} to {back_ends['difference']:.1g} in optical depth, first call {seconds} s"
