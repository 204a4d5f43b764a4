"""What Locust reports of a request -> a row of the sample file. Pure, and without Locust: any process may import it.

The outcome comes from the exception, as deep as its client has wrapped it; the times come from Locust's wall clock,
which may step, and are moved to the monotonic axis here.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, NamedTuple

from seatrial.samples import OK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STEP_S = 0.001  # a wall clock that moves more than this between two batches was set, not steered
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_TORN = ("ConnectionClosed", "RemoteDisconnected", "IncompleteRead", "ChunkedEncodingError")
_TORN_TEXT = ("connection closed", "Incomplete response")  # geventhttpclient's words


class Row(NamedTuple):
    """A finished or unsent request, times monotonic."""

    stream: str
    intended_s: float
    start_s: float
    end_s: float
    outcome: str


def stream_of(name: object) -> str:
    """The stream of a request that Locust knows by this name, on one line."""
    return "load/" + _CONTROL.sub(" ", str(name))


def format_rows(rows: Iterable[Row], quoted: dict[str, str]) -> str:
    """The rows as CSV in the order of `seatrial.samples.FIELDS`; `quoted` remembers how streams are quoted."""
    return "".join([_line(row, quoted) for row in rows])


def _line(row: Row, quoted: dict[str, str]) -> str:
    stream = quoted.get(row.stream) or quoted.setdefault(row.stream, _quote(row.stream))
    return f"{stream},{row.intended_s:.6f},{row.start_s:.6f},{row.end_s:.6f},{row.outcome},\n"


def _quote(text: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([text])
    return buffer.getvalue()


def outcome_of(exception: object, status: int = 0) -> str:
    """Ok, or what the client came to know: timeout, refused, reset, http_NNN, wrong (says the locustfile), error."""
    if exception is None:
        return OK
    for cause in _causes(exception):
        if broken := _transport(cause):
            return broken
    code = status or int(getattr(exception, "code", 0) or 0)
    if code >= 400:
        return f"http_{code}"
    return "wrong" if code else "error"


def _transport(error: object) -> str:
    """The outcome that an exception of the transport stands for, or an empty string."""
    name = type(error).__name__
    if isinstance(error, TimeoutError) or "Timeout" in name:
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionError) or any(part in name for part in _TORN):
        return "reset"
    return "reset" if name == "HTTPParseError" and any(part in str(error) for part in _TORN_TEXT) else ""


def _causes(error: object) -> Iterator[object]:
    """An exception and those that it wraps, as requests, urllib3 and geventhttpclient wrap them, outermost last."""
    seen: list[object] = [error]
    for item in seen:
        wrapped = (getattr(item, name, None) for name in ("__cause__", "reason", "original"))
        seen += [e for e in (*wrapped, *getattr(item, "args", ())) if isinstance(e, BaseException) and e not in seen]
    yield from reversed(seen)


class WallClock:
    """Locust's wall-clock starts on the monotonic axis, checked at each batch: a clock that was set is not believed."""

    def __init__(self, monotonic_s: float, wall_s: float) -> None:
        self._offset_s = monotonic_s - wall_s
        self._stepped_s = float("-inf")

    def check(self, monotonic_s: float, wall_s: float) -> None:
        """Take the offset again. If the clock was set, starts before now are reckoned back from their ends."""
        offset_s = monotonic_s - wall_s
        if abs(offset_s - self._offset_s) > STEP_S:
            self._stepped_s = monotonic_s
        self._offset_s = offset_s

    def start(self, wall_s: float | None, seen_s: float, response_ms: float | None) -> float:
        """Monotonic start of a request that was reported at `seen_s` and took so many milliseconds."""
        reckoned = seen_s - (response_ms or 0.0) / 1000
        if wall_s is None or reckoned <= self._stepped_s:
            return reckoned
        return min(wall_s + self._offset_s, reckoned)
