"""`seatrial check` and `seatrial explain`. What they need is imported when they run: `--help` stays quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

INTRODUCTION = """# The rules of `seatrial check`

Each rule, why it matters, what to do, and the examples that are its tests. `seatrial explain RULE` prints one.
A finding is silenced where it stands by a comment with a reason, `# seatrial: ignore RULE: reason`.
"""


def add_check(commands: Any) -> None:  # noqa: ANN401 - argparse keeps this type private
    """Add the command `check`."""
    check = commands.add_parser("check", help="check a folder of deployment files, nothing running")
    check.add_argument("path", type=Path, nargs="?", default=Path(), metavar="PATH", help="a folder or a file (.)")
    check.add_argument("--format", choices=("text", "json", "sarif", "github"), default="text", help="default: text")
    check.add_argument("--fail-on", choices=("critical", "major", "minor", "never"), default="major",
                       help="exit with 1 if something is as bad as this, or worse (major)")  # fmt: skip
    check.add_argument("--baseline", type=Path, metavar="FILE", help="leave out the findings of this baseline")
    check.add_argument("--write-baseline", type=Path, metavar="FILE", help="write the findings down as a baseline")
    check.add_argument("--no-peers", action="store_true", help="only Seatrial's own rules")
    check.set_defaults(command=_check)


def add_explain(commands: Any) -> None:  # noqa: ANN401 - argparse keeps this type private
    """Add the command `explain`."""
    explain = commands.add_parser("explain", help="a rule: why it matters, what to do, with examples")
    explain.add_argument("rule", nargs="?", metavar="RULE", help="its name; without one, all rules")
    explain.set_defaults(command=_explain)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is the command line


def _check(options: argparse.Namespace) -> int:
    """Check a folder, tell what was found; 1 if something is at or above `--fail-on`."""
    from seatrial.findings.checked import check
    from seatrial.findings.registry import SEVERITIES
    from seatrial.findings.silence import write_baseline
    from seatrial.findings.telling import FORMATS, as_text

    checked = check(options.path, options.baseline, peers=not options.no_peers)
    if options.write_baseline:
        write_baseline(checked.findings, options.write_baseline)
        _say(f"wrote {len(checked.findings)} findings to {options.write_baseline}; use it with --baseline")
        return 0
    text = options.format == "text"
    _say(as_text(checked, colour=sys.stdout.isatty()) if text else FORMATS[options.format](checked))
    grave = SEVERITIES[: SEVERITIES.index(options.fail_on) + 1] if options.fail_on != "never" else ()
    return 1 if any(finding.severity in grave for finding in checked.findings) else 0


def _explain(options: argparse.Namespace) -> int:
    """Print a rule's page, or all of them as one."""
    from seatrial.findings.registry import all_rules

    _say(explained(options.rule) if options.rule else "\n".join([INTRODUCTION, *map(explained, all_rules())]))
    return 0


def explained(name: str) -> str:
    """A rule's page as a part of docs/rules.md. Raises InputError for a name that is none."""
    from seatrial.findings.pages import page_of
    from seatrial.findings.registry import all_rules

    page, rules = page_of(name), all_rules()
    head, _, rest = page.text.partition("\n")
    severity = f"\n\n*{rules[name].severity}*" if name in rules else ""
    body = rest.replace("\n## ", "\n#### ")
    return f"## {head.removeprefix('# ')}{severity}\n{body}"
