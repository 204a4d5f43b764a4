"""How many defects of unknown repositories does `seatrial check` find, and what does it say besides?

    python bench/recall.py [--missed] [--besides]

`bench/teams/` holds three repositories after the plan, each written by somebody who knew no rule, with every defect
that its author knows of (`answers.json`: file, lines, what and why) and what only looks wrong. A defect counts as
found if a finding names its file and one of its lines; some are told elsewhere, so the figure is a lower bound.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from seatrial.findings.checked import check

TEAMS = Path(__file__).resolve().parent / "teams"


def places(defect):
    """The places at which a person would look: file and line."""
    lines = [defect.get("line"), *(defect.get("lines") or [])]
    found = {(defect["file"], line) for line in lines if isinstance(line, int)}
    for other in defect.get("also") or []:
        if isinstance(other, dict):
            found |= {(other["file"], line) for line in [other.get("line"), *(other.get("lines") or [])] if line}
        elif ":" in other:
            file, _, line = other.rpartition(":")
            found.add((file, int(line)))
    return found


def look(team, options):
    """Print the figures of one repository."""
    findings = check(team / "files").findings
    told = {(finding.file, finding.line) for finding in findings}
    defects = json.loads((team / "answers.json").read_text())["defects"]
    missed = [defect for defect in defects if not places(defect) & told]
    grave = [defect for defect in defects if defect["severity"] == "critical"]
    critical = len(grave) - sum(defect in grave for defect in missed)
    told_of = f"{len(defects) - len(missed)} of {len(defects)} found, {critical} of {len(grave)} critical ones"
    print(f"{team.name}: {told_of}; {len(findings)} findings")
    if options.missed:
        for defect in missed:
            print(f"  missed: {defect['severity']} {defect['file']}:{defect.get('line')} {defect['what']}")
    if options.besides:
        known = set().union(*map(places, defects))
        for each in (each for each in findings if (each.file, each.line) not in known):
            print(f"  besides: {each.severity} {each.file}:{each.line} {each.message} [{each.rule}]")


def main():
    """Each repository."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missed", action="store_true", help="list what is not found")
    parser.add_argument("--besides", action="store_true", help="list what is said and is no answer: is it true?")
    options = parser.parse_args()
    for team in sorted(TEAMS.iterdir()):
        look(team, options)


if __name__ == "__main__":
    main()
