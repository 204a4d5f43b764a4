"""Where a deployment runs: opening a target by its kind, and reaching one again from another process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from seatrial.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.masking import Masker
    from seatrial.roles import Target, UndoStep
    from seatrial.settings import Settings

KINDS = ("local",)


class Reattached(Protocol):
    """A deployment reached again: enough of a target to heal it, audit it and take it down."""

    @property
    def exists(self) -> bool:
        """Is there still a deployment to reach?"""

    def undo(self, step: UndoStep) -> None:
        """Carry out an undo step. Idempotent."""

    def residue(self) -> tuple[str, ...]:
        """What a fault left behind, one sentence each. Raises TargetError if it cannot be seen."""

    def resolve(self, template: str) -> str:
        """A string of the settings with `{component.url}` and the like replaced."""

    def down(self) -> None:
        """Take the deployment down. Idempotent."""


def open_target(kind: str, settings: Settings, folder: Path, masker: Masker) -> Target:
    """A target that is not up yet; everything it makes lives in `folder`. Raises InputError for an unknown kind."""
    _check(kind)
    from seatrial.targets.local.target import LocalTarget

    return LocalTarget(settings, folder, masker)


def reattach(identity: Mapping[str, Any]) -> Reattached:
    """The deployment that a target's `identity` names. Raises InputError for an unknown kind."""
    _check(str(identity.get("kind")))
    from seatrial.targets.local.target import Attached

    return Attached(Path(identity["folder"]))


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"a target that can be used ({', '.join(KINDS)})", kind)
