"""Kills the runner with SIGKILL at random moments of every scenario, and asks what is left after `seatrial recover`.

    python bench/undo_kill.py [--times 200] [--seed 1]
    python bench/undo_kill.py --boundaries              at every phase boundary of every scenario instead

This process keeps a deployment up; each runner attaches to it. After each kill: `seatrial recover`, then no undo step
is pending, the target's audit is clean, no process of the runner lives, and the deployment serves reads and writes.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fixtures.killing import BOUNDARIES, SHORT, Victim, deployment_up  # the same helper as the tests use


def at_random(options):
    """Scenarios, and seconds after their start."""
    chance = random.Random(options.seed)
    return [(chance.choice(sorted(SHORT)), chance.uniform(0.5, 12.0)) for _ in range(options.times)]


def at_boundaries():
    """Scenarios, and events of their timeline."""
    moments = [moment for moments in BOUNDARIES.values() for moment in moments]
    return [(scenario, moment) for scenario in SHORT for moment in moments]


def main():
    """Kill, recover, look; exit status 1 if anything was ever left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--boundaries", action="store_true")
    options = parser.parse_args()
    phases, left, took = collections.Counter(), [], []
    with tempfile.TemporaryDirectory() as folder, deployment_up(Path(folder)) as kept:
        for number, (scenario, moment) in enumerate(at_boundaries() if options.boundaries else at_random(options)):
            victim = Victim(kept, scenario)
            phases[victim.kill_at(moment) if options.boundaries else victim.kill_after(moment)] += 1
            started = time.monotonic()
            found = victim.recover_and_look()
            took.append(time.monotonic() - started)
            left += [(number, scenario, item) for item in found]
            print(f"{number + 1:4} {scenario:<20} killed in {victim.phase:<16} left: {found or 'nothing'}", flush=True)
    print(f"\n{len(took)} kills, by phase: {dict(phases)}")
    median = sorted(took)[len(took) // 2]
    print(f"left behind: {len(left)}; to recover and look: median {median:.2f} s, at most {max(took):.2f} s")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
