"""Shape a link between two components, proven by requests that go through it."""

from __future__ import annotations

import math
import time
from statistics import median
from typing import TYPE_CHECKING

from seatrial.errors import TargetError
from seatrial.roles import Effect, LinkShape
from seatrial.targets.local import pings
from seatrial.targets.local.link_control import find_link, link_state, set_shape

if TYPE_CHECKING:
    from seatrial.targets.local.deployment import Deployment, Link, Program

SILENCE_S = 0.5
_PINGS = 5
_MOST_PINGS = 60


def shape_link(deployment: Deployment, source: str, destination: str, shape: LinkShape) -> Effect:
    """Shape the link, and see through it that it is so."""
    link, program = find_link(deployment, source, destination), deployment.program(destination)
    before, why = _baseline(program, link)
    struck_s = time.monotonic()
    set_shape(deployment, link, shape)
    seen, said = (False, f"before the blow, a request through the link: {why}") if why else _prove(
        program, link, shape, before)  # fmt: skip
    return Effect(struck_s, seen, time.monotonic(), (f"link {link.name} shaped: {_words(shape)}", said))


def clear_link(deployment: Deployment, source: str, destination: str) -> None:
    """Make the link clean. Raises TargetError if the proxy does not say that it is."""
    link = find_link(deployment, source, destination)
    deadline_s = time.monotonic() + 10
    while True:  # a proxy that was killed comes back clean
        try:
            set_shape(deployment, link, LinkShape())
            return
        except TargetError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def shaped_links(deployment: Deployment) -> list[str]:
    """A sentence for each link that is not clean. Raises TargetError if the proxy does not answer."""
    state = link_state(deployment)
    if state is None:
        raise TargetError("the link proxy does not answer")
    return [f"link {name} is shaped: {_words(LinkShape(**link['shape']))}" for name, link in state.items()
            if link["shape"]]  # fmt: skip


def _baseline(program: Program, link: Link) -> tuple[float, str | None]:
    try:
        return median(pings.ping(program, link.port, 2.0) for _ in range(_PINGS)), None
    except pings.NoAnswer as error:
        return 0.0, str(error)


def _prove(program: Program, link: Link, shape: LinkShape, before_s: float) -> tuple[bool, str]:
    if not pings.question(program) and not shape.reset_rate:
        return False, f"{program.name} speaks no protocol that could be measured through the link"
    if shape.blackhole:
        return _prove_silence(program, link)
    if shape.reset_rate:
        return _prove_resets(program, link, shape)
    return _prove_delay(program, link, shape, before_s)


def _prove_silence(program: Program, link: Link) -> tuple[bool, str]:
    through, direct = pings.answers(program, link.port, SILENCE_S), pings.answers(program, program.port, 2.0)
    seen = through is not None and "no answer" in through and direct is None
    beside = "answered beside it" if direct is None else f"beside it: {direct}"
    return seen, f"a request through the link: {through or 'was answered all the same'}; {beside}"


def _prove_resets(program: Program, link: Link, shape: LinkShape) -> tuple[bool, str]:
    # As many as show a reset with a probability of 999 in 1000.
    rate = min(shape.reset_rate, 0.999)
    most = min(_MOST_PINGS, math.ceil(math.log(0.001) / math.log(1 - rate)))
    for number in range(1, most + 1):
        why = pings.answers(program, link.port, 2.0 + 2 * shape.latency_s)
        if why and ("reset" in why or "closed" in why):
            return True, f"request {number} through the link: {why}"
    return False, f"{most} requests through the link were answered all the same"


def _prove_delay(program: Program, link: Link, shape: LinkShape, before_s: float) -> tuple[bool, str]:
    limit_s = 2.0 + 4 * (shape.latency_s + shape.jitter_s)
    try:
        after_s = median(pings.ping(program, link.port, limit_s) for _ in range(_PINGS))
    except pings.NoAnswer as error:
        return False, f"a request through the link: {error}"
    said = (f"a request through the link took {1000 * after_s:.1f} ms instead of {1000 * before_s:.1f} ms "
            f"(median of {_PINGS})")  # fmt: skip
    # Two directions; half of what is expected, so that jitter never hides it and noise never makes it.
    return shape.latency_s > 0 and after_s - before_s >= shape.latency_s, said


def _words(shape: LinkShape) -> str:
    parts = [
        f"{1000 * shape.latency_s:g} ms in each direction" if shape.latency_s else "",
        f"jitter {1000 * shape.jitter_s:g} ms" if shape.jitter_s else "",
        f"{100 * shape.reset_rate:g} % reset" if shape.reset_rate else "",
        "nothing passes" if shape.blackhole else "",
    ]
    return ", ".join(part for part in parts if part) or "clean"
