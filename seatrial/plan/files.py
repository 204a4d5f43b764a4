"""The files of a folder as texts: what is read, what is left alone, and why.

Nothing is executed, nothing is fetched, and no link is followed out of the folder.
"""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from seatrial.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_BYTES = 2_000_000  # a deployment file is written by people; what is larger is data
MOST_FILES = 100_000
_SKIPPED = frozenset({
    ".git", ".hg", ".svn", ".idea", ".terraform", "node_modules", "site-packages", "__pycache__", "venv", ".venv",
    ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis",
})  # fmt: skip
_DATA = frozenset({
    ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".pdf", ".zip", ".gz", ".tgz", ".xz", ".bz2", ".zst",
    ".tar", ".jar", ".whl", ".so", ".pyc", ".woff", ".woff2", ".ttf", ".eot", ".mp4", ".mp3", ".db", ".sqlite",
    ".parquet", ".csv", ".lock", ".map", ".js", ".css", ".html", ".htm", ".ipynb", ".exe", ".dll", ".bin", ".class",
    ".o", ".a", ".dump",
})  # fmt: skip
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENCODINGS = ("utf-8", "cp949", "latin-1")  # Korean teams on Windows write the second; the last one reads everything


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; line 1 where the whole file is meant."""

    file: PurePosixPath
    line: int = 1


@dataclass(frozen=True)
class Source:
    """A text file of the folder, by its path from there."""

    path: PurePosixPath
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, without their ends."""
        return self.text.split("\n")

    def line(self, number: int) -> str:
        """A line by its number from 1; empty if there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file, or a part of one, that could not be read as what it seems to be."""

    place: Place
    why: str


@dataclass
class Folder:
    """What was found in a folder: its texts, what could not be read, and how many files are no text."""

    sources: list[Source]
    problems: list[Problem]
    left_alone: int = 0
    others: set[PurePosixPath] = field(default_factory=set)  # what is there and was not read: data, links


def read_folder(root: Path) -> Folder:
    """Read a folder, or a single file. Raises InputError if there is none."""
    if root.is_file():
        return folder_of([(PurePosixPath(root.name), root.read_bytes())])
    if not root.is_dir():
        raise InputError("a folder or a file", "nothing there", root)
    folder = Folder([], [])
    for number, path in enumerate(_walk(root, root.resolve(), folder)):
        if number >= MOST_FILES:
            folder.problems.append(
                Problem(Place(PurePosixPath()), f"more than {MOST_FILES} files: the rest is left alone")
            )
            break
        _take(folder, PurePosixPath(path.relative_to(root).as_posix()), path)
    return folder


def folder_of(files: Iterable[tuple[PurePosixPath, bytes]]) -> Folder:
    """The same of files that are in memory."""
    folder = Folder([], [])
    for path, content in files:
        _add(folder, path, content)
    return folder


def _walk(root: Path, real: Path, folder: Folder) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as error:
        folder.problems.append(Problem(Place(PurePosixPath(root.name)), f"cannot be read: {error.strerror}"))
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_symlink():
            _look_at_link(path, real, folder)
        elif entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED:
                yield from _walk(path, real, folder)
        elif entry.is_file(follow_symlinks=False):
            yield path


def _look_at_link(path: Path, real: Path, folder: Folder) -> None:
    """A link inside the folder names a file that is read anyway; one out of it is not followed."""
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        target = Path("/")
    folder.left_alone += 1
    folder.others.add(_inside(path, real))
    if not target.is_relative_to(real):
        folder.problems.append(Problem(Place(_inside(path, real)), "a link out of the folder, which is not followed"))


def _inside(path: Path, real: Path) -> PurePosixPath:
    parent = path.parent.resolve()
    return PurePosixPath((parent / path.name).relative_to(real).as_posix())


def _take(folder: Folder, name: PurePosixPath, path: Path) -> None:
    try:
        if path.suffix.lower() in _DATA or path.stat().st_size > MOST_BYTES:
            folder.left_alone += 1
            folder.others.add(name)
            return
        _add(folder, name, path.read_bytes())
    except OSError as error:
        folder.problems.append(Problem(Place(name), f"cannot be read: {error.strerror or error}"))


def _add(folder: Folder, name: PurePosixPath, content: bytes) -> None:
    text = decode(content)
    if text is None:
        folder.left_alone += 1
        folder.others.add(name)
    else:
        folder.sources.append(Source(name, text))


def decode(content: bytes) -> str | None:
    """The text with `\\n` as line end, or None if it is no text."""
    encodings = next(((encoding,) for mark, encoding in _MARKS if content.startswith(mark)), _ENCODINGS)
    if encodings is _ENCODINGS and b"\0" in content:
        return None
    for encoding in encodings:
        try:
            return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    return None
