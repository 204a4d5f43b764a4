"""The shape of a Chaos Toolkit experiment: the fields that it may have, its activities, and which are Seatrial's own.

Chaos Toolkit ignores what it does not know and learns of a misspelt function when it is called; here both are refused.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seatrial.faults import FAULTS

if TYPE_CHECKING:
    from seatrial.yaml_lines import Document, Where

ACTIONS_MODULE = "seatrial.chaos"
EXPERIMENT_FIELDS = {"version", "title", "description", "tags", "configuration", "secrets", "extensions",
                     "contributions", "controls", "steady-state-hypothesis", "method", "rollbacks",
                     "runtime"}  # fmt: skip
_ACTIVITY = {"type", "name", "provider", "tolerance", "pauses", "background", "controls", "configuration", "secrets",
             "ref"}  # fmt: skip
_PROVIDER = {"type", "module", "func", "arguments", "secrets", "url", "method", "headers", "timeout", "path"}
_HYPOTHESIS = {"title", "probes", "controls"}
_TYPES = {"title": (str, "a text"), "description": (str, "a text"), "runtime": (dict, "a mapping"),
          "configuration": (dict, "a mapping"), "method": (list, "a list"), "rollbacks": (list, "a list"),
          "extensions": (list, "a list")}  # fmt: skip
_ACTIONS = (*FAULTS, "hold", "heal")
_PROBES = ("served", "await_recovery")


def check_fields(document: Document) -> None:
    """Raise InputError at the first field, type or function of Seatrial's that is not one."""
    experiment = document.value
    _refuse_unknown(document, (), experiment, EXPERIMENT_FIELDS)
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    _refuse_unknown(document, ("steady-state-hypothesis",), hypothesis, _HYPOTHESIS)
    for where, activity in _activities(experiment):
        _refuse_unknown(document, where, activity, _ACTIVITY)
        _refuse_unknown(document, (*where, "provider"), activity.get("provider") or {}, _PROVIDER)
    for field, (kind, called) in _TYPES.items():
        if field in experiment and not isinstance(experiment[field], kind):
            raise document.wrong((field,), f"{field} to be {called}", repr(experiment[field])[:60])
    for where, func, arguments in _own_activities(experiment):
        _check_own(document, where, func, arguments)


def _check_own(document: Document, where: Where, func: str, arguments: dict[str, Any]) -> None:
    in_method = where[0] == "method"
    known = (*_ACTIONS, *_PROBES) if in_method else (*_PROBES, "heal")
    if func not in known:
        raise document.wrong((*where, "func"), f"a function of {ACTIONS_MODULE} here ({', '.join(known)})", func)
    if func in FAULTS:
        return  # its arguments are checked where the fault is made
    allowed = {"seconds"} if func == "hold" else set()
    _refuse_unknown(document, (*where, "arguments"), arguments, allowed)
    seconds = arguments.get("seconds", 0)
    if func == "hold" and not (_is_number(seconds) and 0 <= seconds < math.inf and "seconds" in arguments):
        expected = "seconds to be a number, not negative"
        raise document.wrong((*where, "arguments", "seconds"), expected, repr(arguments.get("seconds"))[:60])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse_unknown(document: Document, where: Where, value: Any, known: set[str]) -> None:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        raise document.wrong(where, "a mapping", repr(value)[:60])
    for key in value:
        if key not in known:
            expected = f"one of {', '.join(sorted(known))}" if known else "no arguments"
            raise document.wrong((*where, str(key)), expected, f"the unknown field {key}")


def check_with_chaos_toolkit(document: Document) -> None:
    """Raise InputError if Chaos Toolkit itself would refuse the experiment."""
    from chaoslib.exceptions import ChaosException
    from chaoslib.experiment import ensure_experiment_is_valid

    try:
        ensure_experiment_is_valid(document.value)
    except (ChaosException, KeyError, TypeError, AttributeError) as error:
        raise document.wrong((), "an experiment that Chaos Toolkit accepts", str(error)) from None


def extension_place(experiment: dict[str, Any]) -> Where:
    """Where the extension named seatrial stands; empty if there is none."""
    for index, extension in enumerate(experiment.get("extensions") or []):
        if isinstance(extension, dict) and extension.get("name") == "seatrial":
            return ("extensions", index)
    return ()


def _activities(experiment: dict[str, Any]) -> list[tuple[Where, Any]]:
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    parts: list[tuple[Where, Any]] = [
        (("steady-state-hypothesis", "probes"), hypothesis.get("probes")),
        (("method",), experiment.get("method")),
        (("rollbacks",), experiment.get("rollbacks")),
    ]
    return [((*where, index), item) for where, items in parts for index, item in enumerate(items or [])]


def own_actions(experiment: dict[str, Any]) -> list[tuple[Where, str, dict[str, Any]]]:
    """Seatrial's functions in the method: place of the provider, function, arguments."""
    return [own for own in _own_activities(experiment) if own[0][0] == "method"]


def _own_activities(experiment: dict[str, Any]) -> list[tuple[Where, str, dict[str, Any]]]:
    found = []
    for where, activity in _activities(experiment):
        provider = activity.get("provider") or {}
        if provider.get("module") == ACTIONS_MODULE:
            arguments = dict(provider.get("arguments") or {})
            found.append(((*where, "provider"), str(provider.get("func")), arguments))
    return found
