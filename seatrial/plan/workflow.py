"""GitHub workflows: jobs, their steps and what they run; when they run, by a table of events and branches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from seatrial.plan.shell import Script

if TYPE_CHECKING:
    from seatrial.plan.nodes import Node


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
    def inputs(self) -> Node:
        """What it gives to its action."""
        return self.node.get("with")

    @cached_property
    def script(self) -> Script | None:
        """Its commands as a script, with the options that GitHub sets; None if it runs none, or another shell."""
        shell = self.node.get("shell").text or self.job.shell
        if not self.run or (shell and not shell.split()[0].endswith("sh")) or shell in ("pwsh", "powershell"):
            return None
        run = self.node.get("run")
        block = "\n" in run.text
        options = (
            "errexit pipefail" if shell.startswith("bash") else "errexit"
        )  # `bash -e {0}`; with `shell: bash` -o pipefail too
        return Script(run.file, run.text, run.line + 1 if block else run.line, options)


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
        return self.node.get("if").text.strip().removeprefix("${{").removesuffix("}}").strip()

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


@dataclass(eq=False)
class Workflow:
    """A workflow file."""

    node: Node

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
