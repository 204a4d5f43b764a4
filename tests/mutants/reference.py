"""The reference deployment in memory, and what is found in it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from seatrial.findings.checking import look
from seatrial.findings.schemas import schema_findings
from seatrial.findings.silence import silenced, without_reason
from seatrial.plan import plan_of

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "insitechart"


@cache
def _texts():
    paths = (path for path in sorted(FOLDER.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(FOLDER).as_posix(): path.read_text() for path in paths}


def reference():
    """Its files: name and text."""
    return dict(_texts())


def findings_of(files):
    """What is found in these files and not silenced, peers that are programs left out."""
    plan = plan_of(files)
    stay, _ = silenced([*look(plan).findings, *schema_findings(plan)[0]], plan)
    return [*stay, *without_reason(plan)]
