"""What watches a run, put together from the settings: the load, and the probe with the ledger's writers beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.load.runner import LocustLoad
from seatrial.probe.config import LedgerConfig, SamplerConfig
from seatrial.probe.process import SamplerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seatrial.masking import Masker
    from seatrial.roles import Observer, Target
    from seatrial.settings import Settings


def sampler_config(settings: Settings, target: Target, folder: Path, nonce: str) -> SamplerConfig:
    """The sampler of a run, with every reference to a component resolved as a client outside sees it."""
    client, ledger = settings.client, settings.ledger
    return SamplerConfig(
        url=target.resolve(client.url),
        folder=str(folder),
        health=client.health,
        rate_hz=client.rate_hz,
        timeout_s=client.timeout_s,
        nonce=nonce,
        ledger=LedgerConfig(
            rate_hz=ledger.rate_hz,
            write=ledger.write.model_dump(by_alias=True) if ledger.write else None,
            read=ledger.read.model_dump(by_alias=True) if ledger.read else None,
            sql=target.resolve(ledger.sql) if ledger.sql else None,
            redis=target.resolve(ledger.redis) if ledger.redis else None,
        ),
    )


def observers_for(settings: Settings, config: SamplerConfig, folder: Path, masker: Masker) -> Sequence[Observer]:
    """The load and the sampler, not yet started."""
    load = LocustLoad(settings.load, config.url, settings.client.timeout_s, folder, settings.root, masker=masker)
    return load, SamplerProcess(config)
