"""Kubernetes' quantities (`512Mi`, `250m`) and shares (`50%`) as numbers."""

from __future__ import annotations

import re
from math import ceil

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[0-9]{1,2})?")
_DECIMAL = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}


def quantity(text: str) -> float | None:
    """A quantity; None if it is none."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    unit = match[2] or ""
    factor = 10.0 ** int(unit[1:]) if unit[:1] == "e" else {**_DECIMAL, **_BINARY}.get(unit, 1.0)
    return float(match[1]) * factor


def share(text: str, whole: int, *, up: bool) -> int | None:
    """A number of pods, given as such or as a percentage of the whole; None if it is neither."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    if re.fullmatch(r"[0-9]{1,3}%", text):
        exact = int(text[:-1]) * whole / 100
        return ceil(exact) if up else int(exact)
    return None
