"""The undo journal: on disk first, backwards, by whoever comes next."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xmlrpc.client import Fault

import pytest

from seatrial.errors import InputError, TargetError
from seatrial.roles import UndoStep
from seatrial.undo import UndoJournal, abandoned, pending_of, recover

TARGET = {"kind": "fake"}
WRITE_AND_DIE = """
import os, sys
from pathlib import Path
from seatrial.roles import UndoStep
from seatrial.undo import UndoJournal
journal = UndoJournal(Path(sys.argv[1]))
for component in ("database", "cache"):
    journal.write({"kind": "fake"}, UndoStep("start", {"component": component}))
os.kill(os.getpid(), 9)
"""


def killed_writer(folder):
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(folder)], check=False)


def test_a_killed_process_leaves_its_steps_and_the_next_carries_them_out_backwards(tmp_path):
    """SIGKILL right after writing: both steps are found, the latest is undone first, and the journal goes."""
    killed_writer(tmp_path)
    done = []
    results = recover(tmp_path, lambda target, step: done.append((dict(target), step.arguments["component"])))
    assert done == [(TARGET, "cache"), (TARGET, "database")]
    assert all(result.ok for result in results)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_stays_for_the_next_time_and_stops_nothing_else(tmp_path):
    """The first step fails, the second is still carried out; the journal stays."""
    killed_writer(tmp_path)

    def execute(_target, step):
        if step.arguments["component"] == "cache":
            raise TargetError("not reachable")

    results = [(result.ok, result.detail) for result in recover(tmp_path, execute)]
    assert results == [(False, "not reachable"), (True, "done")]
    assert len(abandoned(tmp_path)) == 1


def test_a_living_process_keeps_its_journal(tmp_path):
    """A run that is going on is never healed by another."""
    journal = UndoJournal(tmp_path)
    journal.write(TARGET, UndoStep("start", {"component": "database"}))
    assert recover(tmp_path, lambda *_: None) == []
    assert len(journal.pending()) == 1


def test_done_steps_are_not_pending_and_an_empty_journal_goes(tmp_path):
    """What was carried out is not carried out again."""
    journal = UndoJournal(tmp_path)
    first = journal.write(TARGET, UndoStep("start", {"component": "database"}))
    second = journal.write(TARGET, UndoStep("resume", {"component": "cache"}))
    assert [entry.number for entry in journal.pending()] == [2, 1]
    journal.done(second)
    journal.close()
    assert journal.path.exists()
    journal.done(first)
    journal.close()
    assert not journal.path.exists()


def test_a_torn_line_is_a_fault_that_never_was_and_hides_no_other(tmp_path):
    """Half a step, then whole ones: the fault comes after the write, so half of one has nothing to undo."""
    killed_writer(tmp_path)
    path = next(tmp_path.iterdir())
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], '{"number": 9, "target": {"ki', *lines[1:], '{"done": [1]}', "[" * 9999]))
    assert [entry.number for entry in pending_of(path)] == [2, 1]


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_step_that_does_not_fit_leaves_nothing_and_is_refused(tmp_path, monkeypatch, failing):
    """A full disk takes half a line: TargetError, and the next step stands whole."""
    journal, write = UndoJournal(tmp_path), os.write

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, (lambda file, line: write(file, line[:20])) if failing == "write" else fail)
        with pytest.raises(TargetError, match=r"[Nn]o space left"):
            journal.write(TARGET, UndoStep("start", {"component": "database"}))
    journal.write(TARGET, UndoStep("start", {"component": "cache"}))
    assert [entry.step.arguments["component"] for entry in pending_of(journal.path)] == ["cache"]
    assert [entry.step.arguments["component"] for entry in journal.pending()] == ["cache"]
    assert len(journal.path.read_text().splitlines()) == 2


def test_a_pid_that_was_given_to_another_process_does_not_keep_a_journal(tmp_path):
    """The owner's pid is that of a living process, this one; but nobody holds the journal."""
    killed_writer(tmp_path)
    path = next(tmp_path.iterdir())
    owner, *steps = path.read_text().splitlines()
    value = json.loads(owner)
    value["owner"]["pid"] = os.getpid()
    path.write_text("\n".join([json.dumps(value), *steps]) + "\n")
    assert abandoned(tmp_path) == [path]


WATCHED = """
import os, sys
from pathlib import Path
from seatrial import undo
def stop(*arguments):
    print([path.name for path in folder.iterdir()], [str(path) for path in undo.abandoned(folder)], flush=True)
    sys.stdin.readline()
    return original(*arguments)
folder, original = Path(sys.argv[1]), getattr(os, sys.argv[2])
setattr(os, sys.argv[2], stop)
undo.UndoJournal(folder).write({"kind": "fake"}, undo.UndoStep("start"))
"""


