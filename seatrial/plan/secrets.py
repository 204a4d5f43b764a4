"""The data of Secrets: decoded, and made by other controllers."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.plan.kubernetes import KubeObject
    from seatrial.plan.nodes import Node


def decoded(kind: str, node: Node) -> str | None:
    """A value of a ConfigMap or a Secret; None where it is not base64."""
    if kind != "Secret":
        return node.text
    try:
        return base64.b64decode(node.text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def made_elsewhere(each: KubeObject) -> dict[tuple[str, str, str], dict[str, str | None]]:
    """Secrets that another controller makes: ExternalSecret, SealedSecret, Certificate."""
    if each.kind == "Certificate":
        return {
            ("Secret", each.namespace, each.get("spec", "secretName").text): dict.fromkeys(
                ["tls.crt", "tls.key", "ca.crt"]
            )
        }
    if each.kind == "SealedSecret":
        return {("Secret", each.namespace, each.name): dict.fromkeys(each.get("spec", "encryptedData").keys())}
    if each.kind == "ExternalSecret":
        name = each.get("spec", "target", "name").text or each.name
        keys: list[str] = [entry.get("secretKey").text for entry in each.get("spec", "data")]
        keys += ["*"] if each.get("spec", "dataFrom").written else []
        return {("Secret", each.namespace, name): dict.fromkeys(keys)}
    return {}
