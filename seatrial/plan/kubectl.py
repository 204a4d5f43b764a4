"""Calls of kubectl: through functions and variables too, with what each is told to act on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.shell import Command, Script
from seatrial.plan.shell_flow import commands_in
from seatrial.plan.shell_values import values_of
from seatrial.plan.shell_words import text_of

if TYPE_CHECKING:
    from seatrial.plan.files import Place

KINDS = {
    "deployment": "Deployment", "deployments": "Deployment", "deploy": "Deployment", "deployment.apps": "Deployment",
    "deployments.apps": "Deployment", "statefulset": "StatefulSet", "statefulsets": "StatefulSet", "sts": "StatefulSet",
    "statefulset.apps": "StatefulSet", "daemonset": "DaemonSet", "daemonsets": "DaemonSet", "ds": "DaemonSet",
    "service": "Service", "services": "Service", "svc": "Service", "configmap": "ConfigMap", "configmaps": "ConfigMap",
    "cm": "ConfigMap", "ingress": "Ingress", "ingresses": "Ingress", "ing": "Ingress", "cronjob": "CronJob",
    "cronjobs": "CronJob", "cj": "CronJob", "persistentvolumeclaim": "PersistentVolumeClaim",
    "pvc": "PersistentVolumeClaim", "pod": "Pod", "pods": "Pod", "po": "Pod",
}  # fmt: skip
_TWO_WORDS = ("rollout", "set", "config", "auth", "create", "top", "apply")
_NO_VALUE = frozenset({
    "--all", "-A", "--all-namespaces", "--record", "--watch", "-w", "--force", "--wait", "-it", "-i", "-t", "--stdin",
    "--tty", "--ignore-not-found", "--overwrite", "--no-headers", "--local", "--server-side", "--quiet", "-q",
    "--previous", "-p=false", "--recursive", "-R", "--show-labels", "--dry-run", "--prune", "-it=false",
})  # fmt: skip
CHANGES = frozenset({
    "set image", "set env", "set resources", "rollout undo", "rollout restart", "scale", "patch", "apply", "replace",
    "delete", "create", "annotate", "label", "edit", "autoscale", "drain", "cordon", "uncordon",
})  # fmt: skip


@dataclass(eq=False)
class Call:
    """A call of kubectl: `words` as written, those of the function or variable that wraps it before its own."""

    command: Command
    words: list[str]  # behind `kubectl`

    @property
    def script(self) -> Script:
        """Where it stands."""
        return self.command.script

    @property
    def place(self) -> Place:
        """Its line."""
        return self.command.place

    @cached_property
    def filled(self) -> list[str]:
        """The words with what is known of their variables."""
        return [values_of(self.script).filled(word) for word in self.words]

    @cached_property
    def _parts(self) -> tuple[list[int], dict[str, int], int]:
        """Positions of its operands and of its options' values, and where the program behind `--` begins."""
        operands: list[int] = []
        options: dict[str, int] = {}
        number = 0
        while number < len(self.words):
            word = self.words[number]
            if word == "--":
                return operands, options, number + 1
            if word.startswith("-") and word not in ("-", "-1"):
                name, equals, _ = word.partition("=")
                own = bool(equals) or word in _NO_VALUE or re.fullmatch(r"-[a-z]\S+", word) is not None
                options[name if equals or own else word] = number if own else number + 1
                number += 1 if own else 2
                continue
            operands.append(number)
            number += 1
        return operands, options, len(self.words)

    @property
    def operands(self) -> list[str]:
        """Its words that are no options, filled."""
        return [self.filled[number] for number in self._parts[0]]

    @property
    def verb(self) -> str:
        """`get`, `set image`, `rollout status`."""
        words = self.operands
        return " ".join(words[:2] if words[:1] and words[0] in _TWO_WORDS else words[:1])

    @property
    def inner(self) -> list[str]:
        """What it runs in a pod, as written."""
        return self.words[self._parts[2] :]

    def option(self, *names: str) -> tuple[str, str] | None:
        """The value of an option, filled and as written; None if it is absent."""
        for name in names:
            for key, number in self._parts[1].items():
                if key == name and number < len(self.words):
                    written = self.words[number]
                    tail = written.partition("=")[2] if written.startswith("-") and "=" in written else written
                    return values_of(self.script).filled(tail), tail
                if len(name) == 2 and re.match(rf"{name}[^-=]", key) and not key.startswith("--"):
                    return values_of(self.script).filled(key[2:]), key[2:]
        return None

    @property
    def namespace(self) -> tuple[str, str] | None:
        """Its namespace, filled and as written."""
        return self.option("-n", "--namespace")

    @property
    def targets(self) -> list[tuple[str, str, str]]:
        """What it acts on: kind, name, and the name as it is written."""
        skip = len(self.verb.split())
        numbers = self._parts[0][skip:]
        found: list[tuple[str, str, str]] = []
        kind = ""
        for number in numbers:
            text, written = self.filled[number], self.words[number]
            head, slash, name = text.partition("/")
            if slash and head.lower() in KINDS:
                found.append((KINDS[head.lower()], name, written.partition("/")[2]))
            elif number == numbers[0] and text.lower() in KINDS:
                kind = KINDS[text.lower()]
            elif kind and "=" not in text and not text.endswith("-"):
                found.append((kind, text, written))
        return found

    def where(self, written: str) -> Place:
        """The line at which a word of it is really written."""
        return values_of(self.script).origin(written, self.place)


def kube_calls(script: Script) -> list[Call]:
    """The calls of a script, in the order of the text."""
    return _calls(script) if "kubectl" in script.text or "oc " in script.text else []


@lru_cache(maxsize=512)
def _calls(script: Script) -> list[Call]:
    wrappers, bodies = _wrappers(script)
    found = []
    for command in script.commands:
        words = command.program
        if not words or command in bodies:
            continue
        name = values_of(script).filled(words[0]).split()
        if command.name in ("kubectl", "oc"):
            found.append(Call(command, words[1:]))
        elif command.name in wrappers:
            found.append(Call(command, _put(wrappers[command.name], words[1:])))
        elif len(name) > 1 and name[0].rsplit("/", maxsplit=1)[-1] in ("kubectl", "oc"):
            found.append(Call(command, [*name[1:], *words[1:]]))
        elif name[:1] == ["kubectl"]:
            found.append(Call(command, words[1:]))
    return found


def _wrappers(script: Script) -> tuple[dict[str, list[str]], list[Command]]:
    """Functions that only call kubectl with their own words, and the commands inside them."""
    found: dict[str, list[str]] = {}
    bodies: list[Command] = []
    for name, node in script.functions.items():
        for command in commands_in(script, [node]):
            passes = any(word in ("$@", "$*", "${@}") for word in command.program)
            if command.name == "kubectl" and passes:
                found[name] = command.program[1:]
                bodies.append(command)
    return found, bodies


def _put(wrapper: list[str], words: list[str]) -> list[str]:
    found: list[str] = []
    for word in wrapper:
        found += words if word in ("$@", "$*", "${@}") else [word]
    return found


def reads(call: Call) -> str:
    """The name of the variable that a call's answer is put into; empty if there is none."""
    node = next((each for each in call.command.above() if each.type == "variable_assignment"), None)
    name = node.child_by_field_name("name") if node is not None else None
    return text_of(name) if name is not None else ""
