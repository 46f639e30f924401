"""`blase templates`: which templates there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

templates = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@templates.callback()
def templates_options() -> None:
    """List templates: those that need no file, those in the cache, and those of a folder.

    \b
    Example:
      blase templates list ~/phoenix
    """  # noqa: D301


@templates.command(name="list")
def list_templates(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="A local library, looked through with its folders."),
    ] = None,
) -> None:
    """Show templates that can be given as --star, with their parameters.

    \b
    Example:
      blase templates list ~/phoenix
      blase clone 'library:~/phoenix?teff=3900&logg=4.5&feh=0' -o star
    """  # noqa: D301
    from blase.templates.catalogue import catalogue_lines

    print("\n".join(catalogue_lines(folder)))
