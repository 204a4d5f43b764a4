"""A case for each rule and object, so that `pytest suites/static` says the same as `seatrial check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from seatrial.errors import SeatrialError
from seatrial.findings.checked import check
from seatrial.findings.promise import place_and_message
from seatrial.findings.registry import MINOR, all_rules
from seatrial.findings.silence import beyond, silenced
from seatrial.plan import read_plan
from seatrial.settings_file import settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.findings.registry import Rule
    from seatrial.plan import Plan


@dataclass(frozen=True)
class Case:
    """A rule, and an object that it looks at."""

    rule: Rule
    thing: Any  # an object of the plan
    plan: Plan
    known: Path | None  # a baseline

    @property
    def id(self) -> str:
        """`kube-probe-absent-container redis of Deployment insitechart/redis`."""
        return f"{self.rule.name}-{getattr(self.thing, 'label', type(self.thing).__name__)}"

    def findings(self) -> list[str]:
        """What is wrong, as `file:line: message`; what is minor or silenced is left out."""
        stay, _ = silenced(self.rule.look(self.thing, self.plan), self.plan)
        grave = [finding for finding in stay if finding.severity != MINOR]
        new, _ = beyond(grave, self.known) if self.known else (grave, 0)
        return [f"{finding.file}:{finding.line}: {finding.message}" for finding in new]


def cases_of(folder: Path, known: Path | None = None) -> list[Case]:
    """Every case of a folder. Raises InputError if there is none."""
    plan = read_plan(folder)
    return [Case(rule, thing, plan, known) for rule in all_rules().values() for thing in rule.over(plan)]


def rest_of(folder: Path, known: Path | None = None) -> list[str]:
    """What is grave and found by no rule of ours: by tools and schemas, files that cannot be read, empty silences."""
    found = check(folder, known).findings
    return [place_and_message(each) for each in found if each.severity != MINOR and each.rule not in all_rules()]


def generate(metafunc: pytest.Metafunc) -> None:
    """A spec that asks for `static_case` runs once for each rule and each object of the deployment's files."""
    config = metafunc.config
    try:
        settings = settings_for(config.invocation_params.dir, config.getoption("--settings"))
        cases = cases_of(settings.root / settings.files, settings.known_findings)
    except SeatrialError as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize("static_case", cases, ids=[case.id for case in cases])
