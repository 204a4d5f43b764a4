"""What starts a workflow: the events and refs that its `on` delivers, and which of its jobs each of them runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan import expressions
from seatrial.plan.expressions import UNKNOWN, evaluate, literals, truthy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.nodes import Node
    from seatrial.plan.workflow import Job, Workflow

_KNOWN = ("push", "pull_request", "pull_request_target", "schedule", "workflow_dispatch")


@dataclass(frozen=True)
class Event:
    """Something that starts a workflow."""

    name: str
    ref: str = ""  # empty where nobody can tell

    @property
    def values(self) -> dict[str, str]:
        """What the contexts hold then."""
        found = {"github.event_name": self.name}
        if self.ref:
            kind = "tag" if self.ref.startswith("refs/tags/") else "branch"
            short = re.sub(r"^refs/(?:heads|tags)/", "", self.ref)
            if self.name.startswith("pull_request"):
                found |= {"github.ref": "refs/pull/1/merge", "github.ref_name": "1/merge", "github.base_ref": short}
            else:
                found |= {"github.ref": self.ref, "github.ref_name": short, "github.ref_type": kind}
                found |= {"github.base_ref": "", "github.head_ref": ""}
        return found


def events(workflow: Workflow) -> list[Event]:
    """The events of a workflow, with a ref of each kind that its conditions tell apart."""
    names = list(dict.fromkeys(_names(workflow)))
    found: list[Event] = []
    for name, node in workflow.triggers.items():
        if name == "push":
            found += [Event(name, ref) for ref in _refs(node, names)]
        elif name in ("pull_request", "pull_request_target"):
            branches = [each for each in names if _passes(each, node, "branches")]
            found += [Event(name, f"refs/heads/{each}") for each in branches]
        else:
            found.append(Event(name))
    return found


def told(workflow: Workflow) -> bool:
    """Are all its events of a kind whose contexts are known?"""
    return all(name in _KNOWN for name in workflow.triggers)


def _names(workflow: Workflow) -> Iterator[str]:
    """Names of branches and tags that may make a difference."""
    yield from ("main", "master", "develop", "other/branch", "v1.0.0", "1.0.0")
    conditions = [job.condition for job in workflow.jobs.values()]
    conditions += [step.node.get("if").text for job in workflow.jobs.values() for step in job.steps]
    texts = [text for each in conditions for text in literals(each)]
    for trigger in workflow.triggers.values():
        for key in ("branches", "tags"):
            texts += [text.removeprefix("!") for text in trigger.get(key).texts()]
    for text in texts:
        short = re.sub(r"^refs/(?:heads|tags)/", "", text)
        if short and len(short) < 100:
            yield (
                re.sub(r"\[[^]]*\]\+?", "1", short)
                .replace("**", "x")
                .replace("*", "x")
                .replace("+", "")
                .replace("?", "")
            )
            yield f"{short.rstrip('*')}1.0.0"


def _refs(node: Node, names: list[str]) -> list[str]:
    branch_filter = node.get("branches").written or node.get("branches-ignore").written
    tag_filter = node.get("tags").written or node.get("tags-ignore").written
    found = []
    if branch_filter or not tag_filter:
        found += [f"refs/heads/{name}" for name in names if _passes(name, node, "branches")]
    if tag_filter or not branch_filter:
        found += [f"refs/tags/{name}" for name in names if _passes(name, node, "tags")]
    return found


def _passes(name: str, node: Node, key: str) -> bool:
    wanted, ignored = node.get(key), node.get(f"{key}-ignore")
    if ignored.written and any(matches(name, pattern) for pattern in ignored.texts()):
        return False
    if not wanted.written:
        return True
    passes = False
    for pattern in wanted.texts():
        if matches(name, pattern.removeprefix("!")):
            passes = not pattern.startswith("!")
    return passes


def matches(name: str, pattern: str) -> bool:
    """GitHub's patterns of refs: `*` within a part, `**` anything, `?`, `+`, `[a-z]`."""
    parts = re.split(r"(\*\*|\*|\?|\+|\[[^]]*\])", pattern)
    special = {"**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    text = "".join(special.get(part, part if part.startswith("[") else re.escape(part)) for part in parts)
    try:
        return re.fullmatch(text, name) is not None
    except re.error:
        return True


def runs_on(job: Job, event: Event, depth: int = 0) -> bool | None:
    """Does an event run a job? None where nobody can tell."""
    text = job.node.get("if").text
    own = evaluate(expressions.condition(text), event.values) if text else True
    verdict = None if own is UNKNOWN else truthy(own)
    if verdict is False or depth > 20 or re.search(r"\b(always|cancelled|failure)\s*\(", text):
        return verdict
    for name in job.needs:
        other = job.workflow.jobs.get(name)
        needed = runs_on(other, event, depth + 1) if other else None
        if needed is False:
            return False
        verdict = None if needed is None else verdict
    return verdict
