"""The link proxy: one process that carries every connection between components, and can slow or cut each link.

A clean link passes bytes on at once. A shaped one holds them in order until they are due; a blackholed one until the
link is healed, as TCP's retransmissions would bring them then. It takes its links from the deployment in its folder,
and orders over a socket there (see `link_control`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from seatrial.roles import LinkShape
from seatrial.targets.local.carrier import CLEAN, Carrier, Side
from seatrial.targets.local.deployment import HOST, Link, load_deployment


class Control:
    """Answers one line of JSON with another."""

    def __init__(self, carriers: dict[str, Carrier]) -> None:
        self._carriers = carriers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            answer = self._answer(json.loads(await reader.readline()))
        except (ValueError, KeyError, TypeError) as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "shape":
            shape = LinkShape(**request["shape"])
            self._carriers[request["link"]].reshape(CLEAN if _is_clean(shape) else shape)
        return {"ok": True, "links": {name: _state(carrier) for name, carrier in self._carriers.items()}}


def _is_clean(shape: LinkShape) -> bool:
    return not (shape.latency_s or shape.jitter_s or shape.reset_rate or shape.blackhole)


def _state(carrier: Carrier) -> dict[str, Any]:
    shape = None if carrier.shape is CLEAN else vars(carrier.shape)
    return {"shape": shape, "connections": len(carrier.sides) // 2, "bytes": carrier.bytes}


async def serve(links: tuple[Link, ...], control: Path) -> None:
    """Carry the links until cancelled."""
    loop = asyncio.get_running_loop()
    carriers = {link.name: Carrier(link) for link in links}
    for carrier in carriers.values():
        await loop.create_server(lambda carrier=carrier: Side(carrier, None), HOST, carrier.link.port, backlog=1024)  # type: ignore[misc]  # bound per link
    control.unlink(missing_ok=True)
    os.umask(0o177)
    server = await asyncio.start_unix_server(Control(carriers).serve, control)
    await server.serve_forever()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    deployment = load_deployment(folder)
    asyncio.run(serve(deployment.links, deployment.link_socket))
