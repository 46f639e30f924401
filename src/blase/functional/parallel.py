"""Work shared between threads: compiled loops and torch release the interpreter, so threads are enough.

Orders are independent of each other, and so are lines. Whoever splits first gets the threads; work that is
split again inside a worker runs there one piece after the other. Results come back in the order of the items,
so that sums do not depend on timing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numba
import torch

from blase.functional import first_calls  # noqa: F401

Item = TypeVar("Item")
Result = TypeVar("Result")

_inside = threading.local()


def thread_count() -> int:
    """Number of threads: the cores that are there, or NUMBA_NUM_THREADS.

    Asking numba's own threads would start them, and undo OMP_NUM_THREADS for torch too.
    """
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@cache
def _pool() -> ThreadPoolExecutor:
    """The threads; torch would give each of them a team of its own, and they would wait for each other."""
    alone = torch.get_num_threads()
    pool = ThreadPoolExecutor(thread_count(), "blase", initializer=torch.set_num_threads, initargs=(1,))
    for started in [pool.submit(torch.get_num_threads) for _ in range(thread_count())]:
        started.result()
    torch.set_num_threads(alone)
    return pool


def may_split() -> bool:
    """Whether `map_all` would run side by side now."""
    busy = getattr(_inside, "busy", False) or torch._C._are_functorch_transforms_active()
    return thread_count() > 1 and not busy


def map_all(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`function` of all `items`, in their order; the first exception is raised."""
    listed = list(items)
    if len(listed) < 2 or not may_split():
        return [function(item) for item in listed]
    gradient = torch.is_grad_enabled()

    def work(item: Item) -> Result:
        _inside.busy = True
        try:
            with torch.set_grad_enabled(gradient):
                return function(item)
        finally:
            _inside.busy = False

    return list(_pool().map(work, listed))


def shares(count: int, smallest: int) -> list[slice]:
    """Slices of `count` items for the threads there are, none with fewer than `smallest`."""
    parts = max(1, min(thread_count(), count // smallest)) if may_split() else 1
    return [slice(k * count // parts, (k + 1) * count // parts) for k in range(parts)]
