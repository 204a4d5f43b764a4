"""How findings are told: to people, as JSON, as SARIF for code scanning, as annotations of a GitHub workflow."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from seatrial import __version__
from seatrial.errors import InputError
from seatrial.findings.pages import page_of, why_and_mend
from seatrial.findings.promise import counted
from seatrial.findings.registry import CRITICAL, MAJOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.findings.checked import Checked
    from seatrial.findings.registry import Finding

_LEVELS = {CRITICAL: "error", MAJOR: "warning"}  # of SARIF; what is minor is a note
_COMMANDS = {CRITICAL: "error", MAJOR: "warning"}  # of GitHub; what is minor is a notice
_COLOURS = {CRITICAL: "\x1b[1;31m", MAJOR: "\x1b[33m"}
_SCHEMA = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/main/sarif-2.1/schema/sarif-schema-2.1.0.json"


def as_text(checked: Checked, *, colour: bool = False) -> str:
    """Findings by file, each with why it matters and what to do, then a summary."""
    lines: list[str] = []
    for file, findings in groupby(checked.findings, key=lambda finding: finding.file):
        lines += [file or "(all files)", *(line for finding in findings for line in _told(finding, colour=colour)), ""]
    return "\n".join([*lines, *_summary(checked)])


def _told(finding: Finding, *, colour: bool) -> list[str]:
    severity = f"{_COLOURS.get(finding.severity, '')}{finding.severity}\x1b[0m" if colour else finding.severity
    resource = f"{finding.resource}: " if finding.resource else ""
    why, mend = why_and_mend(finding.rule)
    told = [f"  {finding.line}: {severity}: {resource}{finding.message}  [{finding.rule}]"]
    return told + [f"      {text}" for text in (why, f"do: {mend}" if mend else "") if text]


def _summary(checked: Checked) -> list[str]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(checked.kinds.items())) or "no deployment file"
    lines = [f"{counted(checked.findings)} in {kinds}; {checked.left_alone} other files left alone"]
    if checked.silenced:
        lines.append(f"{checked.silenced} silenced by comments")
    if checked.known or checked.gone:
        lines.append(
            f"{checked.known} known from the baseline" + (f", {checked.gone} of it gone" if checked.gone else "")
        )
    return [*lines, *(f"note: {note}" for note in checked.notes)]


def as_json(checked: Checked) -> str:
    """The contract: findings, and how many files of each kind were looked at."""
    findings = [finding.as_json() for finding in checked.findings]
    document = {"findings": findings, "checked": dict(sorted(checked.kinds.items())),
                "silenced": checked.silenced, "left_alone": checked.left_alone, "notes": checked.notes}  # fmt: skip
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_sarif(checked: Checked) -> str:
    """SARIF 2.1.0; paths are relative to the folder that was checked."""
    names = sorted({finding.rule for finding in checked.findings})
    driver = {
        "name": "Seatrial",
        "version": __version__,
        "semanticVersion": __version__,
        "informationUri": "https://pypi.org/project/seatrial/",
        "rules": [_sarif_rule(name, checked.findings) for name in names],
    }
    results = [_sarif_result(finding, names.index(finding.rule)) for finding in checked.findings]
    run: dict[str, Any] = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _sarif_rule(name: str, findings: Sequence[Finding]) -> dict[str, Any]:
    severity = next(finding.severity for finding in findings if finding.rule == name)
    told: dict[str, Any] = {"id": name, "defaultConfiguration": {"level": _LEVELS.get(severity, "note")}}
    try:
        page = page_of(name)
    except InputError:
        return told
    markdown = f"{page.why}\n\n**Mend:** {page.mend}"
    return told | {
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.why},
        "help": {"text": f"{page.why} {page.mend}", "markdown": markdown},
    }


def _sarif_result(finding: Finding, number: int) -> dict[str, Any]:
    resource = f"{finding.resource}: " if finding.resource else ""
    location = {"artifactLocation": {"uri": finding.file or "."}, "region": {"startLine": max(finding.line, 1)}}
    return {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": f"{resource}{finding.message}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"seatrial/v1": finding.fingerprint},
    }


def as_github(checked: Checked) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    lines = []
    for finding in checked.findings:
        command = _COMMANDS.get(finding.severity, "notice")
        resource = f"{finding.resource}: " if finding.resource else ""
        place = f"file={_property(finding.file)},line={finding.line},title={_property(finding.rule)}"
        lines.append(f"::{command} {place}::{_data(resource + finding.message)}")
    return "\n".join([*lines, *_summary(checked)])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS = {"text": as_text, "json": as_json, "sarif": as_sarif, "github": as_github}
