"""Rules about what a script is given: arguments, variables, timeouts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.rollouts import in_rollback
from seatrial.plan.shell_flow import commands_in, quiet, reached, scope
from seatrial.plan.shell_values import filled, known, may_set, values_of
from seatrial.plan.shell_words import text_of, variables_of
from seatrial.rules.script_flow import script_files, scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Script
    from seatrial.plan.shell_words import Tree

POSITIONAL = re.compile(r"\$\{?([1-9])(?:\}|:[-=?][^}]*\})?")
_BARE = re.compile(r"\$\{?[1-9]\}?")
_ENVIRONMENT = re.compile(r"(?i)env|stage|target|cluster|context")
_SOURCES = re.compile(r"(?m)^\s*(?:source|\.)\s+\S|\benvsubst\b|\beval\b")
_FROM_OUTSIDE = frozenset({"http_proxy", "https_proxy", "no_proxy", "_"})


def parameters(script: Script) -> Iterator[tuple[str, int, str, Tree]]:
    """Variables that take an argument of the script: name, number, value as written, node."""
    for name, value, node in script.assignments:
        match = POSITIONAL.fullmatch(value)
        if match and scope(node).type != "function_definition":
            yield name, int(match[1]), value, node


def _uses(script: Script, name: str) -> list[Tree]:
    """Where a variable is used."""
    found = []
    for node in script.of("variable_name"):
        holder = node.parent
        if text_of(node) == name and holder is not None and holder.type not in ("variable_assignment", "for_statement"):
            found.append(node)
    return found


def _counted(text: str, name: str) -> bool:
    """Is a variable used by its bare name: in arithmetic, indirectly, or handed on?"""
    return bool(re.search(rf"(?:\(\(|\[\[|\blet\b|\bexport\b|-v\s|\$\{{!)[^\n]{{0,200}}(?<![$\w{{]){name}\b", text))


def _done_with(script: Script, name: str) -> set[str]:
    """What all its uses are good for; the first that does something is enough."""
    found: set[str] = set()
    for use in _uses(script, name):
        found.add(_does(script, use))
        if "does" in found:
            break
    return found


def _does(script: Script, use: Tree) -> str:
    """What a use is good for: it says something, it tests something, or it does something."""
    node: Tree | None = use
    while node is not None:
        if node.type in ("test_command", "case_statement", "if_statement"):
            return "tests" if _only_says(script, node) else "does"
        if node.type in ("variable_assignment", "declaration_command", "for_statement", "function_definition"):
            return "does"
        if node.type == "command":
            command = next(each for each in commands_in(script, [node]))
            if command.name in ("[", "test"):
                return "tests" if _only_says(script, node) else "does"
            return "says" if quiet(command) and not command.inside("pipeline") and not _written(node) else "does"
        node = node.parent
    return "does"


def _written(node: Tree) -> bool:
    """Does what it says go into a file?"""
    holder = node.parent
    return (
        holder is not None
        and holder.type == "redirected_statement"
        and not re.search(r">&?\s*(?:&?2|/dev/stderr)", text_of(holder))
    )


def _only_says(script: Script, node: Tree) -> bool:
    """Does a test decide about nothing but messages and the end of the script?"""
    while node.type not in ("if_statement", "case_statement", "list", "while_statement") and node.parent is not None:
        node = node.parent
    inside = reached(script, [node])
    harmless = ("exit", "return", "[", "test", "usage", "false", "shift")
    return (
        node.type != "program"
        and all(quiet(each) or each.name in harmless for each in inside)
        and not any(child.type == "variable_assignment" for child in _below(node))
    )


def _below(node: Tree) -> Iterator[Tree]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += each.named_children


@rule("script-parameter-unused", MAJOR, over=script_files)
def parameter_unused(script: Script, _plan: Plan) -> Iterator[Found]:
    """An argument that changes nothing."""
    if _SOURCES.search(script.text):
        return
    for name, node in {name: node for name, _, _, node in parameters(script)}.items():
        if node.parent is not None and "export" in text_of(node.parent)[:7]:
            continue
        does = {"does"} if _counted(script.text, name) else _done_with(script, name)
        if not does or does == {"says"}:
            what = "only prints it" if does else "never uses it"
            yield (
                script.place(node),
                f"takes {name} as an argument and {what}: whatever is given, the script does the same",
            )
        elif "does" not in does:
            yield from _same_cluster(script, name)


def _same_cluster(script: Script, name: str) -> Iterator[Found]:
    chosen = re.search(
        r"--context|--kubeconfig|KUBECONFIG|use-context|--cluster\b|get-credentials|update-kubeconfig", script.text
    )
    command = next((each for each in script.commands if each.name == "kubectl"), None)
    if command is not None and not chosen and _ENVIRONMENT.search(name):
        said = f"{name} is checked, but does not choose the cluster"
        yield (
            command.place,
            f"{said}: kubectl takes whichever is the current one, so a deployment to staging may go to production",
        )


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
