"""Every shipped scenario is an experiment that Chaos Toolkit itself runs: `chaos run FILE`, nothing around it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seatrial.catalogue import catalogue


@pytest.mark.parametrize("name", catalogue())
def test_a_shipped_scenario_runs_under_chaos_run(workplace, name):
    """On the reference deployment, which the control brings up, judges and takes down: completed, not deviated."""
    command = [sys.executable, "-m", "chaostoolkit", "--log-file", os.devnull, "run", str(catalogue()[name])]
    done = subprocess.run(command, cwd=workplace.folder, env=workplace.environment, capture_output=True, text=True,
                          check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((workplace.folder / "state").iterdir()) == []
    assert list((workplace.folder / "reports" / "runs").glob("*/report.html"))
