"""`seatrial check`: read, look with all rules and peers, leave out what is silenced or known, and say what is left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.findings.checking import look
from seatrial.findings.silence import beyond, silenced, without_reason
from seatrial.plan import read_plan

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.findings.registry import Finding
    from seatrial.plan import Plan


@dataclass
class Checked:
    """What `seatrial check` has to say."""

    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)  # files of each kind that were looked at
    left_alone: int = 0
    silenced: int = 0
    known: int = 0  # findings of the baseline
    gone: int = 0  # entries of the baseline that are no finding any more
    notes: list[str] = field(default_factory=list)


def check(root: Path, baseline: Path | None = None, *, peers: bool = True) -> Checked:
    """Check a folder. Raises InputError if there is none, or if the baseline is none."""
    plan = read_plan(root)
    looked = look(plan)
    findings, notes = looked.findings, looked.notes
    if peers:
        from seatrial.findings.peers import ask_peers

        others, more = ask_peers(plan, root, findings)
        findings, notes = sorted([*findings, *others]), [*notes, *more]
    return _told(plan, findings, notes, baseline)


def _told(plan: Plan, findings: list[Finding], notes: list[str], baseline: Path | None) -> Checked:
    stay, quiet = silenced(findings, plan)
    stay = sorted([*stay, *without_reason(plan)])
    new, gone = beyond(stay, baseline) if baseline else (stay, 0)
    kinds = Counter(plan.kinds.values())
    return Checked(new, kinds, plan.left_alone, len(quiet), len(stay) - len(new), gone, notes)
