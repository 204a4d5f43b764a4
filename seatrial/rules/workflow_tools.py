"""Rules about the programs that a job runs: does anything install them?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.installs import installed_by
from seatrial.rules.script_flow import short
from seatrial.rules.script_images import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command
    from seatrial.plan.workflow import Job

# Programs that no machine of GitHub has and that pip brings, with the packages that bring them.
_BROUGHT_BY = {
    "pytest": re.compile(r"pytest.*"),
    "coverage": re.compile(r"coverage|pytest-cov"), "flake8": re.compile(r"flake8.*"),
    "ruff": re.compile(r"ruff|.*-ruff"), "mypy": re.compile(r"mypy|.*-mypy"), "black": re.compile(r"black"),
    "alembic": re.compile(r"alembic|flask-migrate"), "tox": re.compile(r"tox.*"), "isort": re.compile(r"isort|pylint"),
    "bandit": re.compile(r"bandit"), "locust": re.compile(r"locust.*"), "pylint": re.compile(r"pylint.*"),
}  # fmt: skip


def _program(command: Command) -> str:
    """The program by its package's name: `python -m pytest` is pytest."""
    words = command.program
    module = re.fullmatch(r"python[\d.]*", command.name) and words[1:2] == ["-m"] and len(words) > 2
    return words[2] if module else command.name


@rule("workflow-command-missing", MAJOR, over=jobs)
def command_missing(job: Job, plan: Plan) -> Iterator[Found]:
    """A command of Python that none of the job's installations brings."""
    if not job.hosted or job.node.get("container").written or job.on_windows:
        return
    told: set[str] = set()
    for number, step in enumerate(job.steps):
        for command in step.script.commands if step.script else ():
            name = _program(command)
            if name not in _BROUGHT_BY or name in told or command.inside("function_definition"):
                continue
            there = installed_by(job, number, command, plan)
            if there is None or any(_BROUGHT_BY[name].fullmatch(each) for each in there[0]):
                continue
            told.add(name)
            lists = f" ({', '.join(there[1])} {'has' if len(there[1]) == 1 else 'have'} no {name})" if there[1] else ""
            said = f"runs {short(command)}, and nothing in {job.id} installs {name}{lists}"
            yield command.place, f"{said}: there is no such command"
