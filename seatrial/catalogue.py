"""The scenarios that come with Seatrial, and finding one by its name or its path."""

from __future__ import annotations

import textwrap
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.bundled import bundled
from seatrial.errors import InputError

if TYPE_CHECKING:
    from seatrial.scenario import Scenario
    from seatrial.settings import Settings


def catalogue() -> dict[str, Path]:
    """The scenarios that come with Seatrial, by name, in the order in which `verify` runs them."""
    paths = {path.stem: path for path in sorted(bundled("scenarios").glob("*.yaml"))}
    return {name: paths[name] for name in sorted(paths, key=lambda name: (name != "steady-state", name))}


def find_scenario(name: str, base: Path) -> Path:
    """A scenario of the catalogue by name, or a file by its path. Raises InputError naming those there are."""
    known = catalogue()
    if name in known:
        return known[name]
    path = base / name
    if path.is_file():
        return path
    if "/" in name or path.suffix in (".yaml", ".yml", ".json"):
        raise InputError("a scenario file", "no such file", name)
    near = get_close_matches(name, known, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise InputError(f"a scenario ({', '.join(known)}) or the path of a scenario file", f"{name}{meant}")


def is_shipped(scenario: Scenario) -> bool:
    """Did it come with Seatrial? Such a scenario is skipped on a deployment that lacks what it breaks."""
    return catalogue().get(scenario.name) == scenario.document.file


def shipped_for(settings: Settings) -> dict[str, str]:
    """Each shipped scenario with the first component that the settings do not have, or an empty string."""
    from seatrial.scenario import load_scenario

    found = {}
    for name, path in catalogue().items():
        unknown = load_scenario(path).unknown_components(settings)
        found[name] = unknown[0][1] if unknown else ""
    return found


def describe() -> str:
    """Every scenario: what it proves, what it needs of a target, which promise it belongs to."""
    from seatrial.scenario import load_scenario

    lines = []
    for name, path in catalogue().items():
        scenario = load_scenario(path)
        needs = ", ".join(sorted({fault.needs.__name__ for fault in scenario.faults})) or "nothing but a target"
        lines += [name, f"  {scenario.title}", _wrapped("proves", scenario.extension.proves)]
        lines += [_wrapped("promise", scenario.extension.promise), f"  needs:   {needs}", ""]
    return "\n".join([*lines, "A scenario of your own runs from any path: seatrial run path/to/story.yaml"])


def _wrapped(label: str, text: str) -> str:
    head = f"  {label + ':':9}"
    return textwrap.fill(" ".join(text.split()), 110, initial_indent=head, subsequent_indent=" " * len(head))
