"""The face of the local target: the role Target and the capabilities that it has.

It has no `fill_disk`: without root nothing makes a real disk full for one component. A limit on the size of files
(RLIMIT_FSIZE) is not that: it also fails writes within files that exist, kills servers that do not ignore SIGXFSZ, and
needs CAP_SYS_RESOURCE to be set on a server of another user, as PostgreSQL is for root.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import InputError, TargetError
from seatrial.masking import Masker
from seatrial.targets.local import audit, exhaustion, lifecycle, links
from seatrial.targets.local.children import Children
from seatrial.targets.local.claim import Claim
from seatrial.targets.local.deployment import OWNED, Deployment, load_deployment
from seatrial.targets.local.plan import make_plan, outside_values, start_order
from seatrial.targets.local.removal import take_down
from seatrial.targets.local.startup import Startup
from seatrial.targets.local.taking_back import require, take_back
from seatrial.targets.local.templates import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.roles import Effect, LinkShape, UndoStep
    from seatrial.settings import Settings

LONGEST_PATH = 80  # bytes; a unix socket's whole name has at most 107, and supervisord needs some of them


class Attached:
    """A local deployment as any process can reach it, knowing nothing but its folder."""

    name = "local"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._claim = Claim(folder)

    @property
    def exists(self) -> bool:
        """Is there still a deployment to reach?"""
        return self.folder.exists()

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind and folder: all that `seatrial.targets.reattach` needs."""
        return {"kind": "local", "folder": str(self.folder)}

    def require(self, step: UndoStep) -> None:
        """Raise MissingCapability or InputError if what the step takes back cannot be done here."""
        require(load_deployment(self.folder), step)

    def undo(self, step: UndoStep) -> None:
        """Carry out an undo step. Idempotent; where no deployment is left there is nothing to undo.

        Raises TargetError, also if another process has the deployment to itself.
        """
        if step.operation == "down":
            self.down()
        elif self.folder.exists():
            with self._claim.held():
                take_back(load_deployment(self.folder), step)

    def residue(self) -> tuple[str, ...]:
        """What a fault left behind, one sentence each. Raises TargetError if it cannot be seen."""
        return audit.residue(load_deployment(self.folder)) if self.folder.exists() else ()

    def resolve(self, template: str) -> str:
        """The template as a client outside sees it. Raises TargetError if there is no deployment."""
        programs = load_deployment(self.folder).programs.values()
        values = outside_values({program.name: (program.url, program.port) for program in programs})
        return fill(template, values, "seatrial.toml")

    def down(self) -> None:
        """End every process and remove the folder. Idempotent. Raises TargetError if a process survives.

        Raises it, too, before anything is ended, if another process has the deployment to itself.
        """
        with self._claim.held():
            take_down(self.folder)


class LocalTarget(Attached):
    """Every component a process on this machine."""

    def __init__(self, settings: Settings, folder: Path, masker: Masker | None = None) -> None:
        super().__init__(folder.absolute())
        self._settings, self._masker = settings, masker or Masker()
        self._deployment: Deployment | None = None
        self._children = Children()

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components that run here."""
        return tuple(self._settings.targets.local)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The passwords that were generated; none before `up`."""
        return self._deployment.secrets if self._deployment else ()

    def up(self) -> None:
        """Start everything and wait until it is ready. Raises InputError or TargetError, leaving nothing behind."""
        if not self._settings.targets.local:
            raise InputError("a table [targets.local.NAME] for each component", "none", self._settings.file)
        order = start_order(self._settings)
        self._make_folder()
        try:
            self._start(order)
        except BaseException:
            self.down()
            raise

    def attach(self) -> None:
        """Have the deployment in the folder to oneself. Raises TargetError if there is none, or another has it."""
        self._claim.take()
        self._deployment = load_deployment(self.folder)
        for secret in self._deployment.secrets:
            self._masker.add(secret)

    def down(self) -> None:
        """End every process and remove the folder. Idempotent. Raises TargetError, see `Attached.down`."""
        with self._claim.held():
            try:
                take_down(self.folder)
            finally:
                self._children.end()
        self._deployment = None

    def release(self) -> None:
        """Let others have the deployment. Idempotent."""
        self._claim.release()

    def resolve(self, template: str) -> str:
        """The template as a client outside sees it. Raises TargetError before `up`."""
        programs = self._up.programs.values()
        values = outside_values({program.name: (program.url, program.port) for program in programs})
        return fill(template, values, self._settings.file)

    def kill(self, component: str) -> Effect:
        """SIGKILL to every process of the component."""
        return lifecycle.kill(self._up, component)

    def stop(self, component: str) -> Effect:
        """Stop the component; it stays down until `start`."""
        return lifecycle.stop(self._up, component)

    def pause(self, component: str) -> Effect:
        """SIGSTOP to every process of the component."""
        return lifecycle.pause(self._up, component)

    def shape_link(self, source: str, destination: str, shape: LinkShape) -> Effect:
        """Slow or cut the link. Raises MissingCapability if the source does not refer to the destination."""
        return links.shape_link(self._up, source, destination, shape)

    def exhaust_connections(self, component: str, expires_s: float) -> Effect:
        """Take all slots of a PostgreSQL or Redis. Raises MissingCapability for another kind."""
        return exhaustion.exhaust_connections(self._up, component, expires_s, self._children)

    def undo(self, step: UndoStep) -> None:
        """Carry out an undo step. Idempotent."""
        super().undo(step)
        self._children.reap()

    @property
    def _up(self) -> Deployment:
        if self._deployment is None:
            raise TargetError("the local target is not up")
        return self._deployment

    def _make_folder(self) -> None:
        if len(str(self.folder).encode()) > LONGEST_PATH:
            raise TargetError(f"{self.folder} is too long for sockets (at most {LONGEST_PATH} bytes); set TMPDIR to a "
                              f"shorter path")  # fmt: skip
        try:
            self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise TargetError(f"{self.folder} is not empty")
            (self.folder / OWNED).touch()
            self.folder.chmod(0o711)
        except OSError as error:
            raise TargetError(f"{self.folder}: {error.strerror}") from None

    def _start(self, order: tuple[str, ...]) -> None:
        try:
            deployment = make_plan(self._settings, self.folder)
            for secret in deployment.secrets:
                self._masker.add(secret)
            deployment.save()
            for name in deployment.programs:
                deployment.data(name).mkdir(mode=0o711, parents=True)
            Startup(deployment, order, self._masker, self._children).run()
        except OSError as error:
            raise TargetError(f"{self.folder}: {error.strerror or error}") from error
        self._deployment = deployment
