"""`seatrial.toml` -> `Settings`, built once. Every mistake is an InputError with the line it stands in."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seatrial.bundled import reference_settings
from seatrial.errors import InputError
from seatrial.masking import looks_secret, may_be_secret
from seatrial.settings import Settings
from seatrial.toml_lines import line_of


def load_settings(path: Path) -> Settings:
    """Read a `seatrial.toml`. Raises InputError (file, line, expected, found) for anything that is not right."""
    source = _Source(path.resolve(), _read(path))
    data = source.parse()
    for reserved in ("file", "secrets"):
        if reserved in data:
            raise source.wrong((reserved,), "a key that Seatrial knows", f"the unknown key {reserved}")
    try:
        values = {**source.expand(data, ()), "file": source.file}
        settings = Settings.model_validate({**values, "secrets": tuple(source.secrets)})
    except ValidationError as error:
        raise source.first(error) from None
    except RecursionError:
        raise InputError("TOML", "too many levels", source.file) from None
    _check_names(settings, source)
    _check_references(settings, source)
    return settings


def settings_for(folder: Path, explicit: Path | None) -> Settings:
    """The settings that are used in a folder: those named, the nearest, or the reference's. Raises InputError."""
    return load_settings(explicit or nearest_settings(folder) or reference_settings())


def nearest_settings(folder: Path) -> Path | None:
    """The seatrial.toml of a folder or of the nearest one above."""
    places = (above / "seatrial.toml" for above in (folder, *folder.parents))
    return next((place for place in places if place.is_file()), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "text that is not UTF-8"
        raise InputError("a readable seatrial.toml", reason, path) from None


@dataclass
class _Source:
    """The text of a settings file, and the secrets that the environment put into it."""

    file: Path
    text: str
    secrets: list[str] = field(default_factory=list)

    def wrong(self, where: tuple[str, ...], expected: str, found: str) -> InputError:
        return InputError(expected, found, self.file, line_of(self.text, where))

    def parse(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+)", str(error))
            line = int(found.group(1)) if found else self.text.count("\n") + 1
            raise InputError("TOML", str(error).split(" (at ")[0], self.file, line) from None
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, tables without end
            raise InputError("TOML", str(error) or "too many levels", self.file) from None

    def expand(self, value: Any, where: tuple[str, ...]) -> Any:  # noqa: ANN401 - any TOML value
        """Replace `${NAME}` from the environment, once, here at the edge; arrays become tuples."""
        if isinstance(value, dict):
            return {key: self.expand(item, (*where, key)) for key, item in value.items()}
        if isinstance(value, list):
            return tuple(self.expand(item, where) for item in value)
        if isinstance(value, str):
            return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", lambda match: self._variable(match.group(1), where), value)
        return value

    def _variable(self, name: str, where: tuple[str, ...]) -> str:
        if name not in os.environ:
            raise self.wrong(where, f"the environment variable {name}", "it is not set")
        if may_be_secret(name) and os.environ[name]:
            self.secrets.append(os.environ[name])
        return os.environ[name]

    def first(self, error: ValidationError) -> InputError:
        """The first problem of a validation; the others come up when this one is mended."""
        problem = error.errors(include_url=False)[0]
        where = tuple(str(part) for part in problem["loc"] if part != "[key]")
        key, message = ".".join(where), problem["msg"]
        if problem["type"] == "extra_forbidden":
            return self.wrong(where, "a key that Seatrial knows", f"the unknown key {key}")
        if problem["type"] == "missing":
            return self.wrong(where, f"the key {key}", "nothing")
        expected = message.removeprefix("Input should be ").removeprefix("Value error, ")
        subject = f"{key} to be {expected}" if message.startswith("Input") else f"{key or 'the file'}: {expected}"
        return self.wrong(where, subject, self._shown(key, problem["input"]))

    def _shown(self, key: str, value: Any) -> str:  # noqa: ANN401 - any TOML value
        telling = {"env", "command", "sql", "redis", "url", "headers"} & set(key.split("."))
        hidden = telling or looks_secret(key) or any(secret in str(value) for secret in self.secrets)
        return "a value that is not shown" if hidden else repr(value)[:80]


def _check_references(settings: Settings, source: _Source) -> None:
    """What clients use: references to components that there are, and a URL that a browser could open."""
    url = settings.client.url
    if not url.startswith(("http://", "https://", "{")):
        raise source.wrong(("client", "url"), "an http or https URL, or a reference such as {app.url}", "another")
    used = {("client", "url"): url, ("ledger", "sql"): settings.ledger.sql, ("ledger", "redis"): settings.ledger.redis}
    for where, text in used.items():
        for name in re.findall(r"\{([A-Za-z][\w-]*)\.[a-z]+\}", text or ""):
            if name not in settings.components:
                known = ", ".join(settings.components) or "none"
                raise source.wrong(where, f"a reference to a component of [components] ({known})", f"{{{name}}}")


def _check_names(settings: Settings, source: _Source) -> None:
    """Names that one table says and another relies on."""
    known, local = ", ".join(settings.components) or "none", settings.targets.local
    for name in local:
        if name not in settings.components:
            where = ("targets", "local", name)
            raise source.wrong(where, f"a component of [components] ({known})", f"[targets.local.{name}]")
    for name, component in local.items():
        where = ("targets", "local", name)
        for other in component.depends_on:
            if other not in local:
                expected = f"depends_on to name components of [targets.local] ({', '.join(local)})"
                raise source.wrong((*where, "depends_on"), expected, other)
        if component.command is None and settings.components[name].kind not in ("postgresql", "redis"):
            expected = f"a command for {name} (only kind postgresql and redis come with Seatrial)"
            raise source.wrong(where, expected, "none")
