"""What watches a run, put together from the settings: the probe with the ledger's writers, and the load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.load.runner import LocustLoad

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from seatrial.ledger import ReadBack
    from seatrial.roles import Observer, Target
    from seatrial.samples import Sample
    from seatrial.settings import Settings
