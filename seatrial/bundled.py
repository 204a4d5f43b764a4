"""Where the suites, the scenarios and the reference deployment stand: in the wheel, or beside it in a checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

from seatrial.errors import InputError


def bundled(name: str) -> Path:
    """The folder `suites`, `scenarios` or `fixtures` of this installation."""
    package = Path(__file__).resolve().parent
    installed = package / "bundled" / name
    return installed if installed.is_dir() else package.parent / name


def reference_settings() -> Path:
    """The settings of the reference deployment, which is used where a folder has no seatrial.toml."""
    return bundled("fixtures") / "insitechart" / "seatrial.toml"


def copy_reference(folder: Path) -> int:
    """Copy the reference deployment into a new folder; how many files it has. Raises InputError if it is not empty."""
    source = bundled("fixtures") / "insitechart"
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputError("a folder that is new or empty", "one with files in it", folder)
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "reports"))
    except OSError as error:
        raise InputError("a folder that can be written to", error.strerror or str(error), folder) from None
    return sum(path.is_file() for path in folder.rglob("*"))


def template() -> str:
    """The commented seatrial.toml that `seatrial init` writes."""
    return (Path(__file__).resolve().parent / "template.toml").read_text(encoding="utf-8")
