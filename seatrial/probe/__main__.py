"""`python -m seatrial.probe`: a sampler process. Its configuration is the first line of its standard input.

It samples until standard input ends, so that it never outlives the run that started it.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path

from seatrial.probe.config import SamplerConfig, from_json
from seatrial.probe.http1 import HttpClient
from seatrial.probe.sampler import Ended, Sampler, Stream
from seatrial.probe.ways import ledger_streams


def probe_streams(config: SamplerConfig) -> list[Stream]:
    """The client's view twice, each at the full rate: on new connections, and on kept ones, half a period apart."""

    def stream(name: str, *, keep: bool, offset: float) -> Stream:
        client = HttpClient(config.url, keep=keep)

        async def send(_key: str) -> Ended:
            answer = await client.request("GET", config.health)
            return Ended(answer.outcome, answer.at_s)

        return Stream(name, config.rate_hz, send, offset=offset)

    return [stream("probe/new", keep=False, offset=0.0), stream("probe/kept", keep=True, offset=0.5)]


async def sample(config: SamplerConfig) -> None:
    """Sample until standard input ends or SIGTERM comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)  # nothing is sent after the first line: readable means ended
    folder = Path(config.folder) / "samples"
    samplers = [Sampler(probe_streams(config), folder / "probe.csv", config.timeout_s)]
    ledger = ledger_streams(config)
    if ledger:
        samplers.append(Sampler(ledger, folder / "ledger.csv", config.timeout_s))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(*(sampler.run(stop) for sampler in samplers))


def main() -> None:
    """Read the configuration, and sample."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's; it ends this process in its own time
    line = bytearray()
    while not line.endswith(b"\n"):  # unbuffered, so that the end of the input stays to be seen
        piece = sys.stdin.buffer.raw.read(1) if hasattr(sys.stdin.buffer, "raw") else sys.stdin.buffer.read(1)
        if not piece:
            return
        line += piece
    config = from_json(line.decode())
    gc.freeze()
    asyncio.run(sample(config))


if __name__ == "__main__":
    main()
