"""Names of variables that seem to mean one: SECRET_KEY and APP_SECRET_KEY, DB_URL and DATABASE_URL."""

from __future__ import annotations

_SAME = {
    "PASS": "PASSWORD", "PWD": "PASSWORD", "PASSWD": "PASSWORD", "PW": "PASSWORD", "DB": "DATABASE", "URI": "URL",
    "DSN": "URL", "HOSTNAME": "HOST", "SERVER": "HOST", "USERNAME": "USER", "LVL": "LEVEL", "SECRETKEY": "SECRET_KEY",
    "APIKEY": "API_KEY", "PG": "POSTGRES", "POSTGRESQL": "POSTGRES", "ADDR": "ADDRESS",
}  # fmt: skip
MOST_EXTRA = 1


def _parts(name: str) -> list[str]:
    return "_".join(_SAME.get(part, part) for part in name.upper().split("_") if part).split("_")


def alike(one: str, other: str) -> bool:
    """Do two different names seem to mean one variable?"""
    if one == other:
        return False
    first, second = sorted((_parts(one), _parts(other)), key=len)
    if first == second or (sorted(first) == sorted(second) and len(first) > 1):
        return True
    rest = list(second)
    for part in first:
        if part not in rest:
            return _one_letter(one, other)
        rest.remove(part)
    return len(first) > 1 and len(rest) <= MOST_EXTRA and first[-1] == second[-1]


def _one_letter(one: str, other: str) -> bool:
    """Are two long names the same but for one letter that is missing or too much, and no number?"""
    short, long = sorted((one, other), key=len)
    if len(short) < 8 or len(long) != len(short) + 1:
        return False
    return any(long[:number] + long[number + 1 :] == short for number in range(len(long)) if not long[number].isdigit())
