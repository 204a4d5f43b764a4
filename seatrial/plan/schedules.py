"""What runs when: crontabs, systemd timers, CronJobs and scheduled workflows, as intervals in seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.plan.files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.files import Source

DAY_S = 86_400.0
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_NAMES = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_NICKNAMES = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
              "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}  # fmt: skip
_CALENDAR = {"minutely": 60.0, "hourly": 3600.0, "daily": DAY_S, "weekly": 7 * DAY_S, "monthly": 31 * DAY_S,
             "quarterly": 92 * DAY_S, "yearly": 366 * DAY_S, "annually": 366 * DAY_S}  # fmt: skip
_SPAN = re.compile(r"(\d+)\s*(sec(?:onds?)?|s|min(?:utes?)?|m|hours?|hr|h|days?|d|weeks?|w)?\b")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S}


@dataclass(frozen=True)
class Schedule:
    """Something that runs again and again."""

    command: str  # what it runs, as text
    expression: str
    longest_s: float | None  # the longest time between two runs; None if it cannot be told
    place: Place
    what: str  # crontab, timer, CronJob, workflow

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"{self.what} {self.expression}"


def cron_seconds(expression: str) -> float | None:
    """The longest time between two runs of a cron expression, over two years; None if it is not one."""
    fields = _NICKNAMES.get(expression.strip().lower(), expression).split()
    if len(fields) != 5:
        return None
    sets = [_values(text.lower(), number) for number, text in enumerate(fields)]
    if any(values is None for values in sets):
        return None
    minutes, hours, days, months, weekdays = (values or set() for values in sets)
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    active = [day for day, dates in enumerate(_two_years()) if _runs(dates, days, months, weekdays, fields)]
    if not times or not active:
        return None
    within = max((late - early for early, late in pairwise(times)), default=0)
    over_night = times[0] + 1440 - times[-1]
    longest = max((late - early for early, late in pairwise(active)), default=366)
    return 60.0 * max(within, (longest - 1) * 1440 + over_night)


def _runs(date: tuple[int, int, int], days: set[int], months: set[int], weekdays: set[int], fields: list[str]) -> bool:
    month, day, weekday = date
    if month not in months:
        return False
    both = not fields[2].startswith("*") and not fields[4].startswith("*")  # then either is enough
    return (day in days or weekday in weekdays) if both else (day in days and weekday in weekdays)


def _two_years() -> Iterator[tuple[int, int, int]]:
    weekday = 4
    for month, length in list(enumerate((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), start=1)) * 2:
        for day in range(1, length + 1):
            yield month, day, weekday
            weekday = (weekday + 1) % 7


def _values(text: str, number: int) -> set[int] | None:
    low, high = _FIELDS[number]
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span in ("*", "?"):
            start, end = low, high
        else:
            start_, end_ = _number(first, number), _number(last, number) if dash else None
            if start_ is None or (dash and end_ is None):
                return None
            start, end = start_, end_ if end_ is not None else (high if step else start_)
        if step and (not step.isdigit() or int(step) == 0):
            return None
        if not low <= start <= (7 if number == 4 else high) or end > (7 if number == 4 else high):
            return None
        found |= {value % 7 if number == 4 else value for value in range(start, end + 1, int(step) if step else 1)}
    return found


def _number(text: str, number: int) -> int | None:
    names = {3: _MONTHS, 4: _NAMES}.get(number, {})
    return names.get(text[:3]) if text.isalpha() else int(text) if text.isdigit() and len(text) < 3 else None


def read_crontab(source: Source) -> list[Schedule]:
    """The entries of a crontab."""
    found = []
    for number, line in enumerate(source.lines, start=1):
        text = line.strip()
        if not text or text.startswith("#") or re.match(r"[A-Za-z_]\w*\s*=", text):
            continue
        words = text.split(None, 1 if text.startswith("@") else 5)
        expression, command = " ".join(words[:-1]), words[-1] if len(words) > 1 else ""
        found.append(Schedule(command, expression, cron_seconds(expression), Place(source.path, number), "crontab"))
    return found


def read_timer(source: Source, services: dict[str, str]) -> list[Schedule]:
    """The schedule of a systemd timer; `services` has the ExecStart of the units in the folder, by name."""
    settings = [(number, *line.partition("=")[::2]) for number, line in enumerate(source.lines, start=1) if "=" in line]
    unit = next((value.strip() for _, key, value in settings if key.strip() == "Unit"), f"{source.path.stem}.service")
    found = []
    for number, key, value in settings:
        name, text = key.strip(), value.strip()
        if name == "OnCalendar":
            longest = _calendar_seconds(text)
        elif name in ("OnUnitActiveSec", "OnUnitInactiveSec"):
            longest = span_seconds(text)
        else:
            continue
        found.append(Schedule(services.get(unit, unit), text, longest, Place(source.path, number), "timer"))
    return found


def read_unit(source: Source) -> str:
    """The ExecStart of a systemd service."""
    lines = (line.partition("=") for line in source.lines)
    return next((value.strip() for key, equals, value in lines if equals and key.strip() == "ExecStart"), "")


def span_seconds(text: str) -> float | None:
    """`15min`, `1h 30min`, `900`, in seconds."""
    found = _SPAN.findall(text.lower())
    return sum(int(number) * _UNITS[(unit or "s")[0]] for number, unit in found) if found else None


def _calendar_seconds(text: str) -> float | None:
    """`daily`, `*:0/15`, `*-*-* 02:00:00`; by translation into cron where it can be told."""
    if text.lower() in _CALENDAR:
        return _CALENDAR[text.lower()]
    match = re.fullmatch(
        r"(?:(?P<days>[A-Za-z,.-]+)\s+)?(?:(?P<date>[\d*/,-]+)\s+)?(?P<hour>[\d*/,.]+):(?P<minute>[\d*/,.]+)(?::[\d*/.]+)?",
        text,
    )
    if not match:
        return None
    hour, minute = (part.replace("..", "-").replace("0/", "*/") if "/" in part else part.replace("..", "-")
                    for part in (match["hour"], match["minute"]))  # fmt: skip
    day = (match["date"] or "*-*-*").rpartition("-")[2] or "*"
    days = (match["days"] or "*").replace("..", "-")
    trimmed = (re.sub(r"\b0+(\d)", r"\1", part) for part in (minute, hour, day, "*", days))
    return cron_seconds(" ".join(trimmed))
