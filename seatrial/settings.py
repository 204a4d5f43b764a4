"""`seatrial.toml` -> frozen values, built once. Every mistake is an InputError with the line it stands in."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seatrial.errors import InputError
from seatrial.masking import looks_secret
from seatrial.toml_lines import line_of

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
Path_ = Annotated[str, Field(pattern=r"^/")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
KINDS = ("database", "application", "infrastructure")
DisasterKind = Literal["database", "application", "infrastructure"]


class Model(BaseModel):
    """A frozen table of the file that refuses keys it does not know and values of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Disaster(Model):
    """What is promised for one kind of disaster."""

    rto_s: Seconds
    rpo_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Objectives(Model):
    """The promises, each a number with its unit."""

    p95_s: Seconds = 1.0
    error_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    database: Disaster = Disaster(rto_s=3600, rpo_s=900)
    application: Disaster = Disaster(rto_s=1800, rpo_s=300)
    infrastructure: Disaster = Disaster(rto_s=7200, rpo_s=3600)

    def disaster(self, kind: str) -> Disaster:
        """The promise for a kind of disaster: database, application or infrastructure."""
        promise: Disaster = getattr(self, kind)
        return promise


class Client(Model):
    """What a user of the deployment sees, and how often the probe looks."""

    url: str = "{app.url}"
    health: Path_ = "/health"
    rate_hz: Rate = 50.0
    timeout_s: Seconds = 2.0


class Request(Model):
    """One kind of request of the load."""

    name: Name
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    path: Path_
    weight: Annotated[int, Field(gt=0)] = 1
    json_: Any = Field(default=None, alias="json")  # the body; {id} in it becomes a new id for each request
    headers: dict[str, str] = {}


class Load(Model):
    """An open loop over requests, or the user's own locustfile with so many users."""

    rate_hz: Rate = 100.0
    requests: tuple[Request, ...] = ()
    locustfile: str | None = None
    users: Annotated[int, Field(gt=0)] = 10

    @model_validator(mode="after")
    def _one_of_both(self) -> Load:
        if self.locustfile and self.requests:
            raise ValueError("either requests or locustfile, not both")
        return self


