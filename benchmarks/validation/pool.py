"""Make what is not there yet, in processes of one thread each; every result is saved once it is there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from blase.containers.atomic import atomic_file
from blase.containers.json_text import to_text
from validation.record import Record, save


def make_missing(
    numbers: Iterable[int], folder: Path, draw: Callable[..., Record], settings: dict[str, Any], *, jobs: int
) -> None:
    """Call `draw(number, **settings)` for those of `numbers` of which `folder` has no record, `jobs` at once.

    Ends the program where the records that are there were made with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _require_same(folder / "settings.json", settings)
    missing = [number for number in numbers if not record_path(folder, number).is_file()]
    if not missing:
        return
    with _one_thread_each(), ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(draw, number, **settings): number for number in missing}
        try:
            for count, done in enumerate(as_completed(futures), start=1):
                save(record_path(folder, futures[done]), done.result())
                print(f"{folder.name}: {count} of {len(missing)} draws are done", file=sys.stderr)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def record_path(folder: Path, number: int) -> Path:
    """Where the record of a draw lies."""
    return folder / f"{number:05d}.npz"


def _require_same(path: Path, settings: dict[str, Any]) -> None:
    """Note the settings in `path`, or end the program where others stand there."""
    text = to_text(settings)
    if not path.is_file():
        with atomic_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    elif json.loads(path.read_text(encoding="utf-8")) != json.loads(text):
        sys.exit(f"{path.parent}: made with other settings than {text}; give another -o")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside use one thread each."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
