"""`seatrial verify` and `seatrial run`: pytest over the bundled suites, then the table, the report and the status."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial.bundled import bundled
from seatrial.catalogue import find_scenario
from seatrial.folders import require_own, require_space
from seatrial.plugin import RESULTS
from seatrial.scenario import load_scenario
from seatrial.settings_file import settings_for
from seatrial.undo import state_folder, what_is_left
from seatrial.verdict import Outcome

if TYPE_CHECKING:
    import argparse

    from seatrial.report.files import FilesView
    from seatrial.session import Result
    from seatrial.settings import Settings

_QUIET = ["-p", "no:locust", "-p", "no:cacheprovider", "-p", "no:terminal", "-s", "-c", os.devnull]
_CTRL_C = "interrupted"
_OUTPUTS = {"junit.xml": "<testsuites", "index.html": 'id="head-title"'}


class _Keeper:
    """What the command line wants to know of the pytest session: the runs, what was skipped, what went wrong."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self._told = 0  # of the results, how many belong to tests before this one
        self.skipped: list[str] = []
        self.errors: list[str] = []
        self.stopped = ""

    def pytest_configure(self, config: pytest.Config) -> None:
        self.results = config.stash.setdefault(RESULTS, [])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        broken = any(not result.verdict.passed for result in self.results[self._told :])
        self._told = len(self.results)
        if report.skipped:
            self.skipped.append(_reason(report))
        elif report.failed and not (broken and _is_assertion(report)):  # a broken promise stands in the table
            self.errors.append(f"{report.nodeid}: {report.longreprtext}")

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.stopped = str(getattr(excinfo.value, "msg", "")) or _CTRL_C


def verify(options: argparse.Namespace) -> int:
    """Run, print, and return the exit status."""
    settings = settings_for(Path.cwd(), options.settings)
    for name in options.scenario:
        load_scenario(find_scenario(name, Path.cwd())).check_against(settings)
    for folder in (options.reports.resolve(), Path(tempfile.gettempdir()), state_folder()):
        require_space(folder)
    for name, mark in _OUTPUTS.items():
        require_own(options.reports / name, mark)
    files = None if options.scenario else _check_files(settings)
    keeper = _Keeper()
    status = pytest.main(_arguments(options), plugins=[keeper])
    return _conclude(options, keeper, int(status), files)


def _check_files(settings: Settings) -> FilesView | None:
    """What `seatrial check` says of the deployment's files; None where there are none."""
    from seatrial.findings.checked import check
    from seatrial.findings.promise import promise_of
    from seatrial.report.files import FilesView

    sys.stderr.write(f"checking the deployment files of {settings.name}\n")
    checked = check(settings.root / settings.files, settings.known_findings)
    promise = promise_of(checked)
    if promise is None:
        sys.stderr.write(f"  no deployment file in {os.path.relpath(settings.root / settings.files)}: none checked\n")
        return None
    sys.stderr.write(f"  {promise.outcome}: {promise.reason}\n")
    return FilesView(checked, promise)


def _arguments(options: argparse.Namespace) -> list[str]:
    reports = options.reports.resolve()
    suites = [str(bundled("suites") / name) for name in ("load", "chaos")]
    chosen = [f"--scenario={name}" for name in options.scenario]
    optional = [f"--{name}={getattr(options, name)}" for name in ("settings", "attach") if getattr(options, name)]
    flags = ["--require-all"] if options.require_all else []
    outputs = [f"--junitxml={reports / 'junit.xml'}", f"--html={reports / 'index.html'}", "--self-contained-html"]
    place = [f"--rootdir={Path.cwd()}", f"--target={options.target}", f"--reports={reports}"]
    return [*_QUIET, *suites, *place, *chosen, *optional, *flags, *outputs]


def _conclude(options: argparse.Namespace, keeper: _Keeper, status: int, files: FilesView | None) -> int:
    for text in (*(f"skipped: {reason}" for reason in keeper.skipped), *keeper.errors):
        sys.stderr.write(text + "\n")
    if keeper.stopped:
        sys.stderr.write(f"seatrial: {keeper.stopped}{what_is_left()}\n")
    if keeper.results:
        _show(options, keeper.results, files)
    if keeper.stopped and keeper.stopped != _CTRL_C:
        return 2
    if not keeper.results:
        return 1 if keeper.stopped or keeper.skipped or keeper.errors else 2
    passed = all(result.verdict.passed for result in keeper.results)
    kept = files is None or files.promise.outcome is Outcome.PASS
    return 0 if passed and kept and status == 0 else 1


def _show(options: argparse.Namespace, results: list[Result], files: FilesView | None) -> None:
    from seatrial.conclude import conclude_all, document_of
    from seatrial.report.summary import table
    from seatrial.timeline import dumps

    folders = [result.folder for result in results]
    report = folders[0] / "report.html"
    if files or len(results) > 1:
        report = conclude_all(folders, options.reports.resolve(), options.target, files)
    promises = [promise for result in results for promise in result.verdict.promises]
    promises = [files.promise, *promises] if files else promises
    if options.format == "json":
        sys.stdout.write(dumps(document_of(promises, folders, report)) + "\n")
        return
    sys.stdout.write("\n" + table(promises, colour=sys.stdout.isatty()) + "\n")
    index = options.reports / "index.html"
    sys.stdout.write(f"report:  {os.path.relpath(report)}\nindex:   {os.path.relpath(index)}\n")


def _reason(report: pytest.TestReport) -> str:
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _is_assertion(report: pytest.TestReport) -> bool:
    """Did a spec judge, rather than break?"""
    crash = getattr(report.longrepr, "reprcrash", None)
    return crash is not None and str(crash.message).startswith("AssertionError")
