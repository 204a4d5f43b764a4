"""What a running local deployment is, as frozen values that are also a file: its folder is enough to reach it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seatrial.errors import InputError, TargetError, in_one_line

HOST = "127.0.0.1"
MARK = "SEATRIAL_DEPLOYMENT"  # in the environment of every process of a deployment: its folder
PART = "SEATRIAL_COMPONENT"  # and the name of the component that the process belongs to
LINKS = "seatrial-links"  # the supervised program that carries the links between components
OWNED = ".seatrial"  # the file that says that a folder may be removed with everything in it
_FILE = "deployment.json"


@dataclass(frozen=True)
class Program:
    """One component as it runs."""

    name: str
    kind: str
    command: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    port: int  # 0: it listens on no port that is known
    url: str  # for clients outside, direct
    ready: str  # a URL, or "": its port answers
    restart: bool
    depends_on: tuple[str, ...]
    start_timeout_s: float
    user: str | None = None  # None: the user of the runner
    embedded: bool = False


@dataclass(frozen=True)
class Link:
    """A proxied connection from one component to another."""

    source: str
    destination: str
    port: int  # where the source connects
    upstream: int  # where the destination listens

    @property
    def name(self) -> str:
        """`source->destination`."""
        return f"{self.source}->{self.destination}"


@dataclass(frozen=True)
class Deployment:
    """The whole: its folder, its programs and its links. Holds secrets; its file is for its owner only."""

    folder: Path
    programs: dict[str, Program]
    links: tuple[Link, ...]
    secrets: tuple[str, ...]

    @property
    def supervisor_socket(self) -> Path:
        """Where supervisord listens."""
        return self.folder / "s.sock"

    @property
    def link_socket(self) -> Path:
        """Where the link proxy takes orders."""
        return self.folder / "l.sock"

    def program(self, name: str) -> Program:
        """A program by its component's name. Raises InputError naming those there are."""
        if name not in self.programs:
            raise InputError(f"a component of the local target ({', '.join(self.programs)})", name)
        return self.programs[name]

    def data(self, name: str) -> Path:
        """The data folder of a component."""
        return self.folder / "data" / name

    def log(self, name: str) -> Path:
        """The file that a program's output goes to."""
        return self.folder / "logs" / f"{name}.log"

    def save(self) -> None:
        """Write it into its folder, readable for its owner only."""
        value = {
            "programs": [asdict(program) for program in self.programs.values()],
            "links": [asdict(link) for link in self.links],
            "secrets": self.secrets,
        }
        write_private(self.folder / _FILE, json.dumps(value, indent=1))


def load_deployment(folder: Path) -> Deployment:
    """Read a deployment back from its folder. Raises TargetError if there is none, or its file was spoilt."""
    try:
        value = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        programs = [Program(**_tuples(item)) for item in value["programs"]]
        links = tuple(Link(**item) for item in value["links"])
        return Deployment(folder, {program.name: program for program in programs}, links, tuple(value["secrets"]))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise TargetError(f"no local deployment can be read from {folder}: {in_one_line(error)}") from None


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file whose mode is right from its first byte, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _tuples(value: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
