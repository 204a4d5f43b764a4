"""Rules about how a deployment script finds out whether what it deployed works."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.asked import asks, comes_from
from seatrial.plan.images import set_images
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.rollouts import deploys
from seatrial.plan.shell_flow import commands_in, conditions, fails, is_last, loop_body, loops, reached, scope
from seatrial.plan.shell_words import text_of
from seatrial.rules.network import exposed
from seatrial.rules.script_flow import scripts, short
from seatrial.rules.script_names import workload_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

_HEALTH = re.compile(r"health|ready|live|status|ping|^/$", re.IGNORECASE)
_HERE = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")  # noqa: S104 - what scripts ask, not what we bind
_LISTS_PODS = r"\bget\s+(?:po|pods?)\b|\bget\b.*\bpods?\b|\bdocker\b.*\bps\b"
_FIRST = re.compile(r"\.items\[0\]|\|\s*head\s+(?:-n\s*)?-?1\b|\|\s*sed\s+-n\s+'?1p")


@rule("script-any-instance", CRITICAL, over=scripts)
def any_instance(script: Script, _plan: Plan) -> Iterator[Found]:
    """A check that is passed as soon as one of several pods is healthy."""
    for loop in script.of("for_statement"):
        values = " ".join(text_of(each) for each in loop.children_by_field_name("value"))
        names = re.findall(r"\$\{?(\w+)", values)
        command = next(iter(script.commands), None)
        lists = re.search(_LISTS_PODS, values) or (
            command is not None and any(comes_from(command, name, _LISTS_PODS) for name in names)
        )
        leaves = lists and _first_success(script, loop)
        if leaves:
            yield leaves.place, "the first pod that answers ends the loop: one healthy pod of all is taken for success"


def _first_success(script: Script, loop: Tree) -> Command | None:
    """What leaves a loop over pods when one of them is well; None if a pod that is not has a say too."""
    inside = commands_in(script, [loop_body(loop)])
    if any(fails(each) for each in inside) or not any(_checks(each) for each in reached(script, [loop_body(loop)])):
        return None
    leaving = (["break"], ["return", "0"], ["exit", "0"], ["break", "2"], ["return"], ["exit"])
    for each in inside:
        branch = next(
            (node for node in each.above() if node.type in ("if_statement", "list", "else_clause", *_LOOPS)), None
        )
        if (
            each.words in leaving
            and branch is not None
            and branch.type in ("if_statement", "list")
            and not _negated(branch)
        ):
            return each
    return None


_LOOPS = ("for_statement", "while_statement")


def _negated(branch: Tree) -> bool:
    text = " ".join(text_of(each) for each in conditions(branch) or branch.named_children[:1])
    return (
        text.startswith("!")
        or (branch.type == "list" and branch.children[1].type == "||")
        or "-ne" in text
        or "!=" in text
    )


def _checks(command: Command) -> bool:
    return bool({"curl", "wget"} & set(command.words)) or any("curl" in word for word in command.words)


@rule("script-first-instance", MAJOR, over=scripts)
def first_instance(script: Script, plan: Plan) -> Iterator[Found]:
    """A health check of the first pod of a list alone."""
    if not deploys(script):
        return
    for ask in asks(script):
        names = re.findall(r"\$\{?(\w+)", " ".join(ask.call.words if ask.call else [ask.written]))
        first = [name for name in names if comes_from(ask.command, name, _FIRST.pattern)]
        first = [name for name in first if comes_from(ask.command, name, r"\bpods?\b|\bpo\b")]
        target = workload_of(script, plan)
        if first and (target is None or target.replicas > 1):
            of = f" of {target.replicas}" if target is not None else ""
            yield ask.command.place, f"asks only the first pod{of}: the others may be broken, or still the old version"
            return


@rule("script-errors-pass", MAJOR, over=scripts)
def errors_pass(script: Script, _plan: Plan) -> Iterator[Found]:
    """A health check that takes an answer like 500 for health."""
    for ask in asks(script):
        looked_at = ask.command.tested or (
            is_last(ask.command) and scope(ask.command.node).type == "function_definition"
        )
        health = _HEALTH.search(ask.path) and looked_at
        if health and ask.words[0] == "curl" and not ask.fails_on_errors and not ask.shows_status:
            yield ask.command.place, f"curl without -f succeeds on any answer: a {ask.path} that says 500 or 503 passes"


@rule("script-asks-itself", CRITICAL, over=scripts)
def asks_itself(script: Script, _plan: Plan) -> Iterator[Found]:
    """A health check that asks the machine on which the script runs, for what was deployed to a cluster."""
    if not any(call.verb in ("set image", "apply", "rollout status", "rollout restart") for call in kube_calls(script)):
        return
    other = re.search(
        r"port-forward|kubectl proxy|docker (?:compose|run)|docker-compose|\bssh\b|kind |minikube|k3d ", script.text
    )
    for ask in asks(script):
        if ask.call is None and ask.host in _HERE and not other and not ask.command.inside("heredoc_body"):
            yield ask.command.place, f"asks {ask.host} where the script runs, and what was deployed is in the cluster"


@rule("script-asks-from-outside", MAJOR, over=scripts)
def asks_from_outside(script: Script, _plan: Plan) -> Iterator[Found]:
    """A request to an address that answers only inside the cluster."""
    if not any(call.verb in ("set image", "apply", "rollout status") for call in kube_calls(script)):
        return
    for ask in asks(script):
        if ask.call is not None:
            continue
        name = re.fullmatch(r"\$\{?(\w+)\}?", ask.host)
        pods = name is not None and comes_from(ask.command, name[1], r"podIP|clusterIP")
        if pods or ask.host.endswith((".svc", ".svc.cluster.local")):
            what = "the address of a pod or Service" if pods else ask.host
            yield ask.command.place, f"asks {what} from where the script runs, and it answers only inside the cluster"


@rule("script-wrong-port", CRITICAL, over=scripts)
def wrong_port(script: Script, plan: Plan) -> Iterator[Found]:
    """A health check inside the pods of a port that their containers do not have."""
    target = workload_of(script, plan)
    if target is None:
        return
    ports = exposed(target, plan)
    for ask in asks(script):
        inside = ask.call is not None and ask.call.verb == "exec" and ask.host in _HERE
        if inside and ports and ask.port is not None and ask.port not in ports and ask.call is not None:
            has = ", ".join(map(str, sorted(ports)))
            yield (
                ask.call.where(ask.written),
                f"asks port {ask.port} in the pods of {target.label}, whose containers have only {has}",
            )


@rule("script-no-pause", MAJOR, over=scripts)
def no_pause(script: Script, _plan: Plan) -> Iterator[Found]:
    """Retries without a wait between them."""
    for loop in loops(script):
        head = text_of(loop)[: loop_body(loop).start_byte - loop.start_byte]
        counts = re.search(r"\bseq\b|\{\d+\.\.|\(\(|-l[te]\b|-ge\b|MAX|RETR|ATTEMPT", head, re.IGNORECASE)
        inside = reached(script, [loop_body(loop)])
        waits = any(
            each.name in ("sleep", "wait", "read", "timeout") or "--retry" in each.words or "--timeout" in each.text
            for each in inside
        )
        asked = [each for each in inside if _checks(each) and each.tested]
        if counts and asked and not waits:
            yield (
                script.place(loop),
                f"tries {short(asked[0])} again without a pause: all the tries are over in a moment",
            )


@rule("script-endless-wait", MAJOR, over=scripts)
def endless_wait(script: Script, _plan: Plan) -> Iterator[Found]:
    """A loop whose counter never changes."""
    for loop in script.of("while_statement"):
        condition = " ".join(text_of(each) for each in conditions(loop))
        match = re.fullmatch(r"\[{1,2}\s+\"?\$\{?(\w+)\}?\"?\s+-(?:lt|le)\s+\S+\s+\]{1,2}", condition.strip())
        body = text_of(loop_body(loop))
        if match and not _counted(match[1], body) and "$(" not in condition:
            yield script.place(loop), f"{match[1]} never changes in the loop: it never ends"


def _counted(name: str, body: str) -> bool:
    """May the body of a loop change a variable, or leave the loop in another way?"""
    sets = rf"(?<![\w$]){name}\s*(?:\+|-|=)|(?:\+\+|--){name}\b|\bread\b.*\b{name}\b"
    return bool(re.search(rf"{sets}|\b(?:break|return|exit|source|eval)\b", body))


@rule("script-program-absent", CRITICAL, over=scripts)
def program_absent(script: Script, plan: Plan) -> Iterator[Found]:
    """A health check in the pods with a program that the image does not have."""
    target = workload_of(script, plan)
    if target is None or len(plan.dockerfiles) != 1 or not any(set_images(script)):
        return
    image = plan.dockerfiles[0]
    stages = image.lineage(image.final)
    installs = " ".join(each.rest + each.body for stage in stages for each in stage.of("RUN", "COPY", "ADD"))
    slim = re.fullmatch(r"(?:docker\.io/)?(?:library/)?(?:python|node|debian|ruby):[\w.-]*slim[\w.-]*", stages[0].base)
    for ask in asks(script) if slim else ():
        program = ask.words[0]
        inside = ask.call is not None and ask.call.verb == "exec"
        if inside and not re.search(rf"\b{program}\b", installs):
            said = f"runs {program} in the pods, and {image.file} ({stages[0].base}) installs none"
            yield ask.command.place, f"{said}: the check fails whatever the program does"
            return
