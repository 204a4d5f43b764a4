"""Helm charts: rendered with their own default values where `helm` is installed; else nothing is known of them.

`helm template` runs no program of the chart and fetches nothing: what a chart depends on has to lie in its `charts/`.
A rendered manifest stands for its template, under the template's path; lines are those of the rendered text.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.files import Folder, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT_S = 20
_SOURCE = re.compile(r"^# Source: [^/\n]+/(?P<path>\S+)$")


def with_charts_rendered(folder: Folder, root: Path) -> tuple[Folder, list[str]]:
    """The folder with the templates of its charts replaced by what they render to, and what could not be rendered."""
    charts = _charts(folder)
    if not charts:
        return folder, []
    helm = shutil.which("helm")
    if helm is None:
        many = f"{len(charts)} Helm charts are" if len(charts) > 1 else f"the Helm chart {charts[0]} is"
        return folder, [f"{many} not looked at: helm is not installed (https://helm.sh/docs/intro/install)"]
    notes = []
    for chart in charts:
        try:
            rendered = _render(helm, root, chart)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            notes.append(f"the Helm chart {chart} is not looked at: {_said(error)}")
        else:
            folder = _replaced(folder, chart, rendered)
    return folder, notes


def _charts(folder: Folder) -> list[PurePosixPath]:
    """The folders of charts; one inside another's `charts/` is rendered with that one."""
    found = [source.path.parent for source in folder.sources if source.path.name == "Chart.yaml"]
    return [chart for chart in found if not any(chart.is_relative_to(other / "charts") for other in found)]


def _render(helm: str, root: Path, chart: PurePosixPath) -> dict[PurePosixPath, str]:
    """What each template of a chart renders to, by the template's path from the root."""
    command = [helm, "template", "release", str(root / chart)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True,
                          stdin=subprocess.DEVNULL)  # fmt: skip
    texts: dict[PurePosixPath, str] = {}
    for path, document in _documents(done.stdout):
        texts[chart / path] = texts.get(chart / path, "") + document
    return texts


def _documents(output: str) -> Iterator[tuple[str, str]]:
    """Each rendered document and the template that it comes from."""
    for document in re.split(r"^(?=---\n)", output, flags=re.MULTILINE):
        lines = document.splitlines(keepends=True)
        named = next((match for line in lines[:3] if (match := _SOURCE.match(line.rstrip("\n")))), None)
        if named:
            yield named["path"], document


def _replaced(folder: Folder, chart: PurePosixPath, rendered: dict[PurePosixPath, str]) -> Folder:
    inside = (chart / "templates", chart / "charts")
    kept = [source for source in folder.sources if not any(source.path.is_relative_to(part) for part in inside)]
    sources = [*kept, *(Source(path, text) for path, text in rendered.items())]
    left_alone = folder.left_alone + len(folder.sources) - len(kept)
    return Folder(sorted(sources, key=lambda source: source.path), folder.problems, left_alone)


def _said(error: Exception) -> str:
    output = getattr(error, "stderr", None) or str(error)
    lines = [line for line in str(output).splitlines() if line.startswith("Error:")] or [str(error)]
    return " ".join(lines[0].split())[:200]
