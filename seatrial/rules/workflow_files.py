"""Rules about the files that workflows name: scripts, their arguments, requirements, tests, folders."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.compose import normal
from seatrial.plan.jobs import Run, is_test, step_runs
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.parameters import accepted, parameters
from seatrial.plan.shell_flow import fails, reached
from seatrial.plan.shell_values import filled
from seatrial.plan.shell_words import text_of
from seatrial.rules.script_images import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.files import Place
    from seatrial.plan.nodes import Node
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.workflow import Job, Step

_PATH = re.compile(r"(?:\./)?[\w.-]+(?:/[\w.-]+)*/?")
_READ = (".py", ".txt", ".toml", ".cfg", ".ini", ".yml", ".yaml", ".sh", ".bash", ".json", ".conf")
_VALUED = frozenset({
    "-k", "-m", "-n", "-c", "-p", "-o", "-W", "-r", "--cov", "--maxfail", "--timeout", "--durations", "--tb", "--html",
    "--log-level", "--junitxml", "--junit-xml", "--cov-report", "--cov-config", "--ignore", "--deselect", "--rootdir",
})  # fmt: skip
_CODE = (".py", ".txt", ".toml", ".cfg", ".ini")  # files of the application, which need not lie beside the deployment


@lru_cache(maxsize=2)
def _folders(plan: Plan) -> set[PurePosixPath]:
    return {parent for path in plan.sources for parent in path.parents}


@lru_cache(maxsize=2)
def _has_code(plan: Plan) -> bool:
    return any(path.suffix == ".py" for path in plan.sources)


def _missing(step: Step, text: str, plan: Plan) -> bool:
    """Is a file or folder of the repository not there?"""
    root, folder = step.job.workflow.root, step.folder
    if root is None or folder is None or not _PATH.fullmatch(text) or text.startswith(".."):
        return False
    if _asked_for(step, text.removeprefix("./")):
        return False
    path = normal(root / folder / text)
    if path in plan.sources or path in _folders(plan):
        return False
    return not _made_before(step, PurePosixPath(text).name) and (_has_code(plan) or path.suffix not in (*_CODE, ""))


def _asked_for(step: Step, text: str) -> bool:
    """Does the step ask whether the file is there?"""
    asks = rf"(?:(?:\[|\btest)\s+!?\s*-[efdsr]\s+|hashFiles\(\s*)[\"']?(?:\./)?{re.escape(text)}"
    return bool(re.search(asks, f"{step.run} {step.node.get('if').text}"))


def _made_before(step: Step, name: str) -> bool:
    """May an earlier step, or this one, make or fetch it?"""
    for each in step.job.steps:
        fetches = each.node.get("uses").text and not re.match(r"actions/(?:checkout|setup-|cache)|docker/", each.uses)
        if (
            fetches
            or each.inputs.get("repository").written
            or (each.inputs.get("path").written and each.uses == "actions/checkout")
        ):
            return True
        if re.search(
            rf"(?:>|mkdir|\bcp\b|\bmv\b|-o|curl|wget|git clone|tee|touch|unzip|tar)\s[^\n]*{re.escape(name)}", each.run
        ):
            return True
        if re.search(
            r"git clone|git submodule|unzip|tar\s+-?x|cookiecutter|poetry export|pip-compile|pip freeze", each.run
        ):
            return True
        if each is step:
            return False
    return False


def _named(step: Step) -> Iterator[tuple[Node | Place, str, str]]:
    """The files that a step names: place, path, what for."""
    for command in step.script.commands if step.script else ():
        yield from ((command.place, path, what) for path, what in _of_command(command))
    for call in kube_calls(step.script) if step.script else ():
        file = call.option("-f", "--filename")
        if file and call.verb in ("apply", "create", "replace", "delete"):
            yield call.place, file[0].rstrip("/") or ".", "applies"
    if step.uses == "docker/build-push-action":
        for key in ("context", "file"):
            text = step.input(key)
            if text and "$" not in text and "://" not in text and text != ".":
                yield step.inputs.get(key), text, "builds"


def _of_command(command: Command) -> Iterator[tuple[str, str]]:
    """The files that pip, pytest and python are given."""
    words = [filled(command, word) for word in command.program]
    if "install" in words:
        yield from ((path, "installs") for flag, path in pairwise(words) if flag in ("-r", "--requirement"))
    if is_test(command) and command.name in ("pytest", "py.test"):
        yield from ((word.partition("::")[0], "tests") for word in _operands(words))
    elif command.name.startswith("python") and len(words) > 1 and words[1].endswith(".py"):
        yield words[1], "runs"


def _operands(words: list[str]) -> list[str]:
    """The words of pytest that are paths."""
    return [word for before, word in pairwise(words) if not word.startswith("-") and before not in _VALUED]


@rule("workflow-file-missing", CRITICAL, over=jobs)
def file_missing(job: Job, plan: Plan) -> Iterator[Found]:
    """A file of the repository that is not there."""
    for step in job.steps:
        for run in step_runs(step, plan):
            if run.script is None and _missing(step, run.path, plan):
                yield run.command.place, f"runs {run.path}, which is not there: the step fails"
        for where, path, what in _named(step):
            known = path.endswith(_READ) or what in ("tests", "builds") or "." not in PurePosixPath(path).name
            if known and _missing(step, path, plan):
                yield where, f"{what} {path}, which is not there: the step fails"


def _wanted(script: Script) -> int:
    """How many arguments a script cannot do without."""
    needed = [number for _, number, value, _ in parameters(script) if ":?" in value or re.search(r"\{\d\?", value)]
    if script.option("u", "nounset"):
        needed += [number for _, number, value, _ in parameters(script) if re.fullmatch(r"\$\{?\d\}?", value)]
    for node in script.of("if_statement", "list"):
        match = re.search(r"\$#\"?\s*(-lt|-ne|!=|<)\s*\"?(\d)", text_of(node).split("\n")[0])
        if match and any(fails(each) or each.name == "usage" for each in reached(script, [node])):
            needed.append(int(match[2]))
    return max(needed, default=0)


def _runs(job: Job, plan: Plan) -> Iterator[Run]:
    for step in job.steps:
        yield from (run for run in step_runs(step, plan) if run.script is not None)


@rule("workflow-arguments-missing", CRITICAL, over=jobs)
def arguments_missing(job: Job, plan: Plan) -> Iterator[Found]:
    """A script that is called with fewer arguments than it needs."""
    for run in _runs(job, plan):
        wanted = _wanted(run.script) if run.script else 0
        several = any("@" in word or "*" in word for word in run.arguments)
        if len(run.arguments) < wanted and not several and run.command.node.parent is not None:
            given = "no argument" if not run.arguments else f"{len(run.arguments)} of its arguments"
            yield run.command.place, f"calls {run.path} with {given}, and it needs {wanted}: it ends at once"


@rule("workflow-argument-unknown", CRITICAL, over=jobs)
def argument_unknown(job: Job, plan: Plan) -> Iterator[Found]:
    """A script that is called with a word that it refuses."""
    for run in _runs(job, plan):
        for name, number, _, _ in parameters(run.script) if run.script else ():
            given = run.arguments[number - 1] if number <= len(run.arguments) else ""
            words = accepted(run.script, name) if run.script else []
            if given and words and "$" not in given and given not in words and "*" not in "".join(words):
                yield (
                    run.command.place,
                    f"calls {run.path} with {given}, and it takes only {', '.join(words)}: it ends at once",
                )
