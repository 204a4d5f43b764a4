"""Kill, stop and pause a component, and what takes that back; each proven by its processes and by its clients."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from seatrial.errors import TargetError
from seatrial.masking import Masker
from seatrial.roles import Effect
from seatrial.targets.local import pings, ports, processes, supervision
from seatrial.targets.local.startup import wait_ready
from seatrial.targets.local.watch import Watch, wait_until

if TYPE_CHECKING:
    import psutil

    from seatrial.targets.local.deployment import Deployment, Program

STEP_S = 0.005
WATCH_S = 3.0  # how long an effect is looked for
SILENCE_S = 0.5  # a component that does not answer for so long is seen to be paused
_STARTED = ("RUNNING", "STARTING")


def tree(deployment: Deployment, name: str) -> set[psutil.Process]:
    """All processes of a component now."""
    return processes.of_component(deployment, name, supervision.state(deployment, name).pid)


def kill(deployment: Deployment, name: str) -> Effect:
    """SIGKILL to every process of the component at once."""
    program = deployment.program(name)
    watch, root = Watch.open(program), supervision.state(deployment, name).pid
    # Frozen first, so that no member of the tree can start another between the look and the blow.
    struck_s = time.monotonic()
    victims = processes.freeze(lambda: processes.of_component(deployment, name, root))
    processes.send(victims, signal.SIGKILL)
    effect = _judge(watch, victims, struck_s, "killed")
    restarted = supervision.state(deployment, name).pid
    new = (f"pid {restarted} was started in its place",) if restarted not in (0, root) else ()
    return Effect(effect.struck_s, effect.seen, effect.seen_s, (*effect.evidence, *new))


def stop(deployment: Deployment, name: str) -> Effect:
    """Stop the component as its supervisor does, and whatever of it ignores that; it stays down until started."""
    program = deployment.program(name)
    watch, victims = Watch.open(program), tree(deployment, name)
    struck_s = time.monotonic()
    supervision.order(deployment, "stopProcess", name)
    deadline_s = struck_s + supervision.STOP_WAIT_S + 1
    wait_until(deadline_s, STEP_S, lambda: not any(processes.alive(process) for process in victims))
    processes.send((process for process in victims if processes.alive(process)), signal.SIGKILL)
    return _judge(watch, victims, struck_s, "stopped")


def pause(deployment: Deployment, name: str) -> Effect:
    """SIGSTOP to every process of the component."""
    program = deployment.program(name)
    before, root = Watch.open(program), supervision.state(deployment, name).pid
    before.close()
    struck_s = time.monotonic()
    victims = processes.freeze(lambda: processes.of_component(deployment, name, root))
    if not victims:
        return _no_victims(struck_s, name)
    still = wait_until(struck_s + WATCH_S, STEP_S, lambda: all(processes.frozen(process) for process in victims))
    silent, said = _silence(program, before, victims)
    states = f"{processes.pids(victims)} of {name}: {'all in state T' if still else 'not all in state T'}"
    return Effect(struck_s, still and silent, time.monotonic(), (states, said))


def resume(deployment: Deployment, component: str) -> None:
    """SIGCONT to whatever of the component is frozen. Raises TargetError if something stays so."""
    processes.send((process for process in tree(deployment, component) if processes.frozen(process)), signal.SIGCONT)
    deadline_s = time.monotonic() + WATCH_S
    if not wait_until(deadline_s, STEP_S, lambda: not any(map(processes.frozen, tree(deployment, component)))):
        raise TargetError(f"{component}: processes stay frozen after SIGCONT")


def start(deployment: Deployment, component: str, masker: Masker | None = None) -> None:
    """Start the component if it does not run, and wait until it is ready. Raises TargetError with its last lines."""
    program = deployment.program(component)
    resume(deployment, component)
    if supervision.state(deployment, component).name == "BACKOFF":
        supervision.order(deployment, "stopProcess", component)  # its next attempt may be far off
    deadline_s = time.monotonic() + supervision.STOP_WAIT_S + 1
    wait_until(deadline_s, STEP_S, lambda: supervision.state(deployment, component).name != "STOPPING")
    if supervision.state(deployment, component).name not in _STARTED:
        supervision.order(deployment, "startProcess", component)
    wait_ready(deployment, program, masker or _masker(deployment), threading.Event(), ended_is_failure=False)


def _judge(watch: Watch, victims: set[psutil.Process], struck_s: float, verb: str) -> Effect:
    name = watch.program.name
    if not victims:
        watch.close()
        return _no_victims(struck_s, name)
    gone = wait_until(time.monotonic() + WATCH_S, STEP_S, lambda: not any(map(processes.alive, victims)))
    gone_s = time.monotonic()
    after = f"gone {1000 * (gone_s - struck_s):.0f} ms later" if gone else "not all gone"
    said = [f"{processes.pids(victims)} of {name} {verb}, {after}"]
    if watch.before is not None:
        # Without a port to look at, the processes are all the evidence there can be.
        seen = gone and not watch.program.port
        said.append(f"no client could be watched: before the blow, {watch.before}")
        return Effect(struck_s, seen, gone_s, tuple(said))
    seen = wait_until(struck_s + WATCH_S, STEP_S, watch.look) and gone
    watch.close()
    return Effect(struck_s, seen, time.monotonic(), (*said, watch.sentence()))


def _no_victims(struck_s: float, name: str) -> Effect:
    return Effect(struck_s, False, time.monotonic(), (f"{name} had no process to strike",))


def _silence(program: Program, before: Watch, victims: set[psutil.Process]) -> tuple[bool, str]:
    """Whether clients get no answer, and in which words."""
    if not program.port:
        return True, "no client could be watched: it listens on no port that is known"
    if before.before is not None:
        return False, f"no client could be watched: before the blow, {before.before}"
    if not pings.question(program):
        serving = ports.listeners(program.port)
        ours = bool(serving) and serving <= {process.pid for process in victims}
        return ours, f"port {program.port} is held by {'them' if ours else f'other processes ({serving or None})'}"
    why = pings.answers(program, program.port, SILENCE_S)
    return why is not None, f"a new request to port {program.port}: {why or 'was answered all the same'}"


def _masker(deployment: Deployment) -> Masker:
    masker = Masker()
    for secret in deployment.secrets:
        masker.add(secret)
    return masker
