"""Looking at a plan with all rules: findings, how many objects each rule looked at, and what could not be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Finding, Rule, all_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.plan import Plan

UNREADABLE = "file-unreadable"
BROKEN = "rule-failed"


@dataclass
class Looked:
    """What came of looking."""

    findings: list[Finding] = field(default_factory=list)
    objects: Counter[str] = field(default_factory=Counter)  # how many each rule looked at
    notes: list[str] = field(default_factory=list)  # what was not looked at, and why: a peer that is missing


def look(plan: Plan, rules: Mapping[str, Rule] | None = None) -> Looked:
    """Look at a plan. A rule that fails on an object is a finding of its own, and stops nothing else."""
    looked = Looked(notes=list(plan.notes))
    for rule in (rules or all_rules()).values():
        for thing in rule.over(plan):
            looked.objects[rule.name] += 1
            try:
                looked.findings += rule.look(thing, plan)
            except Exception as error:
                where = getattr(thing, "label", type(thing).__name__)
                said = f"the rule {rule.name} failed on {where}: {type(error).__name__}: {error}"[:300]
                looked.findings.append(Finding("", 1, BROKEN, MAJOR, said, ""))
    for problem in plan.problems:
        file, line = str(problem.place.file), problem.place.line
        looked.findings.append(Finding(file, line, UNREADABLE, MAJOR, problem.why, ""))
    looked.findings = sorted(set(looked.findings))
    return looked
