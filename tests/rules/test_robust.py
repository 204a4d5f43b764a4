"""Spoilt files: a finding or a clear line, never a traceback, never a hang, never much memory."""

from __future__ import annotations

import resource
import time

import pytest
from mutation import spoilt

from seatrial.findings.checking import BROKEN, look
from seatrial.plan import plan_of

FILES, PARTS = 10_000, 20
LONGEST_S, MOST_KILOBYTES = 5.0, 500_000


@pytest.mark.parametrize("part", range(PARTS))
def test_no_spoilt_file_breaks_anything(part):
    """Each alone, as far as it is still recognised; no rule fails on it."""
    for what, name, content in spoilt(FILES // PARTS, seed=part):
        began = time.monotonic()
        looked = look(plan_of({name: content}))
        assert time.monotonic() - began < LONGEST_S, what
        broken = [finding.message for finding in looked.findings if finding.rule == BROKEN]
        assert broken == [], what
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MOST_KILOBYTES
