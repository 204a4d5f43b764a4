"""Saved runs as one self-contained page: no network, no scripts; the verdict first, then all that it rests on."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from seatrial.report import units
from seatrial.report.sentences import severity, tally, why
from seatrial.report.text import clean
from seatrial.report.view import RunView, view_of
from seatrial.verdict import FILES, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seatrial.report.files import FilesView
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

Run = tuple["Timeline", Verdict]


def write_report(runs: Sequence[Run], path: Path, files: FilesView | None = None) -> None:
    """Write the page of one run or of several, whole or not at all. The same runs give the same bytes."""
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.write_text(render(runs, files), encoding="utf-8")
    temporary.replace(path)


def render(runs: Sequence[Run], files: FilesView | None = None) -> str:
    """The page as text; with the deployment files it is the page of a whole verification."""
    views = [view_of(timeline, verdict, f"r{place}") for place, (timeline, verdict) in enumerate(runs, 1)]
    of_files = [(files.promise, FILES)] if files else []
    overall = Verdict((*(p for p, _ in of_files), *(promise for _, verdict in runs for promise in verdict.promises)))
    several = len(views) > 1 or files is not None
    page = _environment().get_template("page.html")
    return page.render(
        views=views,
        several=several,
        outcome=overall.outcome,
        why=why(overall.promises, several=several),
        tally=tally(overall.promises),
        rows=_rows(of_files, views),
        files=files,
        names=_names([view.run for view in views]),
    )


def _rows(of_files: Sequence[tuple[Promise, str]], views: Sequence[RunView]) -> list[tuple[Promise, str]]:
    """The promises of files and runs, the broken ones first, each with the anchor of its section."""
    rows = [*of_files, *(row for view in views for row in view.rows)]
    return sorted(rows, key=lambda row: severity(row[0]))


def _names(runs: Sequence[dict[str, Any]]) -> str:
    """The deployments that were tried, usually one."""
    names = [str((run.get("settings") or {}).get("name", "")) for run in runs]
    return ", ".join(dict.fromkeys(name for name in names if name)) or "a deployment"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seatrial.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals["infinity"] = float("inf")
    environment.filters |= {
        "seconds": units.seconds,
        "ratio": units.ratio,
        "size": units.size,
        "measured": lambda promise: _typeset(units.measured(promise)),
        "objective": lambda promise: _typeset(units.objective(promise)),
        "margin": lambda promise: _typeset(units.margin(promise)),
        "count": lambda number: f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str),
        "pairs": _pairs,
    }
    return environment


def _shown(value: object) -> object:
    """Everything that a template writes passes here: masked by its form, fit to be shown."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else clean(value)


def _typeset(text: str) -> str:
    """Signs that a terminal may not have."""
    if text == units.NOTHING:
        return "\N{EN DASH}"
    return text.replace("<=", "\N{LESS-THAN OR EQUAL TO}").replace("-", "\N{MINUS SIGN}").replace("inf", "\N{INFINITY}")


def _pairs(arguments: dict[str, Any] | None) -> str:
    """`component=database mode=blackhole`."""
    return " ".join(f"{key}={value}" for key, value in (arguments or {}).items())
