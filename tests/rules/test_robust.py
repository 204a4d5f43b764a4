"""Spoilt files: a finding or a clear line, never a traceback, never a hang, never much memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILES, PARTS = 10_000, 20
LONGEST_S, MOST_KILOBYTES = 5.0, 500_000
PART = Path(__file__).parent / "spoilt_part.py"


@pytest.mark.parametrize("part", range(PARTS))
def test_no_spoilt_file_breaks_anything(part):
    """Each alone, as far as it is still recognised; no rule fails on it."""
    command = [sys.executable, str(PART), str(part), str(FILES // PARTS), str(LONGEST_S)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout) < MOST_KILOBYTES
