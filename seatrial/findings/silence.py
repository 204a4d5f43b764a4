"""Findings that a team has decided to live with: by a comment with a reason where they stand, or by a baseline.

    image: redis:7-alpine   # seatrial: ignore kube-image-digest: the registry's tags are immutable

The comment stands on the line of the finding or alone on the line above it. Without a reason it silences nothing and
is a finding itself. A baseline is a JSON file of findings that were there when a team began; lines may move.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from seatrial.errors import InputError
from seatrial.findings.registry import MAJOR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from seatrial.plan import Plan

NAME = "silence-without-reason"
_COMMENT = re.compile(
    r"(?:#|//|<!--|;)\s*seatrial:\s*ignore\s+(?P<rules>[A-Za-z0-9_.:/,-]*[A-Za-z0-9])\s*(?:[:,-]+\s+(?P<reason>[^\s].*?))?\s*(?:-->)?\s*$"
)


def silenced(findings: Iterable[Finding], plan: Plan) -> tuple[list[Finding], list[Finding]]:
    """The findings that stay, and those that a comment silences."""
    stay: list[Finding] = []
    quiet: list[Finding] = []
    for finding in findings:
        (quiet if _is_silenced(finding, plan) else stay).append(finding)
    return stay, quiet


def without_reason(plan: Plan) -> list[Finding]:
    """A finding for each comment that gives no reason."""
    found = []
    for path in plan.kinds:
        source = plan.sources[path]
        if "seatrial:" not in source.text:
            continue
        for number, line in enumerate(source.lines, start=1):
            if (match := _COMMENT.search(line)) and not match["reason"]:
                message = f"silences {match['rules']} without a reason, and so does not"
                found.append(Finding(str(path), number, NAME, MAJOR, message, ""))
    return found


def _is_silenced(finding: Finding, plan: Plan) -> bool:
    source = plan.sources.get(PurePosixPath(finding.file))
    if source is None or "seatrial:" not in source.text:
        return False
    return finding.rule in _rules_on(source.line(finding.line)) or _above(source.lines, finding)


def _above(lines: list[str], finding: Finding) -> bool:
    """A block of comment lines directly above the line."""
    number = finding.line - 1
    while number > 0 and lines[number - 1].lstrip().startswith(("#", "//", "<!--", ";")):
        if finding.rule in _rules_on(lines[number - 1]):
            return True
        number -= 1
    return False


def _rules_on(line: str) -> list[str]:
    match = _COMMENT.search(line)
    return match["rules"].split(",") if match and match["reason"] else []


def write_baseline(findings: Iterable[Finding], path: Path) -> None:
    """Write the findings down."""
    entries = [{"rule": f.rule, "file": f.file, "resource": f.resource, "message": f.message} for f in sorted(findings)]
    path.write_text(
        json.dumps({"seatrial-baseline": 1, "findings": entries}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def beyond(findings: Iterable[Finding], path: Path) -> tuple[list[Finding], int]:
    """The findings that are not in the baseline, and how many of it are gone. Raises InputError if it is none."""
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        known = Counter((e["rule"], e["file"], e["resource"], e["message"]) for e in value["findings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "a baseline that `--write-baseline` wrote", getattr(error, "strerror", None) or str(error), path
        ) from None
    new = []
    for finding in findings:
        key = (finding.rule, finding.file, finding.resource, finding.message)
        if known[key] > 0:
            known[key] -= 1
        else:
            new.append(finding)
    return new, sum(known.values())