@pytest.mark.parametrize("moment", ["write", "fsync"])
def test_a_new_journal_is_nobodys_prey(tmp_path, moment):
    """Another process heals while a journal is being made: it is seen whole and held, or not at all."""
    writer = subprocess.Popen([sys.executable, "-c", WATCHED, str(tmp_path), moment], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    while line := writer.stdout.readline():
        names, seen_abandoned = line.split("] [")
        assert seen_abandoned == "]\n", line
        assert recover(tmp_path, lambda *_: pytest.fail("healed what its owner holds")) == []
        assert (".jsonl" in names) == bool(list(tmp_path.glob("*.jsonl"))), "it is still there"
        writer.stdin.write("\n")
        writer.stdin.flush()
    writer.communicate()
    assert writer.returncode == 0
    (path,) = tmp_path.iterdir()
    assert [entry.step.operation for entry in pending_of(path)] == ["start"]
    assert "owner" in json.loads(path.read_text().splitlines()[0])


def test_a_journal_that_was_removed_is_not_made_again_without_its_owner(tmp_path):
    """Somebody emptied the folder: the next step is refused, and what is pending is still known to its process."""
    journal = UndoJournal(tmp_path)
    journal.write(TARGET, UndoStep("start", {"component": "database"}))
    journal.path.unlink()
    with pytest.raises(TargetError, match="was removed"):
        journal.write(TARGET, UndoStep("start", {"component": "cache"}))
    (entry,) = journal.pending()
    journal.done(entry)
    journal.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"boot": "another", "host": "elsewhere"}, "on the machine elsewhere"),
        ({"pid_namespace": "pid:[1]"}, "in another container"),
    ],
)
def test_what_was_left_elsewhere_is_not_taken_for_healed_here(tmp_path, changes, said):
    """A home folder that machines or containers share: the deployment is not to be seen here, so nothing is done."""
    killed_writer(tmp_path)
    path = next(tmp_path.iterdir())
    owner, *steps = path.read_text().splitlines()
    value = {"owner": json.loads(owner)["owner"] | changes}
    path.write_text("\n".join([json.dumps(value), *steps]) + "\n")
    results = recover(tmp_path, lambda *_: pytest.fail("healed here what is elsewhere"))
    assert [(result.ok, said in result.detail) for result in results] == [(False, True)] * 2
    assert path.exists()
    path.write_text(json.dumps(value) + "\n")
    assert recover(tmp_path, lambda *_: None) == []
    assert not path.exists(), "nothing is pending in it, wherever it comes from"


def test_what_was_left_before_a_restart_of_the_machine_is_healed(tmp_path):
    """Another boot of the same host: its processes are gone, its folders may be there."""
    killed_writer(tmp_path)
    path = next(tmp_path.iterdir())
    path.write_text(re.sub(r'"(boot|pid_namespace)": "[^"]*"', r'"\1": "another"', path.read_text()))
    assert [result.ok for result in recover(tmp_path, lambda *_: None)] == [True, True]
    assert not path.exists()


def test_two_that_heal_at_once_heal_once(tmp_path):
    """The second waits for the first, so that it begins on what is healed, and finds nothing left."""
    killed_writer(tmp_path)
    done, both = [], threading.Barrier(2)

    def heal():
        both.wait()
        recover(tmp_path, lambda _target, step: (time.sleep(0.1), done.append(step)))
        assert len(done) == 2

    with ThreadPoolExecutor(2) as pool:
        for healer in [pool.submit(heal) for _ in range(2)]:
            healer.result()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_vanishes_under_the_look_stops_no_start(tmp_path, monkeypatch):
    """Its owner ended between the listing of the folder and the look into the file."""
    killed_writer(tmp_path)
    there, glob = list(tmp_path.glob("*.jsonl")), Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [*glob(self, pattern), tmp_path / "undo-1-gone.jsonl"])
    assert abandoned(tmp_path) == there
    assert pending_of(tmp_path / "undo-1-gone.jsonl") == []
    assert len(recover(tmp_path, lambda *_: None)) == 2


def test_whatever_a_step_raises_the_others_are_carried_out(tmp_path):
    """OSError, a fault of the supervisor, a spoilt file: each is said in one line and stops nothing."""
    killed_writer(tmp_path)
    errors = iter([Fault(1, "BAD\nNAME"), KeyError("programs")] * 2)
    results = recover(tmp_path, lambda *_: (_ for _ in ()).throw(next(errors)))
    assert [result.detail for result in results] == ["Fault: <Fault 1: 'BAD\\nNAME'>", "KeyError: 'programs'"]
    assert len(pending_of(next(tmp_path.iterdir()))) == 2


def test_a_folder_that_cannot_hold_a_journal_is_one_line(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(InputError, match="expected a folder for undo journals"):
        UndoJournal(tmp_path / "state")


SPOILT = b'{"number": 1, "target": [], "operation": "start", "arguments": 5}\n{"number": {}}\n'


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2]\n", b'{"owner": 5}\n{"number": 1}\n', b"", SPOILT])
def test_a_journal_that_is_none_stops_no_start(tmp_path, content):
    """Whatever stands in the folder, recovery goes on: there is nothing in it that could be undone."""
    (tmp_path / "undo-1-x.jsonl").write_bytes(content)
    (tmp_path / "undo-2-folder.jsonl").mkdir()
    assert recover(tmp_path, lambda *_: None) == []
