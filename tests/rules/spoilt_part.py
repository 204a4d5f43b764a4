"""One part of the spoilt files, in a process of its own: the memory is that of looking at them and nothing else.

python tests/rules/spoilt_part.py PART COUNT LONGEST_S      prints the peak memory in kilobytes; status 1 and why
"""

from __future__ import annotations

import resource
import sys
import time

from mutation import spoilt

from seatrial.findings.checking import BROKEN, look
from seatrial.plan import plan_of


def main(part, count, longest_s):
    """Look at each file alone, as far as it is still recognised."""
    for what, name, content in spoilt(count, seed=part):
        began = time.monotonic()
        looked = look(plan_of({name: content}))
        took_s = time.monotonic() - began
        broken = [finding.message for finding in looked.findings if finding.rule == BROKEN]
        if broken or took_s >= longest_s:
            sys.exit(f"{what}: {took_s:.1f} s, {broken}")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # noqa: T201 - its answer


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
