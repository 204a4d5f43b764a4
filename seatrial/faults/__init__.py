"""Every way to break a component: one short file each, listed here by the name that scenarios use."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from seatrial.errors import InputError
from seatrial.faults.cut_link import CutLink
from seatrial.faults.exhaust_connections import ExhaustConnections
from seatrial.faults.fill_disk import FillDisk
from seatrial.faults.kill import Kill
from seatrial.faults.pause import Pause
from seatrial.faults.slow_link import SlowLink
from seatrial.faults.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.roles import Fault

FAULTS: dict[str, Any] = {
    "kill": Kill,
    "stop": Stop,
    "pause": Pause,
    "slow_link": SlowLink,
    "cut_link": CutLink,
    "exhaust_connections": ExhaustConnections,
    "fill_disk": FillDisk,
}

COMPONENT_FIELDS = ("component", "source", "destination")  # the fields of faults that name a component


def make_fault(name: str, arguments: Mapping[str, Any]) -> Fault:
    """The fault of that name. Raises InputError for a name, a field or a value that is wrong, naming what is right."""
    if name not in FAULTS:
        raise InputError(f"a fault ({', '.join(FAULTS)})", name)
    kind = FAULTS[name]
    signature = ", ".join(_shown(field) for field in fields(kind))
    types = {field.name: str(field.type) for field in fields(kind)}
    if unknown := [key for key in arguments if key not in types]:
        raise InputError(f"{name}({signature})", f"the unknown field {unknown[0]}")
    missing = [field.name for field in fields(kind) if field.default is MISSING and field.name not in arguments]
    if missing:
        raise InputError(f"{name}({signature})", f"no {missing[0]}")
    made: Fault = kind(**{key: _value(name, key, types[key], value) for key, value in arguments.items()})
    return made


def _shown(field: Any) -> str:  # noqa: ANN401 - dataclasses.Field of any type
    return f"{field.name}" if field.default is MISSING else f"{field.name}={field.default!r}"


def _value(fault: str, field: str, kind: str, value: Any) -> Any:  # noqa: ANN401 - it is checked here
    if kind == "str" and isinstance(value, str) and value:
        return value
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    wanted = "a number" if kind == "float" else "a text"
    raise InputError(f"{field} of {fault} to be {wanted}", repr(value)[:60])
