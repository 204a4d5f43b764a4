"""The claim on a deployment: one at a time, for as long as its holder lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seatrial.errors import TargetError
from seatrial.roles import UndoStep
from seatrial.targets.local.claim import Claim
from seatrial.targets.local.deployment import OWNED, Deployment, load_deployment
from seatrial.targets.local.target import Attached

HOLD = """
import sys
from pathlib import Path
from seatrial.targets.local.claim import Claim
Claim(Path(sys.argv[1])).take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    """A deployment without any component."""
    (tmp_path / OWNED).touch()
    Deployment(tmp_path, {}, (), ()).save()
    return tmp_path


@pytest.fixture
def holder(folder):
    """Another process that has the deployment."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_claim_is_refused_and_names_the_holder(folder, holder):
    """One line with the pid; once the holder is dead, whatever it died of, the deployment is free."""
    with pytest.raises(TargetError, match=rf"in use by another seatrial \(pid {holder.pid}\)"):
        Claim(folder).take()
    holder.kill()
    holder.wait()
    claim = Claim(folder)
    claim.take()
    claim.take()
    claim.release()
    Claim(folder).take()


@pytest.mark.parametrize("operation", ["down", "start"])
def test_nothing_is_healed_or_taken_down_beneath_a_run(folder, holder, operation):
    """Whoever heals what another run left is refused as well, and the deployment stays as it is."""
    with pytest.raises(TargetError, match="in use"):
        Attached(folder).undo(UndoStep(operation, {"component": "app"}))
    assert load_deployment(folder).programs == {}


def test_who_has_the_deployment_may_take_it_down(folder):
    """Its own claim is no obstacle."""
    target = Attached(folder)
    target._claim.take()
    target.down()
    assert not folder.exists()


def test_where_there_is_no_deployment_there_is_nothing_to_claim(tmp_path):
    """Two of them come to nothing, and nothing is made."""
    claims = [Claim(tmp_path / "gone"), Claim(tmp_path / "gone")]
    for claim in claims:
        claim.take()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '"x"', "null", '{"programs": [{}], "links": [], "secrets": []}',
                                     '{"programs": 5, "links": [], "secrets": []}', "[" * 9999])  # fmt: skip
def test_a_spoilt_file_of_a_deployment_is_one_line(folder, content):
    """Whatever is wrong with it: TargetError that names the folder."""
    (folder / "deployment.json").write_text(content)
    with pytest.raises(TargetError, match=f"no local deployment can be read from {folder}") as caught:
        load_deployment(folder)
    assert "\n" not in str(caught.value)


def test_a_spoilt_deployment_can_still_be_taken_down(folder):
    """What its file does not tell is found by its folder."""
    (folder / "deployment.json").write_text("{}")
    process = subprocess.Popen(["sleep", "100"], env={**os.environ, "SEATRIAL_DEPLOYMENT": str(folder)})
    Attached(folder).down()
    assert process.wait(5) == -9
    assert not folder.exists()
