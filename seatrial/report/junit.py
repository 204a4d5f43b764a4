"""JUnit XML of a run: a test case for each promise. INCONCLUSIVE is a failure there, because JUnit has no third value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # noqa: S405 - it is written here, not read

from seatrial.verdict import Outcome, Promise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(promises: Sequence[Promise], path: Path) -> None:
    """Write the promises as one test suite."""
    broken = [promise for promise in promises if promise.outcome is not Outcome.PASS]
    suite = ET.Element("testsuite", name="seatrial", tests=str(len(promises)), failures=str(len(broken)), errors="0")
    for promise in promises:
        place = _clean(f"seatrial.{promise.scenario}")
        case = ET.SubElement(suite, "testcase", classname=place, name=_clean(promise.promise))
        if promise.outcome is not Outcome.PASS:
            failure = ET.SubElement(case, "failure", type=str(promise.outcome), message=_clean(promise.reason))
            failure.text = _clean("\n".join(promise.proof))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    path.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
