"""Rules about what a script is given: arguments, variables, timeouts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.destinations import callers, same_place
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.parameters import accepted, does, done_with, parameters, uses
from seatrial.plan.rollouts import in_rollback
from seatrial.plan.shell_values import filled, known, may_set, values_of
from seatrial.plan.shell_words import text_of, variables_of
from seatrial.rules.script_flow import script_files, scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Script
    from seatrial.plan.shell_words import Tree

_BARE = re.compile(r"\$\{?[1-9]\}?")
_ENVIRONMENT = re.compile(r"(?i)env|stage|target|cluster|context")
_SOURCES = re.compile(r"(?m)^\s*(?:source|\.)\s+\S|\benvsubst\b|\beval\b")
_FROM_OUTSIDE = frozenset({"http_proxy", "https_proxy", "no_proxy", "_"})


@rule("script-parameter-unused", MAJOR, over=script_files)
def parameter_unused(script: Script, plan: Plan) -> Iterator[Found]:
    """An argument that changes nothing."""
    if _SOURCES.search(script.text):
        return
    for name, node in {name: node for name, _, _, node in parameters(script)}.items():
        if node.parent is not None and "export" in text_of(node.parent)[:7]:
            continue
        found = done_with(script, name)
        if not found or found == {"says"}:
            what = "only prints it" if found else "never uses it"
            yield (
                script.place(node),
                f"takes {name} as an argument and {what}: whatever is given, the script does the same",
            )
        elif "does" not in found:
            yield from _same_cluster(script, name, plan)


def _same_cluster(script: Script, name: str, plan: Plan) -> Iterator[Found]:
    """An environment that is only checked, where nothing else leads to its cluster."""
    tests = [use for use in uses(script, name) if does(script, use) == "tests"]
    words = accepted(script, name) or _compared(tests)
    if not kube_calls(script) or not _ENVIRONMENT.search(name) or len(words) == 1 or not _same_way(script, plan):
        return
    said = f"{name} is checked, but chooses neither cluster nor namespace nor image"
    tail = (
        f"whether {' or '.join(words[:2])} is given, the same is deployed to" if words else "each value does the same"
    )
    yield script.place(tests[0]), f"{said}: {tail}"


def _compared(tests: list[Tree]) -> list[str]:
    """The words that an argument is compared with."""
    texts = (
        text_of(use.parent.parent.parent) for use in tests if use.parent is not None and use.parent.parent is not None
    )
    return list(dict.fromkeys(word for text in texts for word in re.findall(r"=\s*[\"']?([A-Za-z][\w-]*)", text)))


def _same_way(script: Script, plan: Plan) -> bool:
    """Do all calls of a script, and all jobs that run it, lead to one cluster?"""
    if re.search(r"--kubeconfig|KUBECONFIG|use-context|--cluster\b|get-credentials|update-kubeconfig", script.text):
        return False
    contexts = [given[0] for call in kube_calls(script) if (given := call.option("--context"))]
    if contexts:
        return all(map(known, contexts)) and len(set(contexts)) == 1
    jobs = callers(script, plan)
    return all(same_place(jobs[0], job, plan) for job in jobs[1:])


@rule("script-parameter-unguarded", MAJOR, over=script_files)
def parameter_unguarded(script: Script, _plan: Plan) -> Iterator[Found]:
    """An argument that is part of the image, and may be missing."""
    if script.option("u", "nounset") or re.search(r"\$#|\$\{#", script.text):
        return
    for name, number, value, node in parameters(script):
        guarded = re.search(
            rf"-[zn]\s+\"?\$\{{?{name}\b|\$\{{{name}:?[?=-]|\"\$\{{?{name}\}}?\"\s+(?:=|==|!=)\s+\"\"", script.text
        )
        if guarded or not _BARE.fullmatch(value):
            continue
        images = [word for call in kube_calls(script) if call.verb == "set image" for word in call.words]
        if any(name in variables_of(_opened(script, word)) for word in images):
            yield script.place(node), f"{name} may be empty: without argument {number} an image without a tag is set"


def _opened(script: Script, text: str) -> str:
    """A word with the variables that it names, and those that they name."""
    values = script.values
    for _ in range(4):
        text = " ".join(
            [text, *(values[name] for name in variables_of(text) if name in values and values[name] not in text)]
        )
    return text


@rule("script-variable-undefined", MAJOR, over=script_files)
def variable_undefined(script: Script, _plan: Plan) -> Iterator[Found]:
    """A variable that nothing sets."""
    library = script.file.suffix in (".bash", ".bats", ".zsh") or not script.text.startswith("#!")
    if library or _SOURCES.search(script.text) or script.root.has_error:
        return
    assigned = values_of(script).assigned
    told: set[str] = set()
    for name, node in plain_uses(script):
        if name in assigned | told or name in _FROM_OUTSIDE or may_set(script.text, name):
            continue
        near = next((other for other in sorted(assigned) if _near(name, other)), "")
        if near or re.fullmatch(r"[a-z_]+", name):
            told.add(name)
            hint = f" (there is {near})" if near else ""
            yield script.place(node), f"uses {name}, which nothing sets: it is empty{hint}"


def plain_uses(script: Script) -> Iterator[tuple[str, Tree]]:
    """Uses of variables as `$NAME` and `${NAME}`; not where a default is given anywhere."""
    mended = set(re.findall(r"\$\{(\w+):?[-=?+]", script.text))
    for node in script.of("simple_expansion", "expansion"):
        match = re.fullmatch(r"\$\{?([A-Za-z_]\w*)\}?", text_of(node))
        if match and match[1] not in mended:
            yield match[1], node


def _near(name: str, other: str) -> bool:
    """Are two long names the same but for one letter that is missing, too much, another, or swapped?"""
    if min(len(name), len(other)) < 5 or abs(len(name) - len(other)) > 1 or name == other:
        return False
    if name.rstrip("0123456789sS") == other.rstrip("0123456789sS"):
        return len(name) != len(other) and not (name + other)[-1].isdigit() and not name[-1].isdigit()
    start = next(
        (number for number, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]),
        min(len(name), len(other)),
    )
    one, two = name[start:], other[start:]
    return (
        one[1:] == two[1:]
        or one[1:] == two
        or one == two[1:]
        or (one[2:] == two[2:] and sorted(one[:2]) == sorted(two[:2]))
    )


@rule("script-timeout-unit", CRITICAL, over=scripts)
def timeout_unit(script: Script, _plan: Plan) -> Iterator[Found]:
    """A timeout without a unit, which kubectl and helm refuse."""
    for call in kube_calls(script):
        given = call.option("--timeout")
        if given and re.fullmatch(r"[1-9]\d*", given[0]) and call.verb in ("rollout status", "wait", "delete", "drain"):
            yield call.place, f"--timeout={given[0]} has no unit: kubectl refuses it, and nothing is waited for"
    for command in script.commands:
        given_text = command.option("--timeout") if command.name == "helm" else None
        if given_text and re.fullmatch(r"[1-9]\d*", filled(command, given_text)):
            yield (
                command.place,
                f"--timeout {filled(command, given_text)} has no unit: helm refuses it, and nothing is deployed",
            )


@rule("script-watches-another", CRITICAL, over=scripts)
def watches_another(script: Script, _plan: Plan) -> Iterator[Found]:
    """Waits for the rollout of another workload than the one whose image it sets."""
    calls = kube_calls(script)
    waits = [call for call in calls if call.verb == "rollout status" and not in_rollback(call.command)]
    rolled = {target[:2] for call in calls if call.verb == "set image" for target in call.targets}
    watches = [(call, target) for call in waits for target in call.targets]
    if (
        not rolled
        or not watches
        or not all(known(name) for _, name in [*rolled, *(target[:2] for _, target in watches)])
    ):
        return
    if not rolled & {target[:2] for _, target in watches}:
        call, (kind, name, written) = watches[0]
        kinds, names = zip(*sorted(rolled), strict=True)
        yield (
            call.where(written),
            f"waits for {kind} {name}, and the image of {kinds[0]} {', '.join(names)} is set: nobody watches that",
        )
