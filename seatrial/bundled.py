"""Where the suites, the scenarios and the reference deployment stand: in the wheel, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path


def bundled(name: str) -> Path:
    """The folder `suites`, `scenarios` or `fixtures` of this installation."""
    package = Path(__file__).resolve().parent
    installed = package / "bundled" / name
    return installed if installed.is_dir() else package.parent / name


def reference_settings() -> Path:
    """The settings of the reference deployment, which is used where a folder has no seatrial.toml."""
    return bundled("fixtures") / "insitechart" / "seatrial.toml"


def template() -> str:
    """The commented seatrial.toml that `seatrial init` writes."""
    return (Path(__file__).resolve().parent / "template.toml").read_text(encoding="utf-8")
