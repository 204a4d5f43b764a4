"""What Locust reports of a request -> a line of the sample file. Pure, and without Locust: any process may import it.

The outcome comes from the exception, as deep as its client has wrapped it; the times come from Locust's wall clock,
which may step, and are moved to the monotonic axis here.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from seatrial.samples import OK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    # name, seen (monotonic s), response time (ms), start (wall s), outcome, Locust's context
    Event = tuple[object, float, float | None, float | None, str, dict[str, Any] | None]

PLAN = "seatrial"  # in the context of a request of the open loop: when it was intended and sent, monotonic s
STEP_S = 0.001  # a wall clock that moves more than this between two batches was set, not steered
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_TORN = ("ConnectionClosed", "RemoteDisconnected", "IncompleteRead", "ChunkedEncodingError")
_TORN_TEXT = ("connection closed", "Incomplete response")  # geventhttpclient's words


class Lines:
    """Turns batches of Locust's events into lines of CSV, in one tight loop: every request pays for it.

    Starts come from the wall clock, whose offset is taken anew for each batch. Once that clock was set, starts before
    are reckoned back from their ends instead: off by what a locustfile did between the answer and its report.
    """

    def __init__(self, monotonic_s: float, wall_s: float, mask: Callable[[str], str] = str) -> None:
        self._mask = mask  # what a name may not show
        self.lags: list[float] = []  # sent after intended, s
        self._offset_s = monotonic_s - wall_s
        self._stepped_s = float("-inf")
        self._streams: dict[object, str] = {}

    def check(self, monotonic_s: float, wall_s: float) -> None:
        """Take the wall clock's offset again."""
        offset_s = monotonic_s - wall_s
        if abs(offset_s - self._offset_s) > STEP_S:
            self._stepped_s = monotonic_s
        self._offset_s = offset_s

    def of(self, events: Iterable[Event]) -> list[str]:
        """The lines of a batch, in the order of `seatrial.samples.FIELDS`."""
        streams, offset_s, stepped_s, lines = self._streams, self._offset_s, self._stepped_s, []
        for name, seen_s, response_ms, wall_s, outcome, context in events:
            stream = streams.get(name) or self._learn(name)
            if context and (plan := context.get(PLAN)):
                self.lags.append(plan[1] - plan[0])
                lines.append(f"{stream},{plan[0]:.6f},{plan[1]:.6f},{seen_s:.6f},{outcome},\n")
                continue
            took_s = (response_ms or 0.0) / 1000
            start_s = seen_s - took_s
            if wall_s and stepped_s < start_s > wall_s + offset_s:
                start_s = wall_s + offset_s
            start = f"{start_s:.6f}"
            lines.append(f"{stream},{start},{start},{start_s + took_s:.6f},{outcome},\n")
        return lines

    def _learn(self, name: object) -> str:
        """The stream of a name, on one line and quoted for CSV."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow(["load/" + self._mask(_CONTROL.sub(" ", str(name)))])
        return self._streams.setdefault(name, buffer.getvalue())


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
