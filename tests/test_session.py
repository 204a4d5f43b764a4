"""A session on a target in memory: what killed runs left, what is refused, and what is taken back at the end."""

from __future__ import annotations

import pytest

from fixtures.deployments import notes_settings
from seatrial import session as module
from seatrial.catalogue import find_scenario
from seatrial.errors import MissingCapability, TargetError
from seatrial.progress import Silent
from seatrial.roles import UndoStep
from seatrial.scenario import load_scenario
from seatrial.session import Options, Session
from seatrial.settings_file import load_settings
from seatrial.targets.fake import FakeClock, FakeTarget
from seatrial.undo import Entry, Recovered, pending_of


class Heard(Silent):
    """Progress that remembers what it was told."""

    def __init__(self):
        self.said = []

    def phase(self, text):
        self.said.append(text)


@pytest.fixture
def make_session(tmp_path, monkeypatch):
    """A session on this target, with a state folder of its own."""
    monkeypatch.setenv("SEATRIAL_STATE", str(tmp_path / "state"))
    (tmp_path / "seatrial.toml").write_text(notes_settings())

    def make(target, **options):
        monkeypatch.setattr(module, "open_target", lambda *_: target)
        return Session(load_settings(tmp_path / "seatrial.toml"), Options("fake", tmp_path, **options), Heard())

    return make


def test_what_could_not_be_healed_is_not_said_to_be_healed(make_session, monkeypatch):
    """The start tells the one from the other, with the reason."""
    steps = [Entry(number, {"kind": "fake"}, UndoStep(name)) for number, name in enumerate(("start", "resume"))]
    found = [Recovered(steps[0], ok=True, detail="done"), Recovered(steps[1], ok=False, detail="not reachable")]
    monkeypatch.setattr(module, "heal_abandoned", lambda: found)
    with make_session(FakeTarget(FakeClock())) as session:
        said = session.progress.said
    assert said[0] == "healed what a killed run left: start: done"
    assert said[1] == "could not heal what a killed run left: resume: not reachable"


@pytest.mark.parametrize("error", [OSError(16, "Device or resource busy"), KeyError("programs")])
def test_whatever_a_step_raises_the_others_are_taken_back(make_session, monkeypatch, tmp_path, error):
    """Three steps, the middle one fails: the others are carried out, and it stays in the journal, said in one line."""
    target, undone = FakeTarget(FakeClock()), []

    def undo(step):
        if step.operation == "resume":
            raise error
        undone.append(step.operation)

    monkeypatch.setattr(target, "undo", undo)
    session = make_session(target)
    session.__enter__()
    for operation in ("resume", "start"):
        session._undo.write(target.identity, UndoStep(operation))
    with pytest.raises(TargetError, match="not everything could be taken back") as caught:
        session.__exit__()
    assert type(error).__name__ in str(caught.value)
    assert "\n" not in str(caught.value)
    assert undone == ["start", "down"]
    (journal,) = (tmp_path / "state").iterdir()
    assert [entry.step.operation for entry in pending_of(journal)] == ["resume"]


def test_a_target_that_does_not_come_up_is_taken_back_and_its_reason_told(make_session, monkeypatch, tmp_path):
    """The reason is that of the target, and the journal is gone."""
    target = FakeTarget(FakeClock())

    def up():
        raise TargetError("app did not start")

    monkeypatch.setattr(target, "up", up)
    with pytest.raises(TargetError, match="app did not start"):
        make_session(target).__enter__()
    assert [step.operation for step in target.undone] == ["down"]
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize(("options", "expected"), [({}, ["attach", "release"]), ({"shared": True}, ["release"])])
def test_a_session_has_its_deployment_to_itself_unless_it_is_for_others(make_session, monkeypatch, options, expected):
    """A run claims what it brought up; `seatrial up` leaves it to those who attach."""
    target, asked = FakeTarget(FakeClock()), []
    for name in ("attach", "release"):
        monkeypatch.setattr(target, name, lambda name=name: asked.append(name))
    with make_session(target, **options):
        pass
    assert asked == expected


def test_a_scenario_whose_fault_cannot_be_there_is_refused_before_anything_is_recorded(make_session, monkeypatch):
    """Its link is missing: MissingCapability, and no folder of a run."""
    scenario = load_scenario(find_scenario("slow-database", None))
    monkeypatch.setattr(type(scenario), "unknown_components", lambda *_: [])
    with make_session(FakeTarget(FakeClock(), lacks=("clear_link",))) as session:
        with pytest.raises(MissingCapability, match="nothing that clear_link"):
            session.refuse_impossible(scenario)
        session.target.lacks = ()
        session.refuse_impossible(scenario)
