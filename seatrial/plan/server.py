"""What a command line starts: which server, on which address and port, with which module of the application."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.dockerfile import split

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANY = "0.0.0.0"  # noqa: S104 - it is looked for, not bound
# Program: its own address and port, and the options that change them.
_DEFAULTS = {"uvicorn": ("127.0.0.1", 8000), "gunicorn": ("127.0.0.1", 8000), "hypercorn": ("127.0.0.1", 8000),
             "flask": ("127.0.0.1", 5000), "runserver": ("127.0.0.1", 8000), "fastapi run": (_ANY, 8000),
             "fastapi dev": ("127.0.0.1", 8000)}  # fmt: skip
_HOST, _PORT, _BIND = ("--host", "-h"), ("--port", "-p"), ("-b", "--bind", "--insecure-bind")
_BEFORE = frozenset({"exec", "poetry", "pdm", "pipenv", "uv", "run", "rye", "python", "python3", "-m", "-u", "tini",
                     "dumb-init", "--", "opentelemetry-instrument", "ddtrace-run", "newrelic-admin", "run-program",
                     "gosu", "su-exec", "nice", "env"})  # fmt: skip
_VARIABLE = re.compile(r"\$\{?(\w+)(?::?-([^}]*))?\}?")
_SEPARATORS = re.compile(r"\s*(?:&&|;|\|\||\n)\s*")
LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


@dataclass(frozen=True)
class Server:
    """A server that is started."""

    program: str
    host: str | None  # None where nobody can tell
    port: int | None
    module: str  # `main:app`; empty where none is named
    words: tuple[str, ...]

    @property
    def reloads(self) -> bool:
        """Does it watch its files and start again, as on a developer's machine?"""
        return "--reload" in self.words or self.program in ("fastapi dev", "runserver") or "--debug" in self.words


def server_of(words: list[str], values: Mapping[str, str]) -> Server | None:
    """The server that a command line starts, with the variables of its image; None if it is none that is known."""
    for part in _commands(words):
        found = _server([_filled(word, values) for word in part], values)
        if found is not None:
            return found
    return None


def _commands(words: list[str]) -> list[list[str]]:
    """The commands of a line: of `sh -c`, those inside it."""
    if len(words) == 1 and " " in words[0]:
        words = split(words[0])
    for flag in ("-c", "-lc", "-ec"):
        if flag in words[:3] and words[0].rsplit("/", maxsplit=1)[-1] in ("sh", "bash", "ash", "dash"):
            inside = " ".join(words[words.index(flag) + 1 : words.index(flag) + 2])
            return [split(part) for part in _SEPARATORS.split(inside)]
    lines = _SEPARATORS.split(" ".join(words)) if {"&&", ";", "||"} & set(words) else []
    return [split(line) for line in lines] if lines else [words]


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values.get(match[1]) or match[2] or match[0], word)


def _server(words: list[str], values: Mapping[str, str]) -> Server | None:
    rest = list(words)
    while rest and (rest[0].rsplit("/", maxsplit=1)[-1] in _BEFORE or re.fullmatch(r"[A-Z_]+=\S*", rest[0])):
        rest = rest[1:]
    if not rest:
        return None
    name = rest[0].rsplit("/", maxsplit=1)[-1]
    name = "runserver" if name == "manage.py" and rest[1:2] == ["runserver"] else name
    name = f"fastapi {rest[1]}" if name == "fastapi" and len(rest) > 1 else name
    return _of_program(name, rest[1:], values) if name in _DEFAULTS else None


def _of_program(name: str, words: list[str], values: Mapping[str, str]) -> Server:
    host, port = _DEFAULTS[name]
    module = next((word for word in words if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(?:\(\))?", word)), "")
    upper = name.upper()
    told_host = (
        _option(words, _HOST) or values.get(f"{upper}_HOST") or values.get("FLASK_RUN_HOST" if name == "flask" else "")
    )
    told_port = (
        _option(words, _PORT) or values.get(f"{upper}_PORT") or values.get("FLASK_RUN_PORT" if name == "flask" else "")
    )
    if name in ("gunicorn", "hypercorn", "runserver"):
        told_host, told_port = _bound(name, words, values)
    return Server(name, _known(told_host, host), _number(told_port, port), module, tuple(words))


def _bound(name: str, words: list[str], values: Mapping[str, str]) -> tuple[str, str]:
    """Address and port of `-b 0.0.0.0:8000`; `$` where a file of its own tells them."""
    if name == "runserver":
        bind = next((word for word in words[1:] if re.fullmatch(r"(?:\S*:)?\d+", word)), "")
        return (bind.rpartition(":")[0], bind.rpartition(":")[2]) if bind else ("", "")
    configured = any(word.split("=")[0] in ("-c", "--config") for word in words)
    if configured or "GUNICORN_CMD_ARGS" in values or "unix:" in " ".join(words):
        return "$", "$"
    bind = _option(words, _BIND)
    host, colon, port = bind.rpartition(":")
    return (host or _ANY, port) if colon else (bind, "")


def _option(words: list[str], names: tuple[str, ...]) -> str:
    for number, word in enumerate(words):
        head, equals, value = word.partition("=")
        if head in names:
            return value if equals else words[number + 1] if number + 1 < len(words) else ""
    return ""


def _known(text: str | None, otherwise: str) -> str | None:
    return otherwise if not text else None if "$" in text or "\ufffd" in text else text


def _number(text: str | None, otherwise: int) -> int | None:
    return otherwise if not text else int(text) if text.isdigit() and len(text) < 6 else None
