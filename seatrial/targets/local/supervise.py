"""supervisord, for a local deployment: run by its path, so that nothing of Seatrial has to be importable.

It differs from plain supervisord in two ways. Processes that a component leaves without a parent become its own, so
that they can be found; and it looks about 20 times a second instead of once, so that a killed component is started
again at once and the time until it serves is the component's own.
"""

from __future__ import annotations

import ctypes
import sys

from supervisor.options import ServerOptions
from supervisor.supervisord import go

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
LOOK_S = 0.05


def main(arguments: list[str]) -> None:
    """Run until told to shut down."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    options = ServerOptions()
    options.realize(arguments)
    patient = options.poller.poll
    options.poller.poll = lambda timeout: patient(min(timeout, LOOK_S))
    options.first, options.test = True, False  # what supervisord.main sets besides
    go(options)
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    main(sys.argv[1:])
