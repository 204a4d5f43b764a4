"""The undo journal: on disk first, backwards, by whoever comes next."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from seatrial.errors import TargetError
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


def test_a_torn_last_line_is_a_fault_that_never_was(tmp_path):
    """The process died while it wrote a step: the fault comes after the write, so there is nothing to undo."""
    killed_writer(tmp_path)
    path = next(tmp_path.iterdir())
    with path.open("a") as file:
        file.write('{"number": 3, "target": {"ki')
    assert [entry.number for entry in pending_of(path)] == [2, 1]


def test_a_pid_that_was_given_to_another_process_does_not_keep_a_journal(tmp_path):
    """The owner is a pid and the moment it started, so a reused pid is recognised."""
    journal = UndoJournal(tmp_path)
    journal.write(TARGET, UndoStep("start", {"component": "database"}))
    lines = journal.path.read_text().splitlines()
    owner = json.loads(lines[0])
    owner["owner"]["started"] -= 1000
    journal.path.write_text("\n".join([json.dumps(owner), *lines[1:]]) + "\n")
    assert abandoned(tmp_path) == [journal.path]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2]\n", b'{"owner": 5}\n{"number": 1}\n', b""])
def test_a_journal_that_is_none_stops_no_start(tmp_path, content):
    """Whatever stands in the folder, recovery goes on: there is nothing in it that could be undone."""
    (tmp_path / "undo-1-x.jsonl").write_bytes(content)
    (tmp_path / "undo-2-folder.jsonl").mkdir()
    assert recover(tmp_path, lambda *_: None) == []
