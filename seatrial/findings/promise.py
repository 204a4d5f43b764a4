"""The deployment files among the promises of a verification: nothing critical or major is wrong with them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seatrial.findings.peers import FAILED
from seatrial.findings.registry import MINOR, SEVERITIES
from seatrial.verdict import FILES, Outcome, Promise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.findings.checked import Checked
    from seatrial.findings.registry import Finding

SCENARIO, NAME = "check", "nothing critical or major"


def promise_of(checked: Checked) -> Promise | None:
    """FAIL if a finding is critical or major, INCONCLUSIVE if a tool failed, else PASS; None where no file was read."""
    if not checked.kinds:
        return None
    grave = [finding for finding in checked.findings if finding.severity != MINOR]
    proof = (*map(place_and_message, grave), *checked.notes)
    outcome, reason = Outcome.PASS, f"{checked.kinds.total()} files were looked at: {counted(checked.findings)}"
    if grave:
        more = f", and {len(grave) - 1} more" if len(grave) > 1 else ""
        outcome, reason = Outcome.FAIL, f"{place_and_message(_gravest(grave))}{more}"
    elif failures := [note for note in checked.notes if FAILED in note]:
        outcome, reason = Outcome.INCONCLUSIVE, failures[0]
    return Promise(NAME, SCENARIO, FILES, outcome, reason, 0.0, float(len(grave)), unit="count", proof=proof)


def counted(findings: Iterable[Finding]) -> str:
    """`2 critical, 1 minor`, or `nothing found`."""
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity]) or "nothing found"


def place_and_message(finding: Finding) -> str:
    """`k8s/app.yaml:12: critical: Deployment app: what is wrong [rule]`."""
    resource = f"{finding.resource}: " if finding.resource else ""
    return f"{finding.file}:{finding.line}: {finding.severity}: {resource}{finding.message} [{finding.rule}]"


def _gravest(findings: list[Finding]) -> Finding:
    return min(findings, key=lambda finding: SEVERITIES.index(finding.severity))
