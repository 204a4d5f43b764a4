"""GitHub workflows: jobs, their steps and what they run; when they run, by a table of events and branches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan import expressions
from seatrial.plan.shell import Script

if TYPE_CHECKING:
    from seatrial.plan.nodes import Node

MOST_DEPTH = 5  # of variables that name variables


@dataclass(frozen=True, eq=False)
class Step:
    """A step of a job."""

    node: Node
    job: Job

    @property
    def uses(self) -> str:
        """The action, without its version; empty for a step that runs commands."""
        return self.node.get("uses").text.partition("@")[0]

    @property
    def name(self) -> str:
        """Its name, its action or its first line."""
        return self.node.get("name").text or self.node.get("uses").text or self.run.split("\n", maxsplit=1)[0]

    @property
    def run(self) -> str:
        """Its commands."""
        return self.node.get("run").text

    @property
    def version(self) -> str:
        """The version of its action: a tag, a branch or a commit."""
        return self.node.get("uses").text.partition("@")[2]

    @property
    def inputs(self) -> Node:
        """What it gives to its action."""
        return self.node.get("with")

    def input(self, name: str) -> str:
        """An input of its action, with the variables that are told."""
        return self.filled(self.inputs.get(name).text)

    @cached_property
    def variables(self) -> dict[str, Node]:
        """The variables of its environment: its own, then its job's, then the workflow's."""
        return {**self.job.variables, **dict(self.node.get("env").items())}

    def filled(self, text: str) -> str:
        """A text with `${{ env.NAME }}` replaced where the files tell it."""
        return fill(text, self.variables)

    @property
    def folder(self) -> PurePosixPath | None:
        """Where its commands run, from the folder of the repository; None where nobody can tell."""
        own = (self.node.get("working-directory"), self.job.node.get("defaults", "run", "working-directory"),
               self.job.workflow.node.get("defaults", "run", "working-directory"))  # fmt: skip
        text = self.filled(next((node.text for node in own if node.text), "."))
        return None if "$" in text or text.startswith(("/", "~")) else PurePosixPath(text)

    @cached_property
    def script(self) -> Script | None:
        """Its commands as a script, with the options that GitHub sets; None if it runs none, or another shell."""
        shell = self.node.get("shell").text or self.job.shell
        other = shell and (not shell.split()[0].endswith("sh") or shell.split()[0] == "pwsh")
        if not self.run or other or (not shell and self.job.on_windows):
            return None
        run = self.node.get("run")
        block = "\n" in run.text
        options = _options(shell)
        text = expressions.as_variables(self.filled(run.text))
        given = {name: expressions.as_variables(self.filled(node.text)) for name, node in self.variables.items()}
        return Script(run.file, text, run.line + 1 if block else run.line, options, given)


def _options(shell: str) -> str:
    """The options that GitHub sets: `bash -e {0}` without a word; with `shell: bash` -o pipefail too."""
    words = shell.split()
    if len(words) < 2:
        return "errexit pipefail" if words == ["bash"] else "errexit"
    flags = "".join(word[1:] for word in words[1:] if word.startswith("-") and not word.startswith("--"))
    return " ".join(["errexit"] * ("e" in flags) + ["pipefail"] * ("pipefail" in words))


@dataclass(frozen=True, eq=False)
class Job:
    """A job of a workflow."""

    id: str
    node: Node
    workflow: Workflow

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"job {self.id}"

    @property
    def place(self) -> Node:
        """Where it is named."""
        return self.node

    @property
    def needs(self) -> list[str]:
        """The jobs that it waits for."""
        return self.node.get("needs").texts()

    @property
    def condition(self) -> str:
        """Its `if`, without `${{ }}`."""
        return expressions.condition(self.node.get("if").text)

    @cached_property
    def variables(self) -> dict[str, Node]:
        """The variables of its environment, the workflow's too."""
        return {**dict(self.workflow.node.get("env").items()), **dict(self.node.get("env").items())}

    @property
    def services(self) -> dict[str, Node]:
        """Its service containers."""
        return dict(self.node.get("services").items())

    @property
    def hosted(self) -> bool:
        """Does it run on a machine of GitHub, as far as its label tells?"""
        labels = self.node.get("runs-on").texts()
        return bool(labels) and all(label.startswith(("ubuntu-", "windows-", "macos-")) for label in labels)

    @property
    def on_windows(self) -> bool:
        """May it run on Windows, where the shell is another one?"""
        labels = [*self.node.get("runs-on").walk(), *self.node.get("strategy", "matrix").walk()]
        return any("windows" in node.text.lower() for node in labels)

    @property
    def rights(self) -> Node:
        """The permissions that hold for it: its own, or the workflow's; missing where neither writes any."""
        own = self.node.get("permissions")
        return own if own.written else self.workflow.node.get("permissions")

    def right(self, name: str) -> str:
        """read, write or none; empty where no permissions are written."""
        rights = self.rights
        if not rights.written:
            return ""
        if rights.text:
            return {"write-all": "write", "read-all": "read"}.get(rights.text, "none")
        return rights.get(name).text or "none"

    @property
    def shell(self) -> str:
        """The shell of its steps, where it or the workflow names one."""
        defaults = (self.node.get("defaults", "run", "shell"), self.workflow.node.get("defaults", "run", "shell"))
        return next((node.text for node in defaults if node.text), "")

    @cached_property
    def steps(self) -> list[Step]:
        """Its steps."""
        return [Step(node, self) for node in self.node.get("steps")]

    @property
    def scripts(self) -> list[Script]:
        """What its steps run in a shell."""
        return [step.script for step in self.steps if step.script]

    def needed(self) -> set[str]:
        """All jobs that have to have run before it."""
        found: set[str] = set()
        waiting = list(self.needs)
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.workflow.jobs:
                found.add(name)
                waiting += self.workflow.jobs[name].needs
        return found


def fill(text: str, variables: dict[str, Node], depth: int = 0) -> str:
    """A text with `${{ env.NAME }}` replaced where a variable is told."""

    def look(expression: str) -> str | None:
        name = expression.removeprefix("env.")
        if name == expression or name not in variables:
            return None
        inside = variables[name].text
        return fill(inside, variables, depth + 1) if depth < MOST_DEPTH else inside

    return expressions.filled(text, look)


@dataclass(eq=False)
class Workflow:
    """A workflow file."""

    node: Node

    @property
    def root(self) -> PurePosixPath | None:
        """The folder of its repository; None if it does not stand in `.github/workflows`."""
        parts = self.node.file.parts
        return PurePosixPath(*parts[: parts.index(".github")]) if ".github" in parts else None

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"workflow {self.node.get('name').text or self.node.file}"

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Its jobs by id."""
        return {name: Job(name, node, self) for name, node in self.node.get("jobs").items() if node.is_map}

    @property
    def triggers(self) -> dict[str, Node]:
        """Its events."""
        on = self.node.get("on") if self.node.get("on").written else self.node.get("true")
        if on.is_map:
            return dict(on.items())
        return dict.fromkeys(on.texts(), on)
