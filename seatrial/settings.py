"""What `seatrial.toml` may say, as frozen values. `seatrial.settings_file` reads it into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
Path_ = Annotated[str, Field(pattern=r"^/")]
# After RFC 9110, 5.1 and 5.5: a token; no control characters.
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
Headers = dict[HeaderName, HeaderValue]
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
    """What a user of the deployment sees, and how often the probe looks: on new connections and on kept ones each."""

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
    headers: Headers = {}
    expect: Annotated[str, Field(min_length=1)] | None = None  # a text that every good answer has


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
    headers: Headers = {}


class LedgerRead(Model):
    """The request that reads an entry back; `value` names the field of the JSON answer that holds the value."""

    path: Path_
    value: str
    headers: Headers = {}


class Ledger(Model):
    """Acknowledged writes, read back after recovery: through the API, and directly where a DSN is given."""

    rate_hz: Rate = 10.0
    write: LedgerWrite | None = None
    read: LedgerRead | None = None
    sql: str | None = None  # a DSN, e.g. "{database.url}"; Seatrial makes and drops a table of its own
    redis: str | None = None  # a DSN, e.g. "{cache.url}"; Seatrial's keys expire by themselves
    nothing_to_lose: bool = False  # the deployment keeps nothing for its users: no data loss is judged

    @model_validator(mode="after")
    def _both_or_none(self) -> Ledger:
        if (self.write is None) != (self.read is None):
            raise ValueError("write and read together: what is written has to be read back")
        if self.write and self.read:
            written = self.write.path + json.dumps(self.write.json_)
            for place, text in (("{id}", written), ("{value}", written), ("{id}", self.read.path)):
                if place not in text:
                    raise ValueError(
                        f"{place} in {'write' if text is written else 'read'}: else no entry can be told from another"
                    )
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
    files: str = "."  # the deployment files
    baseline: str | None = None  # findings in them that were there when the team began
    objectives: Objectives = Objectives()
    client: Client = Client()
    load: Load = Load()
    ledger: Ledger = Ledger()
    components: dict[Name, Component] = {}
    targets: Targets = Targets()
    secrets: Annotated[tuple[str, ...], Field(exclude=True, repr=False)] = ()  # from the environment, to be masked

    @property
    def root(self) -> Path:
        """The folder that the file stands in."""
        return self.file.parent

    @property
    def known_findings(self) -> Path | None:
        """The baseline's file, if there is one."""
        return self.root / self.baseline if self.baseline else None
