"""Names of images as pipelines, scripts and manifests write them: are two the same, and where does one stand?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.jobs import pushes
from seatrial.plan.kubectl import Call, kube_calls
from seatrial.plan.shell_values import values_of

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.files import Place
    from seatrial.plan.jobs import Push
    from seatrial.plan.nodes import Node
    from seatrial.plan.shell import Script

_UNTOLD = re.compile(r"\$\{\{.*?\}\}|\$\{[^}]*\}|\$\([^)]*\)|\$\w+")


@dataclass(frozen=True)
class SetImage:
    """An image that a script gives to a container."""

    call: Call
    container: str
    image: str  # filled
    written: str

    @property
    def place(self) -> Place:
        """Where it is written."""
        return self.call.where(self.written)


def parts(image: str) -> tuple[str, str]:
    """An image's repository and tag; each may have parts that only the run tells."""
    bare = image.partition("@")[0]
    masked = _UNTOLD.sub(lambda match: "\0" * len(match[0]), bare)
    cut = masked.rfind(":")
    return (bare[:cut], bare[cut + 1 :]) if cut > masked.rfind("/") else (bare, "")


def whole(repository: str) -> str:
    """A repository with its registry: docker.io where it names none."""
    first, slash, _ = repository.partition("/")
    if "$" in first:
        return repository
    if slash and ("." in first or ":" in first or first == "localhost"):
        return repository
    return f"docker.io/{repository}" if slash else f"docker.io/library/{repository}"


def same(one: str, other: str) -> bool:
    """May two repositories be the same?"""
    if one.startswith("$") or other.startswith("$"):
        return True
    one, other = whole(one).lower(), whole(other).lower()
    if _UNTOLD.search(one) and _UNTOLD.search(other):
        return one.partition("/")[0] == other.partition("/")[0]
    return _fits(one, other) or _fits(other, one)


def _fits(pattern: str, text: str) -> bool:
    pieces = [re.escape(piece) for piece in _UNTOLD.split(pattern)]
    return re.fullmatch(".+".join(pieces), text) is not None


def shown(image: str) -> str:
    """A repository as a message names it."""
    return _UNTOLD.sub(lambda match: f"<{match[0].strip('${} ').removeprefix('expr_')}>", image)


def set_images(script: Script) -> list[SetImage]:
    """The images that a script sets."""
    found = []
    for call in kube_calls(script):
        for word in call.words if call.verb == "set image" else ():
            name, equals, written = word.partition("=")
            if equals and not name.startswith("-"):
                image = values_of(script).filled(written)
                found.append(SetImage(call, values_of(script).filled(name), image, written))
    return found


@lru_cache(maxsize=2)
def all_pushes(plan: Plan) -> list[Push]:
    """What all workflows push."""
    return [push for workflow in plan.workflows for job in workflow.jobs.values() for push in pushes(job) if push.image]


@lru_cache(maxsize=2)
def all_set_images(plan: Plan) -> list[SetImage]:
    """What all scripts set."""
    return [each for script in plan.all_scripts for each in set_images(script)]


def written_at(push: Push) -> Node:
    """Where the repository of a pushed image is written: the variable that holds it, where it is one."""
    return _variable_at(push.node, push, parts(push.node.text)[0], 0)


def _variable_at(node: Node, push: Push, repository: str, depth: int) -> Node:
    match = re.fullmatch(r"\s*\$\{\{\s*env\.(\w+)\s*\}\}\s*", repository)
    inner = push.step.variables.get(match[1]) if match else None
    return node if inner is None or depth > 5 else _variable_at(inner, push, parts(inner.text)[0], depth + 1)


def tag_form(tag: str) -> str:
    """A tag by where it comes from: `sha`, `short sha`, `ref`, a text; empty where nobody can tell."""
    text = re.sub(r"\s+", "", tag)
    text = re.sub(r"\$\{\{github\.sha\}\}|\$\{?GITHUB_SHA\}?$|\$\{?GITHUB_SHA\}", "<sha>", text)
    text = re.sub(r"\$\{\{shortsha\}\}|\$\{GITHUB_SHA:0?:7\}", "<short sha>", text)
    text = re.sub(r"\$\{\{github\.ref_name\}\}|\$\{?GITHUB_REF_NAME\}?", "<ref>", text)
    return "" if "$" in text or not text else text
