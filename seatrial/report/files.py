"""The deployment files as the page shows them: what was looked at, and each finding with why and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.findings.pages import why_and_mend
from seatrial.findings.registry import SEVERITIES

if TYPE_CHECKING:
    from seatrial.findings.checked import Checked
    from seatrial.findings.registry import Finding
    from seatrial.verdict import Promise


@dataclass(frozen=True)
class FilesView:
    """What was found in the deployment files, and what became of the promise."""

    checked: Checked
    promise: Promise

    @property
    def kinds(self) -> str:
        """`1 compose, 12 kubernetes`."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.checked.kinds.items()))

    @property
    def rows(self) -> list[tuple[Finding, str, str]]:
        """The findings, the gravest first, each with why it matters and what to do."""
        ordered = sorted(self.checked.findings, key=lambda finding: SEVERITIES.index(finding.severity))
        return [(finding, *why_and_mend(finding.rule)) for finding in ordered]
