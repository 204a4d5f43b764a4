"""From finished runs to what is read of them: verdict.json, junit.xml and report.html, of one run and of several."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from seatrial.checks import judge
from seatrial.findings.telling import as_json
from seatrial.folders import new_folder
from seatrial.report.html import write_report
from seatrial.report.junit import write_junit
from seatrial.report.summary import document
from seatrial.timeline import load_timeline, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seatrial.report.files import FilesView
    from seatrial.verdict import Promise, Verdict

REPORT = "report.html"


def conclude_run(folder: Path) -> Verdict:
    """Judge a run's folder, and write its verdict, JUnit and report into it."""
    timeline = load_timeline(folder)
    verdict = judge(timeline)
    write_json(folder / "verdict.json", run_document(folder, verdict))
    write_junit(verdict.promises, folder / "junit.xml")
    write_report([(timeline, verdict)], folder / REPORT)
    return verdict


def run_document(folder: Path, verdict: Verdict) -> dict[str, Any]:
    """The content of `verdict.json`; it names nothing outside its folder, so that it is the same wherever that is."""
    return document(verdict.promises, [folder.resolve().name], REPORT)


def conclude_all(folders: Sequence[Path], reports: Path, target: str, files: FilesView | None = None) -> Path:
    """One report of several runs, with their verdict and JUnit, in a folder of its own; the path of the report."""
    folder = new_folder(reports / "verify", target)
    judged = [(timeline, judge(timeline)) for timeline in map(load_timeline, folders)]
    promises = [promise for _, verdict in judged for promise in verdict.promises]
    if files:
        promises.insert(0, files.promise)
        (folder / "check.json").write_text(as_json(files.checked) + "\n", encoding="utf-8")
    write_report(judged, folder / REPORT, files)
    write_json(folder / "verdict.json", document(promises, [path.name for path in folders], REPORT))
    write_junit(promises, folder / "junit.xml")
    return folder / REPORT


def document_of(promises: Sequence[Promise], folders: Sequence[Path], report: Path) -> dict[str, Any]:
    """The JSON of `verify` and `run`, with paths from the present folder."""
    return document(promises, [os.path.relpath(folder) for folder in folders], os.path.relpath(report))
