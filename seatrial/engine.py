"""A trial: one run of one scenario on a target that is up. It records; judging is done afterwards, elsewhere.

    1  observe   the target is audited; the probe, the ledger's writers and the load begin, each recording by itself
    2  before    they run undisturbed; the steady state is what they see
    3  steady    Chaos Toolkit asks whether all clients are served and writes read back; if not, nothing is broken
    4  undo      for each fault, what takes it back is written and synced to disk
    5  inject    the fault strikes, and what was seen of it is recorded
    6  heal      if the scenario says so; a fault that the deployment must survive by itself stays
    7  recover   wait until every client is served again, no longer than RTO and scenario say
    8  after     the clients run on undisturbed
    9  end       observers stop; the ledger's writes are read back; all is healed; the target is audited for residue

Phases 3 to 7 are the experiment, which `seatrial.play` lets Chaos Toolkit play. Whatever happens, 9 does.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.errors import MissingCapability, TargetError, attempt, in_one_line
from seatrial.ledger import PRESENT, write_read_back
from seatrial.live import LiveView
from seatrial.signals import deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seatrial.ledger import ReadBack
    from seatrial.progress import Progress
    from seatrial.roles import Clock, Effect, Fault, Observer, Target
    from seatrial.samples import Sample
    from seatrial.timeline import Recorder
    from seatrial.undo import Entry, UndoJournal

STEP_S = 0.1  # how often a waiting run looks at what its clients see
TRIED = 3  # writes of each of the ledger's ways that are read back before anything is broken
SETTLE_S = 1.0  # the load's first second, before the window `before` begins


@dataclass(frozen=True)
class Parts:
    """What a trial is made of."""

    target: Target
    observers: Sequence[Observer]
    recorder: Recorder
    undo: UndoJournal
    clock: Clock
    progress: Progress
    read_back: Callable[[list[Sample]], list[ReadBack]]
    tidy: Callable[[], list[str]]  # removes what the ledger wrote past the application; says what it could not


@dataclass(frozen=True)
class Patience:
    """How long a trial watches and waits."""

    before_s: float
    after_s: float
    wait_s: float  # the longest wait for recovery
    watch_s: float  # the least time to watch before "recovered" is believed: a request may take so long to fail


class Trial:
    """One run in progress."""

    def __init__(self, parts: Parts, patience: Patience) -> None:
        self._parts = parts
        self._patience = patience
        self._live = LiveView(parts.observers)
        self._entries: list[Entry] = []
        self._since_s = parts.clock.now()  # the latest blow or healing
        self._hopeless = False  # not up before the fault, or not back after it
        self._ended = False
        self._steady_asked = False
        self._healing = False
        self._before: tuple[str, ...] = ()  # what the audit found before anything was broken

    def begin(self) -> None:
        """Phases 1 and 2. Raises TargetError if the target cannot be audited: then nobody could say what was left."""
        self._before = self._parts.target.residue()
        self._event("residue-before", items=list(self._before))
        self._parts.progress.phase("starting probe, ledger and load")
        for observer in self._parts.observers:
            observer.start()
            self._event("observing", observer=observer.name)
        self._wait(SETTLE_S, "load begins")
        self._parts.progress.phase(f"steady state: watching for {self._patience.before_s:g} s")
        self._event("before-begin")
        self._wait(self._patience.before_s, "steady state")
        self._event("before-end")
        self._parts.progress.phase(f"steady state: {self._live.tally()}")

    def served(self) -> bool:
        """Phase 3, and the hypothesis after the method: every client is being served."""
        kind = "steady-after" if self._steady_asked else "steady"
        troubles = self._until_served(self._patience.watch_s)
        if not self._steady_asked and not troubles:
            troubles = self._unread()
        self._hopeless |= bool(troubles) and not self._steady_asked
        self._steady_asked = True
        detail = "; ".join(troubles) or f"all clients are served ({self._live.tally()})"
        self._event(kind, met=not troubles, detail=detail)
        return not troubles

    def inject(self, fault: Fault) -> Effect:
        """Phases 4 and 5. Raises MissingCapability before anything is written, TargetError with the undo on disk."""
        target, name = self._parts.target, type(fault).__name__
        if not isinstance(target, fault.needs):
            raise MissingCapability(f"the target {target.name} cannot do what {name} needs: {fault.needs.__name__}")
        target.require(fault.undo())
        entry = self._parts.undo.write(target.identity, fault.undo())
        self._entries.append(entry)
        self._event("undo-written", operation=entry.step.operation, arguments=dict(entry.step.arguments))
        self._parts.progress.phase(f"fault: {fault}")
        self._event("injecting", fault=name, arguments=dict(vars(fault)))
        try:
            effect = fault.inject(target)
        except Exception as error:
            self._event("injection-failed", fault=name, detail=in_one_line(error))
            raise
        self._since_s = self._parts.clock.now()
        seen = {"struck_s": effect.struck_s, "seen_s": effect.seen_s, "seen": effect.seen}
        self._event("effect", fault=name, arguments=dict(vars(fault)), evidence=list(effect.evidence), **seen)
        self._parts.progress.phase("seen: " + "; ".join(effect.evidence))
        return effect

    def hold(self, seconds: float) -> None:
        """Let the fault act."""
        self._wait(seconds, "the fault acts")

    def heal(self) -> None:
        """Phase 6: carry out the undo steps of this trial, the latest first. What fails stays in the journal."""
        self._healing = True
        try:
            while self._entries:
                self._heal(self._entries[-1])
                self._entries.pop()  # not before: one that Ctrl-C came into is carried out again at the end
        finally:
            self._healing = self._ended

    def _heal(self, entry: Entry) -> None:
        items, failure = self._audit()
        found = None if failure else [item for item in items if item not in self._before]
        self._event("healing", operation=entry.step.operation, arguments=dict(entry.step.arguments), found=found)
        why = attempt(self._parts.target.undo, entry.step)
        if not why:
            self._parts.undo.done(entry)
            self._since_s = self._parts.clock.now()
        self._event("healed", operation=entry.step.operation, ok=not why, detail=why)

    def await_recovery(self) -> bool:
        """Phase 7: True once every client is served again; False when the patience is over."""
        self._parts.progress.phase(f"waiting for the clients to be served again, at most {self._patience.wait_s:g} s")
        self._wait(min(self._patience.watch_s, self._patience.wait_s), "watching what the clients see")
        troubles = self._until_served(max(self._since_s + self._patience.wait_s - self._parts.clock.now(), 0.0))
        self._hopeless = bool(troubles)
        self._event("gave-up" if troubles else "recovered", detail="; ".join(troubles) or "all clients are served")
        return not troubles

    def after(self) -> None:
        """Phase 8; nothing is to be seen where nothing was up, or came back."""
        if self._hopeless or not self._patience.after_s:
            return
        self._parts.progress.phase(f"after: watching for {self._patience.after_s:g} s")
        self._event("after-begin")
        self._wait(self._patience.after_s, "after the recovery")
        self._event("after-end")

    @deferred()
    def end(self) -> None:
        """Phase 9. Idempotent; every part of it is tried, whatever the others raise and whatever signal comes."""
        if self._ended:
            return
        self._ended = self._healing = True
        for observer in self._parts.observers:
            self._try(self._stop, observer)
        self.heal()
        self._try(self._account)
        items, failure = self._audit()
        self._event("residue", items=[*items, *self._parts.tidy()], failure=failure)
        self._event("run-end")
        with suppress(OSError):  # what a full disk did not take is missing when the run is judged
            self._parts.recorder.close()

    def document(self, name: str, value: Any) -> None:  # noqa: ANN401 - a JSON value
        """Put a JSON document into the run's folder."""
        self._parts.recorder.document(name, value)

    def crashed(self, error: BaseException) -> None:
        """Note that the runner itself failed in the middle of the run. Never raises: what is broken is to be healed."""
        if not self._ended:
            with suppress(TargetError):
                self._event("crashed", reason=f"{type(error).__name__}: {error}")

    def interrupted(self, why: str) -> None:
        """Note that the run was stopped; it will be healed and ended, and is INCONCLUSIVE. Never raises."""
        with suppress(TargetError):
            self._event("interrupted", reason=why)

    def step_failed(self, step: str, why: str) -> None:
        """Note that a step of the experiment failed: what it should have done was not tried."""
        self._event("step-failed", step=step, reason=why)

    def _try(self, part: Callable[..., None], *arguments: Observer) -> None:
        if why := attempt(part, *arguments):
            self._event("crashed", reason=why)

    def _stop(self, observer: Observer) -> None:
        observer.stop()
        self._event("stopped", observer=observer.name)

    def _audit(self) -> tuple[tuple[str, ...], str]:
        """What the target's audit finds, and why it could not look."""
        try:
            return self._parts.target.residue(), ""
        except Exception as error:
            return (), in_one_line(error)

    def _account(self) -> None:
        self._live.refresh()
        if not (writes := self._live.writes) or not self._steady_asked:
            return
        self._parts.progress.phase(f"reading back {len(writes)} writes of the ledger")
        self._event("readback-begin", writes=len(writes))
        found = self._parts.read_back(writes)
        write_read_back(self._parts.recorder.folder / "readback.csv", found)
        self._event("readback-end", entries=len(found))

    def _unread(self) -> list[str]:
        """Can the ledger be read back at all? Asked of a few of the oldest writes, before anything is broken."""
        found = self._parts.read_back(self._live.oldest_writes(TRIED))
        states = {item.stream: item.state for item in found if item.state != PRESENT}
        return [f"{stream}: an acknowledged write reads back as {state}" for stream, state in states.items()]

    def _until_served(self, limit_s: float) -> list[str]:
        deadline = self._parts.clock.now() + limit_s
        while troubles := self._live.look(self._parts.clock.now()):
            if self._parts.clock.now() >= deadline:
                return troubles
            self._step(min(STEP_S, max(deadline - self._parts.clock.now(), 0.001)), "; ".join(troubles[:3]))
        return []

    def _wait(self, seconds: float, text: str) -> None:
        deadline = self._parts.clock.now() + seconds
        while (left := deadline - self._parts.clock.now()) > 0:
            self._live.refresh()
            self._step(min(STEP_S, left), text)

    def _step(self, seconds: float, text: str) -> None:
        self._parts.progress.tick(text)
        self._parts.clock.sleep(seconds)

    def _event(self, kind: str, **data: Any) -> None:  # noqa: ANN401 - JSON values
        try:
            self._parts.recorder.event(kind, **data)
        except OSError as error:
            if not self._healing:  # what was broken is healed even if nobody can read of it
                folder, why = self._parts.recorder.folder, error.strerror or error
                raise TargetError(f"{folder} cannot be written to: {why}") from None
