"""`python -m blase.cli` is the command `blase`."""

from __future__ import annotations

import sys

from blase.cli.main import main

sys.exit(main())
