"""Threads: order of results, nesting, exceptions, gradient mode, and the same sums as one thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from blase.functional import parallel
from blase.functional.optical_depth import optical_depth, sampling


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(parallel, "thread_count", lambda: request.param)
    parallel._pool.cache_clear()
    yield request.param
    parallel._pool.cache_clear()


def test_results_keep_the_order_of_the_items(threads: int) -> None:
    assert parallel.map_all(lambda x: x**2, range(20)) == [x**2 for x in range(20)]
    assert parallel.map_all(lambda x: x, []) == []


def test_work_split_inside_a_worker_stays_there(threads: int) -> None:
    def inner(_: int) -> str:
        return threading.current_thread().name

    def outer(_: int) -> tuple[str, list[str]]:
        return threading.current_thread().name, parallel.map_all(inner, range(4))

    for name, names in parallel.map_all(outer, range(6)):
        assert set(names) == {name}


def test_the_first_exception_is_raised_and_the_threads_live_on(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        parallel.map_all(lambda x: 1 / x, [1, 0, 2])
    assert parallel.map_all(lambda x: 1 / x, [1, 2]) == [1, 0.5]


def test_gradient_mode_is_that_of_the_caller(threads: int) -> None:
    assert parallel.map_all(lambda _: torch.is_grad_enabled(), range(4)) == [True] * 4
    with torch.no_grad():
        assert parallel.map_all(lambda _: torch.is_grad_enabled(), range(4)) == [False] * 4


def test_nothing_is_split_inside_a_transform(threads: int) -> None:
    seen = []

    def double(x: torch.Tensor) -> torch.Tensor:
        seen.append(parallel.may_split())
        return torch.stack(parallel.map_all(lambda k: k * x, range(3))).sum()

    assert float(torch.func.grad(double)(torch.tensor(2.0))) == 3.0
    assert seen == [False]


def test_shares_cover_everything_once(threads: int) -> None:
    for count in (0, 1, 5, 100, 1000):
        parts = parallel.shares(count, 10)
        assert np.concatenate([np.arange(count)[part] for part in parts]).tolist() == list(range(count))
        assert len(parts) <= threads and (len(parts) == 1 or count // len(parts) >= 10)


def test_optical_depth_and_gradient_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(4)
    grid = sampling(torch.linspace(8600.0, 8640.0, 3000, dtype=torch.float64))
    values = {
        "centre": draw.uniform(8600, 8640, 2000),
        "strength": 10 ** draw.uniform(-3, -1, 2000),
        "sigma": draw.uniform(0.03, 0.07, 2000),
        "gamma": draw.uniform(0.001, 0.02, 2000),
    }
    found = []
    for count in (1, 3):
        monkeypatch.setattr(parallel, "thread_count", lambda count=count: count)
        parallel._pool.cache_clear()
        lines = {name: torch.tensor(v, requires_grad=True) for name, v in values.items()}
        tau = optical_depth(grid, **lines, backend="numba")
        tau.square().sum().backward()
        found.append((tau.detach(), *(p.grad for p in lines.values())))
    parallel._pool.cache_clear()
    for one, three in zip(*found, strict=True):
        torch.testing.assert_close(three, one, rtol=1e-11, atol=1e-13)


def test_counting_the_threads_leaves_those_of_torch_alone() -> None:
    """Numba's own count starts OpenMP with its number of threads, for torch too."""
    ask = (
        "import torch; from blase.functional.parallel import thread_count;"
        "print(torch.get_num_threads(), thread_count(), torch.get_num_threads())"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    told = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, check=True)
    assert told.stdout.split() == [b"1", b"2", b"1"]
