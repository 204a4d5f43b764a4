"""Seatrial's side of a Chaos Toolkit experiment: the actions and probes that scenario files name, and the control.

`seatrial run` opens a trial and lets Chaos Toolkit play the experiment on it. With `chaos run FILE` nobody has opened
one: then the control does, before the experiment, and judges it after. Chaos Toolkit loads modules by name and keeps
no state for them, so the trial in progress has to stand in this module.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chaoslib.run import RunEventHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.engine import Trial

_trials: list[Trial] = []


@contextmanager
def acting_on(trial: Trial) -> Iterator[None]:
    """Let the actions of this module act on the trial."""
    _trials.append(trial)
    try:
        yield
    finally:
        _trials.remove(trial)


def _trial() -> Trial:
    if not _trials:
        from chaoslib.exceptions import ActivityFailed

        raise ActivityFailed("no trial is open: the experiment needs the control of module seatrial.chaos")
    return _trials[-1]


def served() -> bool:
    """Probe: all clients are being served (probe, load and ledger succeed and have done so for a while)."""
    return _trial().served()


def await_recovery() -> bool:
    """Probe: wait until all clients are served again, no longer than the scenario says; True if they are."""
    return _trial().await_recovery()


def hold(seconds: float) -> None:
    """Action: let the fault act for so long."""
    _trial().hold(seconds)


def heal() -> None:
    """Action: take back every fault that is still there."""
    _trial().heal()


def kill(component: str) -> list[str]:
    """Action: SIGKILL to every process of the component."""
    return _inject("kill", component=component)


def stop(component: str) -> list[str]:
    """Action: stop the component; it stays down until healed."""
    return _inject("stop", component=component)


def pause(component: str) -> list[str]:
    """Action: freeze every process of the component."""
    return _inject("pause", component=component)


def slow_link(source: str, destination: str, latency_s: float, jitter_s: float = 0.0) -> list[str]:
    """Action: delay everything between two components, in each direction."""
    return _inject("slow_link", source=source, destination=destination, latency_s=latency_s, jitter_s=jitter_s)


def cut_link(source: str, destination: str, mode: str = "blackhole", reset_rate: float = 1.0) -> list[str]:
    """Action: cut the link between two components, by silence (blackhole) or by resets."""
    return _inject("cut_link", source=source, destination=destination, mode=mode, reset_rate=reset_rate)


def exhaust_connections(component: str) -> list[str]:
    """Action: take every connection slot of the component."""
    return _inject("exhaust_connections", component=component)


def fill_disk(component: str) -> list[str]:
    """Action: let every write of the component that would grow a file fail."""
    return _inject("fill_disk", component=component)


def _inject(name: str, **arguments: Any) -> list[str]:  # noqa: ANN401 - the fault checks its own
    from seatrial.faults import make_fault

    return list(_trial().inject(make_fault(name, arguments)).evidence)


class Signals(RunEventHandler):  # type: ignore[misc] # chaoslib has no types
    """Makes SIGTERM a KeyboardInterrupt: the exception that Chaos Toolkit raises for it is swallowed by activities."""

    def started(self, *_: object) -> None:
        """Called after Chaos Toolkit has set its own handlers; it restores the earlier ones at the end."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)


# -- the control, for `chaos run` -------------------------------------------------------------------------------

_standalone: list[Any] = []


def before_experiment_control(context: dict[str, Any]) -> None:
    """Open a trial for the experiment if nobody has."""
    if _trials:
        return
    Signals().started()
    from seatrial.standalone import Standalone

    session = Standalone.open(context)
    _standalone.append(session)
    _trials.append(session.trial)


def after_experiment_control(context: dict[str, Any], state: dict[str, Any]) -> None:  # noqa: ARG001 - their signature
    """Finish and judge the trial that `before_experiment_control` opened."""
    if _standalone:
        session = _standalone.pop()
        _trials.remove(session.trial)
        session.close(state)
