"""What a sampler does, as a frozen value that travels to its process as one line of JSON; it holds secrets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class LedgerConfig:
    """The ways in which the ledger writes and reads back."""

    rate_hz: float
    write: dict[str, Any] | None = None  # method, path, json, headers
    read: dict[str, Any] | None = None  # path, value, headers
    sql: str | None = None
    redis: str | None = None


@dataclass(frozen=True)
class SamplerConfig:
    """One sampler: where, how often, and what it writes."""

    url: str  # the deployment's base URL; with an empty `health` it is sampled as it stands
    folder: str  # the run's folder; samples go to `samples/` in it
    health: str = ""
    rate_hz: float = 50.0  # of each stream of the probe: new connections, and kept ones
    timeout_s: float = 2.0
    nonce: str = ""  # the run's; ids and values of the ledger follow from it
    ledger: LedgerConfig | None = field(default=None)

    @property
    def run(self) -> str:
        """A short name of the run, which every id of its ledger begins with."""
        return f"st-{self.nonce[:8]}"

    def to_json(self) -> str:
        """The value as one line."""
        return json.dumps(asdict(self))


def from_json(line: str) -> SamplerConfig:
    """What `to_json` made."""
    value = json.loads(line)
    ledger = value.pop("ledger")
    return SamplerConfig(**value, ledger=LedgerConfig(**ledger) if ledger else None)