class LedgerWrite(Model):
    """The request that writes an entry; {id} and {value} are replaced in path and body."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: Path_
    json_: Any = Field(default=None, alias="json")
    headers: dict[str, str] = {}


class LedgerRead(Model):
    """The request that reads an entry back; `value` names the field of the JSON answer that holds the value."""

    path: Path_
    value: str
    headers: dict[str, str] = {}


class Ledger(Model):
    """Acknowledged writes, read back after recovery: through the API, and directly where a DSN is given."""

    rate_hz: Rate = 10.0
    write: LedgerWrite | None = None
    read: LedgerRead | None = None
    sql: str | None = None  # a DSN, e.g. "{database.url}"; Seatrial makes and drops a table of its own
    redis: str | None = None  # a DSN, e.g. "{cache.url}"; Seatrial's keys expire by themselves

    @model_validator(mode="after")
    def _both_or_none(self) -> Ledger:
        if (self.write is None) != (self.read is None):
            raise ValueError("write and read together: what is written has to be read back")
        return self


class Component(Model):
    """A part of the deployment that scenarios name."""

    service: str | None = None  # its name on Compose and Kubernetes; on local it is the component's own name
    kind: Literal["application", "postgresql", "redis", "other"] = "application"


class LocalComponent(Model):
    """How the local target runs a component; without a command it is the real server that came with Seatrial."""

    command: tuple[str, ...] | None = None
    env: dict[str, str] = {}
    ready: str = ""  # a path, a URL, or nothing: the port answers
    restart: bool = True
    depends_on: tuple[str, ...] = ()
    port: Annotated[int, Field(gt=0, lt=65536)] | None = None  # a free one if not given
    url: str | None = None  # how others reach it, e.g. "postgresql://me@127.0.0.1:{port}/db"
    cwd: str = "."  # from the folder of seatrial.toml
    start_timeout_s: Seconds = 30.0


class ComposeTarget(Model):
    """Where the deployment runs with Docker Compose."""

    file: str = "docker-compose.yml"
    project: str
    url: str | None = None


class KubernetesTarget(Model):
    """Where the deployment runs on Kubernetes; the context is explicit, never the current one by chance."""

    kubeconfig: str
    context: str
    namespace: str
    url: str | None = None


class Targets(Model):
    """Where the deployment runs."""

    local: dict[Name, LocalComponent] = {}
    compose: ComposeTarget | None = None
    kubernetes: KubernetesTarget | None = None


class Settings(Model):
    """The whole file. `file` is where it was read from; relative paths in it start at `root`."""

    name: Name
    file: Path
    files: str = "."
    objectives: Objectives = Objectives()
    client: Client = Client()
    load: Load = Load()
    ledger: Ledger = Ledger()
    components: dict[Name, Component] = {}
    targets: Targets = Targets()

    @property
    def root(self) -> Path:
        """The folder that the file stands in."""
        return self.file.parent


def load_settings(path: Path) -> Settings:
    """Read a `seatrial.toml`. Raises InputError (file, line, expected, found) for anything that is not right."""
    text = _read(path)
    data = _parse(text, path)
    if "file" in data:
        raise InputError("a key that Seatrial knows", "the unknown key file", path, line_of(text, ("file",)))
    try:
        settings = Settings.model_validate({**_expand(data, text, path, ()), "file": path})
    except ValidationError as error:
        raise _first(error, text, path) from None
    _check_names(settings, text)
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "text that is not UTF-8"
        raise InputError("a readable seatrial.toml", reason, path) from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        raise InputError("TOML", str(error).split(" (at ")[0], path, line) from None


def _expand(value: Any, text: str, path: Path, where: tuple[str, ...]) -> Any:  # noqa: ANN401 - any TOML value
    """Replace `${NAME}` from the environment, once, here at the edge; arrays become tuples; numbers stay."""
    if isinstance(value, dict):
        return {key: _expand(item, text, path, (*where, key)) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_expand(item, text, path, where) for item in value)
    if not isinstance(value, str):
        return value

    def from_environment(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            line = line_of(text, where)
            raise InputError(f"the environment variable {name}", "it is not set", path, line)
        return os.environ[name]

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", from_environment, value)


def _first(error: ValidationError, text: str, path: Path) -> InputError:
    """The first problem of a validation as one line; the others come up when this one is mended."""
    problem = error.errors(include_url=False)[0]
    where = tuple(str(part) for part in problem["loc"] if part != "[key]")
    line, key = line_of(text, where), ".".join(where)
    if problem["type"] == "extra_forbidden":
        return InputError("a key that Seatrial knows", f"the unknown key {key}", path, line)
    if problem["type"] == "missing":
        return InputError(f"the key {key}", "nothing", path, line)
    expected = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    subject = f"{key} to be {expected}" if problem["msg"].startswith("Input") else f"{key or 'the file'}: {expected}"
    return InputError(subject, _shown(key, problem["input"]), path, line)


def _shown(key: str, value: Any) -> str:  # noqa: ANN401 - any TOML value

    return "a value that is not shown" if looks_secret(key) else repr(value)[:80]


def _check_names(settings: Settings, text: str) -> None:
    """Names that one table says and another relies on."""
    known = tuple(settings.components) or ("app", "database", "cache")
    for name, component in settings.targets.local.items():
        where = ("targets", "local", name)
        if name not in settings.components:
            expected = f"a component of [components] ({', '.join(known)})"
            raise InputError(expected, f"[targets.local.{name}]", settings.file, line_of(text, where))
        for other in component.depends_on:
            if other not in settings.targets.local:
                expected = f"depends_on to name components of [targets.local] ({', '.join(settings.targets.local)})"
                raise InputError(expected, other, settings.file, line_of(text, (*where, "depends_on")))
        if component.command is None and settings.components[name].kind not in ("postgresql", "redis"):
            expected = f"a command for {name} (only kind postgresql and redis come with Seatrial)"
            raise InputError(expected, "none", settings.file, line_of(text, where))
