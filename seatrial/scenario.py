"""A scenario: one fault story in one YAML file, a valid Chaos Toolkit experiment whose every word is checked here.

What Seatrial adds stands in the experiment's `extensions` under the name `seatrial` (see `Extension`); its actions are
the functions of `seatrial.chaos`. Chaos Toolkit ignores a misspelt field; Seatrial refuses it, with its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from seatrial.errors import InputError
from seatrial.experiment import (
    EXPERIMENT_FIELDS,
    check_fields,
    check_with_chaos_toolkit,
    extension_place,
    own_actions,
)
from seatrial.faults import COMPONENT_FIELDS, FAULTS, make_fault
from seatrial.settings import DisasterKind, Model, Seconds
from seatrial.yaml_lines import Document, Where, load_document

if TYPE_CHECKING:
    from seatrial.roles import Fault
    from seatrial.settings import Objectives, Settings

Window = Literal["before", "during", "after"]


class Tightened(Model):
    """Objectives that hold in this scenario; they may be tighter than those of seatrial.toml, never looser."""

    p95_s: Seconds | None = None
    error_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    rto_s: Seconds | None = None
    rpo_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class Extension(Model):
    """What Seatrial adds to an experiment."""

    name: Literal["seatrial"]
    disaster: DisasterKind = "application"  # whose RTO and RPO hold
    proves: str  # in a sentence, what a PASS says
    promise: str  # which promise of the plan it belongs to
    before_s: Annotated[float, Field(ge=2, allow_inf_nan=False)] = 5.0  # load before the fault
    after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0  # load after the recovery
    wait_s: Seconds = 60.0  # the longest wait for the recovery
    slo: tuple[Window, ...] = ("before", "after")  # windows in which p95 and error rate must hold
    objectives: Tightened = Tightened()


@dataclass(frozen=True)
class Limits:
    """The objectives of one scenario, resolved: the numbers that its run is judged by."""

    p95_s: float
    error_rate: float
    rto_s: float
    rpo_s: float


@dataclass(frozen=True)
class Scenario:
    """A checked scenario."""

    name: str
    document: Document  # the file, for messages about it
    experiment: dict[str, Any]
    extension: Extension
    faults: tuple[Fault, ...]
    hold_s: float  # how long the method itself holds a fault before it heals

    @property
    def title(self) -> str:
        """The experiment's title."""
        return str(self.experiment["title"])

    @property
    def description(self) -> str:
        """The experiment's description, on one line."""
        return " ".join(str(self.experiment["description"]).split())

    @property
    def estimate_s(self) -> float:
        """About how long a run takes: its windows, a quick recovery, starting and ending the load."""
        return self.extension.before_s + self.hold_s + self.extension.after_s + (9 if self.faults else 5)

    def limits(self, objectives: Objectives) -> Limits:
        """The objectives that hold: those of the settings, tightened by the scenario."""
        disaster, own = objectives.disaster(self.extension.disaster), self.extension.objectives
        return Limits(
            _tighter(objectives.p95_s, own.p95_s),
            _tighter(objectives.error_rate, own.error_rate),
            _tighter(disaster.rto_s, own.rto_s),
            _tighter(disaster.rpo_s, own.rpo_s),
        )

    def unknown_components(self, settings: Settings) -> list[tuple[Where, str]]:
        """The components that its faults name and the settings do not have, with their places."""
        return [
            ((*where, "arguments", field), str(arguments[field]))
            for where, _, arguments in _fault_actions(self.experiment)
            for field in COMPONENT_FIELDS
            if field in arguments and arguments[field] not in settings.components
        ]

    def check_against(self, settings: Settings) -> None:
        """Raise InputError if it names a component that the settings do not have, or loosens an objective."""
        for where, name in self.unknown_components(settings):
            known = ", ".join(settings.components) or "none"
            raise self.document.wrong(where, f"a component of {settings.file.name} ({known})", name)
        self._refuse_loosening(settings.objectives)

    def _refuse_loosening(self, objectives: Objectives) -> None:
        disaster, own = objectives.disaster(self.extension.disaster), self.extension.objectives
        pairs = {
            "p95_s": (objectives.p95_s, own.p95_s),
            "error_rate": (objectives.error_rate, own.error_rate),
            "rto_s": (disaster.rto_s, own.rto_s),
            "rpo_s": (disaster.rpo_s, own.rpo_s),
        }
        for field, (promised, wanted) in pairs.items():
            if wanted is not None and wanted > promised:
                where = (*extension_place(self.experiment), "objectives", field)
                raise self.document.wrong(
                    where, f"{field} at most {promised:g}, as promised in seatrial.toml", f"{wanted:g}"
                )


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file. Raises InputError with the line of the first mistake."""
    return _checked(load_document(path))


def scenario_of(experiment: dict[str, Any]) -> Scenario:
    """The scenario of an experiment that Chaos Toolkit has read itself, from whatever file. Raises InputError."""
    name = re.sub(r"[^a-z0-9]+", "-", str(experiment.get("title", "experiment")).lower()).strip("-")
    written = {
        key: value for key, value in experiment.items() if key in EXPERIMENT_FIELDS
    }  # Chaos Toolkit adds its own
    return _checked(Document(Path(name), yaml.safe_dump(written, sort_keys=False)))


def _checked(document: Document) -> Scenario:
    try:
        return _parsed(document)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        said = f"{type(error).__name__}: {error}"[:120]
        raise document.wrong((), "an experiment whose parts have the types that Chaos Toolkit wants", said) from None


def _parsed(document: Document) -> Scenario:
    experiment = document.value
    if not isinstance(experiment, dict):
        raise document.wrong((), "a Chaos Toolkit experiment (a mapping)", type(experiment).__name__)
    check_fields(document)
    extension = _extension(document)
    faults = tuple(_fault(document, where, func, arguments) for where, func, arguments in _fault_actions(experiment))
    check_with_chaos_toolkit(document)
    return Scenario(document.file.stem, document, experiment, extension, faults, _hold_s(experiment))


def _tighter(promised: float, own: float | None) -> float:
    return promised if own is None else min(promised, own)


def _extension(document: Document) -> Extension:
    place = extension_place(document.value)
    if not place:
        raise document.wrong(("extensions",), "an extension named seatrial (see the shipped scenarios)", "none")
    return make_extension(document, place, document.value["extensions"][place[1]])


def make_extension(document: Document, place: Where, values: dict[str, Any]) -> Extension:
    """The checked extension. Raises InputError for the first field that is wrong, at its place in the document."""
    try:
        return Extension.model_validate(_tuples(values))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where, key = (*place, *problem["loc"]), ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(_fields_at(problem["loc"]))
            raise document.wrong(where, f"one of {known}", f"the unknown field {key}") from None
        raise document.wrong(where, f"{key}: {problem['msg']}", repr(problem["input"])[:60]) from None


def _fields_at(loc: tuple[str | int, ...]) -> list[str]:
    return list(Tightened.model_fields if loc[0] == "objectives" else Extension.model_fields)


def _tuples(value: Any) -> Any:  # noqa: ANN401 - a YAML tree; strict models want tuples, YAML has lists
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _fault_actions(experiment: dict[str, Any]) -> list[tuple[Where, str, dict[str, Any]]]:
    return [action for action in own_actions(experiment) if action[1] in FAULTS]


def _fault(document: Document, where: Where, func: str, arguments: dict[str, Any]) -> Fault:
    try:
        return make_fault(func, arguments)
    except InputError as error:
        raise document.wrong((*where, "arguments"), error.expected, error.found) from None


def _hold_s(experiment: dict[str, Any]) -> float:
    return sum(float(arguments.get("seconds", 0)) for _, func, arguments in own_actions(experiment) if func == "hold")
