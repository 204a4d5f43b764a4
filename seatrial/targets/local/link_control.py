"""Asking the link proxy, over its socket: one line of JSON there, one back."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seatrial.errors import MissingCapability, TargetError

if TYPE_CHECKING:
    from seatrial.roles import LinkShape
    from seatrial.targets.local.deployment import Deployment, Link


def find_link(deployment: Deployment, source: str, destination: str) -> Link:
    """The link between two components. Raises MissingCapability if the source does not refer to the destination."""
    deployment.program(source), deployment.program(destination)
    for link in deployment.links:
        if (link.source, link.destination) == (source, destination):
            return link
    raise MissingCapability(
        f"there is no link from {source} to {destination}: neither command nor env of [targets.local.{source}] refers "
        f"to {{{destination}.url}}, {{{destination}.host}} or {{{destination}.port}}"
    )


def set_shape(deployment: Deployment, link: Link, shape: LinkShape) -> None:
    """Give a link a shape; it holds for connections that exist and for new ones. Raises TargetError."""
    _ask(deployment, {"do": "shape", "link": link.name, "shape": asdict(shape)})


def link_state(deployment: Deployment) -> dict[str, Any] | None:
    """By link: its shape (None when clean), connections and bytes carried. None if the proxy does not answer."""
    try:
        return dict(_ask(deployment, {"do": "state"})["links"])
    except TargetError:
        return None


def _ask(deployment: Deployment, request: dict[str, Any]) -> dict[str, Any]:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(deployment.link_socket))
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
    except (OSError, ValueError) as error:
        raise TargetError(f"the link proxy of {deployment.folder} does not answer: {error}") from None
    if not answer.get("ok"):
        raise TargetError(f"the link proxy refused: {answer.get('error')}")
    return answer
