"""A verdict as JUnit XML: a test case for each promise; INCONCLUSIVE is a failure of its own type, never green."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from seatrial.report.text import clean
from seatrial.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seatrial.verdict import Promise

_NUMBERS = ("objective", "measured", "lower", "upper", "margin")


def write_junit(promises: Sequence[Promise], path: Path) -> None:
    """Write a suite for each scenario and target."""
    root = ET.Element("testsuites", {"name": "seatrial", **_counts(promises)})
    for scenario, target in dict.fromkeys((promise.scenario, promise.target) for promise in promises):
        some = [promise for promise in promises if (promise.scenario, promise.target) == (scenario, target)]
        suite = ET.SubElement(root, "testsuite", {"name": f"seatrial.{clean(scenario)}", **_counts(some)})
        _properties(suite, {"scenario": scenario, "target": target})
        for promise in some:
            _case(suite, promise)
    ET.indent(root)
    path.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _case(suite: ET.Element, promise: Promise) -> None:
    name = f"seatrial.{clean(promise.scenario)}"
    case = ET.SubElement(suite, "testcase", classname=name, name=clean(promise.promise), time="0")
    said = promise.as_json()
    numbers = {key: str(said[key]) for key in _NUMBERS if said[key] is not None}
    _properties(case, {"verdict": str(promise.outcome), **numbers, **({"unit": promise.unit} if promise.unit else {})})
    if promise.outcome is not Outcome.PASS:
        failure = ET.SubElement(case, "failure", type=str(promise.outcome), message=clean(promise.reason))
        failure.text = clean("\n".join((promise.reason, *promise.proof)))


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=name, value=clean(value))


def _counts(promises: Sequence[Promise]) -> dict[str, str]:
    failures = sum(promise.outcome is not Outcome.PASS for promise in promises)
    return {"tests": str(len(promises)), "failures": str(failures), "errors": "0", "skipped": "0", "time": "0"}
