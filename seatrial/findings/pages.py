"""A rule's page: what is wrong, why it matters, what to do, and the examples that are its tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seatrial.errors import InputError

PAGES = Path(__file__).parent.parent / "rules" / "pages"
_FILE = re.compile(r"^`([^`\n]+)`\n+(`{3,})\w*\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)
_FOUND = re.compile(r"^Found:\n+```\w*\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A small folder, and what the rule says of it: nothing, if the example is a good one."""

    title: str
    files: dict[str, str]
    found: tuple[str, ...]  # `file:line message`


@dataclass(frozen=True)
class Page:
    """The page of a rule."""

    name: str
    text: str
    title: str  # what is wrong, in a sentence
    why: str
    mend: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]


@lru_cache(maxsize=256)
def page_of(name: str) -> Page:
    """The page of a rule. Raises InputError if there is none, naming those that sound like it."""
    path = PAGES / f"{name}.md"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.is_file():
        known = [page.stem for page in sorted(PAGES.glob("*.md"))]
        near = [other for other in known if set(name.split("-")) & set(other.split("-"))] or known
        raise InputError(f"a rule ({', '.join(near)})", name)
    return read_page(name, path.read_text(encoding="utf-8"))


def why_and_mend(rule: str) -> tuple[str, str]:
    """Why it matters and what to do; nothing for a finding of a peer, whose message says it."""
    try:
        page = page_of(rule)
    except InputError:
        return "", ""
    return page.why, page.mend


def read_page(name: str, text: str) -> Page:
    """A page from its text. Raises ValueError if a part is missing."""
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    examples = [_example(section) for section in sections]
    bad = tuple(example for example in examples if example.title.startswith("Bad"))
    good = tuple(example for example in examples if example.title.startswith("Good"))
    paragraphs = [" ".join(part.split()) for part in head.split("\n\n") if part.strip()]
    why = next((part.removeprefix("**Why:** ") for part in paragraphs if part.startswith("**Why:**")), "")
    mend = next((part.removeprefix("**Mend:** ") for part in paragraphs if part.startswith("**Mend:**")), "")
    if not (why and mend and bad and good and len(paragraphs) >= 4 and paragraphs[0] == f"# {name}"):
        raise ValueError(f"the page {name} needs a title, a sentence, Why, Mend, a Bad and a Good example")
    return Page(name, text, paragraphs[1], why, mend, bad, good)


def _example(section: str) -> Example:
    title, _, body = section.partition("\n")
    found = _FOUND.search(body)
    listed = tuple(line for line in found[1].split("\n") if line.strip()) if found else ()
    return Example(title.strip(), {match[1]: match[3] + "\n" for match in _FILE.finditer(body)}, listed)
