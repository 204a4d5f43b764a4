"""What the application's code does for its log: where it writes, and which fields its JSON has."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.code import dotted, modules_of, text_in
from seatrial.plan.files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.code import Module

_FILES = ("FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler")
# What brings lines onto the container's output, or may.
_ELSEWHERE = re.compile(
    r"StreamHandler|dictConfig|fileConfig|structlog|loguru|RichHandler|sys\.std(?:out|err)|SysLogHandler|SocketHandler|HTTPHandler"
    r"|QueueHandler|lastResort|/dev/std|/proc/1/fd|ecs_logging|opentelemetry|watchtower|\bprint\("
)
_PERCENT = re.compile(r"%\((\w+)\)")
_BRACES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class JsonFields:
    """The fields of a JSON log, as far as its formatter tells all of them that every line has."""

    names: frozenset[str]
    place: Place


def file_handler(plan: Plan) -> Place | None:
    """The handler that writes the log into a file, where none writes it anywhere else."""
    found: list[Place] = []
    for module in modules_of(plan).values():
        if _ELSEWHERE.search(module.text):
            return None
        calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
        plain = [each for each in calls if dotted(each.func).endswith("basicConfig")]
        if any(not {word.arg for word in each.keywords} & {"filename", "handlers"} for each in plain):
            return None
        found += [Place(module.path, each.lineno) for each in calls if _into_file(each)]
    return found[0] if found else None


def _into_file(call: ast.Call) -> bool:
    name = dotted(call.func)
    named = any(word.arg == "filename" for word in call.keywords)
    return name.rpartition(".")[2] in _FILES or (name.endswith("basicConfig") and named)


@lru_cache(maxsize=2)
def json_fields(plan: Plan) -> JsonFields | None:
    """The fields of the application's JSON log; None where there is none, more than one, or one that is not told."""
    found = [fields for module in modules_of(plan).values() for fields in _of(module)]
    return found[0] if len(found) == 1 else None


def _of(module: Module) -> Iterator[JsonFields | None]:
    if re.search(r"structlog|loguru|ecs_logging|logstash_async|dictConfig", module.text):
        yield None
        yield None
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and any(dotted(base).endswith("Formatter") for base in node.bases):
            yield _of_class(node, module)
        elif isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "JsonFormatter":
            yield _of_formatter(node, module)


def _of_class(formatter: ast.ClassDef, module: Module) -> JsonFields | None:
    """A formatter of one's own whose `format` fills one dictionary."""
    if any("Json" in dotted(base) for base in formatter.bases):
        return None  # it adds to what its base writes
    names: set[str] = set()
    for node in ast.walk(formatter):
        if isinstance(node, ast.Dict):
            if any(key is None or not text_in(key) for key in node.keys):
                return None
            names |= {text_in(key) for key in node.keys}
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            names |= {text_in(node.slice)}
        elif (
            isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in ("update", "setattr", "asdict")
        ) or (isinstance(node, ast.Attribute) and node.attr == "__dict__"):
            return None
    dumps = any(isinstance(node, ast.Call) and "dumps" in dotted(node.func) for node in ast.walk(formatter))
    return (
        JsonFields(frozenset(names), Place(module.path, formatter.lineno))
        if dumps and names and "" not in names
        else None
    )


def _of_formatter(call: ast.Call, module: Module) -> JsonFields | None:
    """python-json-logger's formatter: the names of its format, renamed."""
    given = {each.arg: each.value for each in call.keywords}
    text = text_in(call.args[0] if call.args else given.get("fmt"))
    if not text or None in given or any("add_fields" in each.text for each in (module,)):
        return None
    renamed = given.get("rename_fields")
    static = given.get("static_fields") or given.get("defaults")
    if any(each is not None and not isinstance(each, ast.Dict) for each in (renamed, static)):
        return None
    names = set(_PERCENT.findall(text) or _BRACES.findall(text))
    if isinstance(renamed, ast.Dict):
        pairs = {text_in(key): text_in(value) for key, value in zip(renamed.keys, renamed.values, strict=True)}
        names = {pairs.get(name, name) for name in names}
    if isinstance(static, ast.Dict):
        names |= {text_in(key) for key in static.keys}
    stamp = given.get("timestamp")
    if stamp is not None:
        names |= {text_in(stamp) or "timestamp"}
    return JsonFields(frozenset(names), Place(module.path, call.lineno)) if "" not in names else None
