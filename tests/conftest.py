"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, BLASE_SHARED_DATA or `shared/data` beside the repository; skips if absent."""
    folder = Path(os.environ.get("BLASE_SHARED_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set BLASE_SHARED_DATA")
    return folder
