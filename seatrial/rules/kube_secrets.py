"""Rules about what Secrets and ConfigMaps hold: no base64, placeholders, real secrets that are committed."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.containers import Container
from seatrial.plan.kubernetes import KubeObject
from seatrial.rules.references import all_containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node

_PLACEHOLDER = re.compile(
    r"<[^<>]*>|\[[A-Za-z][\w -]*\]"
    r"|(?:please[-_ ])?(?:change|replace)[-_ ]?(?:me|this|it)|change[-_]?(?:me|this)(?:[-_]\S*)?"
    r"|replace[-_]?(?:me|this|with)(?:[-_]\S*)?|your[-_]\S*|\S*[-_]placeholder|placeholder\S*|to[-_]?do|tbd|fixme|x{3,}|\*{3,}"
    r"|\.{3,}|(?:insert|enter|put)[-_ ].*[-_ ]here|base64[-_]\S*|encoded[-_]\S*|dummy\S*",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"(?:^|.*[_.-])(?:PASSWORD|PASSWD|PASS|PWD|SECRET|SECRET_?KEY|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|TOKEN|CREDENTIALS)",
    re.I,
)
_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s:/@]*:([^\s/@]+)@", re.IGNORECASE)
_SUBSTITUTES = re.compile(r"\b(?:envsubst|sed|yq|eval|gomplate|perl|python3?)\b")
_FILLED_IN = re.compile(r"\$\{?\w|\$\(|\{\{|^ENC\[|^(?:vault|op|ref\+\w+|arn|secretref):|^<path:", re.IGNORECASE)


def secrets(plan: Plan) -> list[KubeObject]:
    """The Secrets that are written down."""
    return [each for each in plan.of_kind("Secret") if not each.get("sops").written]


def _entries(secret: KubeObject) -> Iterator[tuple[str, Node, bool]]:
    """Key, value and whether it has to be base64."""
    for field in ("data", "stringData"):
        for key, node in secret.get(field).items():
            if node.text:
                yield key, node, field == "data"


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _replaced(text: str, plan: Plan) -> bool:
    """Does something put the real value in before the file is applied?"""
    texts = [script.text for script in plan.all_scripts]
    if _FILLED_IN.search(text):
        applied = any("kubectl" in each and "apply" in each for each in texts)
        return "$" not in text or not applied or any(_SUBSTITUTES.search(each) for each in texts)
    return len(text) > 3 and any(text in each for each in texts)


def is_placeholder(text: str) -> bool:
    """Does a value only say that one belongs there?"""
    return len(text) < 200 and _PLACEHOLDER.fullmatch(text.strip()) is not None


def _plain(text: str, encoded: bool) -> str:
    content = _decoded(text) if encoded else text.encode()
    return content.decode(errors="replace").strip() if content is not None else ""


@rule("kube-secret-placeholder", CRITICAL, over=secrets)
def secret_placeholder(secret: KubeObject, plan: Plan) -> Iterator[Found]:
    """A Secret whose value is a placeholder."""
    for key, node, encoded in _entries(secret):
        if _replaced(node.text, plan):
            continue
        if is_placeholder(node.text):
            refused = encoded and _decoded(node.text) is None
            tail = "is no base64 either: the API server refuses the Secret" if refused else "is what the pods get"
            yield node, f"the value of {key} is the placeholder {node.text[:60]}, which {tail}"
        elif is_placeholder(_plain(node.text, encoded)):
            yield node, f"the value of {key} is, decoded, the placeholder {_plain(node.text, encoded)[:60]}"


@rule("kube-secret-not-base64", CRITICAL, over=secrets)
def secret_not_base64(secret: KubeObject, plan: Plan) -> Iterator[Found]:
    """A value under `data` that is not base64."""
    for key, node, encoded in _entries(secret):
        if encoded and _decoded(node.text) is None and not is_placeholder(node.text) and not _replaced(node.text, plan):
            yield node, f"the value of {key} is no base64: the API server refuses the Secret"


@rule("kube-secret-committed", MAJOR, over=secrets)
def secret_committed(secret: KubeObject, plan: Plan) -> Iterator[Found]:
    """A Secret with real values."""
    real = [
        (key, node)
        for key, node, encoded in _entries(secret)
        if is_secret(key, _plain(node.text, encoded))
        and not is_placeholder(node.text)
        and not _replaced(node.text, plan)
    ]
    if real:
        keys = ", ".join(key for key, _ in real)
        yield real[0][1], f"the file holds the real {'value' if len(real) == 1 else 'values'} of {keys}"


def is_secret(key: str, text: str) -> bool:
    """Is a value a real secret, by the name of its key or as a URL with a password?"""
    if not text or is_placeholder(text) or _FILLED_IN.search(text):
        return False
    url = _PASSWORD_IN_URL.match(text)
    return bool(url and not is_placeholder(url[1])) or _SECRET_NAME.fullmatch(key) is not None


def configurations(plan: Plan) -> list[KubeObject | Container]:
    """Everything that gives variables and is no Secret."""
    return [*plan.of_kind("ConfigMap"), *all_containers(plan)]


@rule("kube-secret-in-config", MAJOR, over=configurations)
def secret_in_config(thing: KubeObject | Container, plan: Plan) -> Iterator[Found]:
    """A password in a ConfigMap or in a container's env."""
    if isinstance(thing, Container):
        pairs = [(entry.name, entry.node.get("value")) for entry in thing.env if entry.value]
    else:
        pairs = [(key, node) for key, node in thing.get("data").items() if "\n" not in node.text]
    for key, node in pairs:
        text = node.text
        if is_secret(key, text) and not text.startswith("/") and not is_trivial(text) and not _replaced(text, plan):
            yield node, f"{key} holds a secret in plain text, for everybody who may read the file or the object"


def is_trivial(text: str) -> bool:
    """Is a value none that anybody would keep secret?"""
    return text.isdigit() or text.lower() in ("true", "false", "none", "null", "yes", "no", "disabled", "optional")
