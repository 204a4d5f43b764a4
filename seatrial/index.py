"""The index of a pytest session that pytest-html writes: here with each run's verdict and a link to its report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from seatrial.session import Result

VERDICT = "seatrial_verdict"  # the attribute of a test's report that carries it to the row
COLUMN = 1  # after pytest's own result, which knows no INCONCLUSIVE


class Index:
    """Hooks of pytest-html; registered where that plugin is at work."""

    def __init__(self, config: pytest.Config, results: list[Result]) -> None:
        self._config = config
        self._results = results

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report of a test its run's verdict and a link."""
        report = yield
        if report.when == "call":
            from pytest_html import extras

            results = [result for result in self._results if self._ran(item, result)]
            links = [extras.url(self._place(result), name="report") for result in results]
            report.extras = [*getattr(report, "extras", []), *links]  # type: ignore[attr-defined] # pytest-html's
            setattr(report, VERDICT, ", ".join(result.verdict.outcome.value for result in results))
        return report

    @staticmethod
    def _ran(item: pytest.Item, result: Result) -> bool:
        """The runs of `suites/` have the scenario in the test's brackets, those of a team's specs the test's name."""
        return item.name == result.scenario or item.name.endswith(f"[{result.scenario}]")

    def _place(self, result: Result) -> str:
        """The run's report as the index sees it."""
        index = self._config.getoption("htmlpath", None)
        base = Path(index).resolve().parent if index else self._config.invocation_params.dir
        return os.path.relpath(result.folder / "report.html", base)

    def pytest_html_report_title(self, report: Any) -> None:  # noqa: ANN401 - pytest-html's
        """Whose index it is."""
        report.title = "Seatrial: the runs of this session"

    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """A column for the verdict."""
        cells.insert(COLUMN, "<th>Verdict</th>")

    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """The verdict; nothing for a test without a run."""
        cells.insert(COLUMN, f"<td>{getattr(report, VERDICT, '')}</td>")
