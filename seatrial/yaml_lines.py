"""YAML with the line of every value, so that a mistake in a scenario is named where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from seatrial.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Where = tuple[str | int, ...]
MOST_VALUES = 10_000  # aliases count each time: a small file can stand for billions of values


class Document:
    """A parsed YAML file: its value, and the line (from 1) of any path into it."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self._lines: dict[Where, int] = {}
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            if node is not None:
                self._walk(node, (), ())
            self.value: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise _unreadable(file, error) from None
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            # A tag whose value is none of its kind (a date, a number), or levels without end.
            said = "too many levels" if isinstance(error, RecursionError) else str(error)
            raise InputError("YAML", said, file) from None

    def line_of(self, where: Where) -> int:
        """The line of the path, or of its nearest parent."""
        for length in range(len(where), 0, -1):
            if where[:length] in self._lines:
                return self._lines[where[:length]]
        return 1

    def wrong(self, where: Where, expected: str, found: str) -> InputError:
        """An InputError at that place of the file."""
        return InputError(expected, found, self.file, self.line_of(where))

    def _walk(self, node: yaml.Node, where: Where, above: tuple[int, ...]) -> None:
        if id(node) in above or len(self._lines) > MOST_VALUES:
            found = "an alias inside what it stands for" if id(node) in above else "more"
            raise InputError(f"at most {MOST_VALUES} values", found, self.file, node.start_mark.line + 1)
        above = (*above, id(node))
        self._lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*where, str(key.value))
                self._lines[inner] = key.start_mark.line + 1
                self._walk(value, inner, above)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._walk(value, (*where, index), above)


def load_document(file: Path) -> Document:
    """Read a YAML file. Raises InputError if it cannot be read or is not YAML."""
    try:
        return Document(file, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("a readable YAML file", getattr(error, "strerror", None) or "not UTF-8", file) from None


def _unreadable(file: Path, error: yaml.YAMLError) -> InputError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return InputError("YAML", problem, file, mark.line + 1 if mark else None)
