"""Signals that come while something is taken back."""

from __future__ import annotations

import os
import signal

import pytest

from seatrial.signals import deferred


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_the_block(number):
    """It is handed on to whoever would have had it, once, however often it came."""
    seen = []
    previous = signal.signal(number, lambda *_: seen.append("handled"))
    try:
        with deferred(), deferred():
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            seen.append("done")
        assert seen == ["done", "handled"]
        os.kill(os.getpid(), number)
        assert seen == ["done", "handled", "handled"]
    finally:
        signal.signal(number, previous)


def test_without_a_signal_nothing_changes():
    """The handlers are those from before."""
    before = signal.getsignal(signal.SIGINT)
    with deferred():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


@deferred()
def interrupted_and_failing():
    os.kill(os.getpid(), signal.SIGINT)
    raise OSError("full")


def test_a_signal_is_handed_on_even_if_the_block_raises():
    """Ctrl-C while a step fails: whoever would have had the signal gets it, and the error is not lost."""
    seen = []
    previous = signal.signal(signal.SIGINT, lambda *_: seen.append("handled"))
    try:
        with pytest.raises(OSError, match="full"):
            interrupted_and_failing()
        assert seen == ["handled"]
    finally:
        signal.signal(signal.SIGINT, previous)
