"""What watches a run, put together from the settings: the probe with the ledger's writers, and the load."""

from __future__ import annotations
