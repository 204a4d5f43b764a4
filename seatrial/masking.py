"""Secrets never reach a log or a report: what looks like one is masked before it is written anywhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from pathlib import Path

MASK = "***"
LEAST = 4  # characters: a shorter secret would mask too much
_SCHEME = re.compile(r"\b((?:Basic|Bearer)\s+)[A-Za-z0-9._~+/=-]{8,}")
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?|secret|token|key(_?id)?$|credential|auth|cookie|signature|session|otp|bearer|(^|[_-])(pw|pwd|pat|pin|sig|dsn)($|[_-])",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(
    r"""(?P<head>[a-z][a-z0-9+.-]*://[^\s/:@]*:)(?P<secret>[^\s"']+)(?P<tail>@)""", re.IGNORECASE
)
_PAIR = re.compile(
    r"""(?i)((?:\b|--?)[\w-]*(?:pass|pwd|secret|token|auth|credential|session|otp|api_?key|access_?key)[\w-]*|\bsig(?:nature)?|(?<=[?&])key)(["']?\s*[=:]\s*["']?)([^\s"',;&}]+)"""
)


_PLAIN_NAME = re.compile(
    r"(host|port|url|uri|dir|path|home|user|name|region|zone|env|level|mode|version|tz|lang|service|rate|size)s?$", re.I
)


def may_be_secret(name: str) -> bool:
    """True for a variable of the environment unless its name says that it holds nothing to hide."""
    return looks_secret(name) or not _PLAIN_NAME.search(name)


def looks_secret(name: str) -> bool:
    """True if a key or variable of this name usually holds a secret."""
    return bool(_SECRET_NAME.search(name))


class Masker:
    """Masks the secrets it was told of, passwords in URLs, and `password=...` pairs."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, value: Any, name: str = "") -> None:  # noqa: ANN401 - any tree of settings
        """Remember the secrets in a tree of settings: values under a secret's name, passwords inside URLs."""
        if isinstance(value, dict):
            for key, item in value.items():
                self.learn(item, str(key))
        elif isinstance(value, list | tuple):
            for item, before in zip(value, ["", *value], strict=False):
                flag = before if isinstance(before, str) and before.startswith("-") and "=" not in before else ""
                self.learn(item, flag.lstrip("-") or name)
        elif isinstance(value, str) and value:
            self._learn_text(value, name)

    def _learn_text(self, value: str, name: str) -> None:
        for match in _URL_PASSWORD.finditer(value):
            self.add(match["secret"])
        if looks_secret(name) and not value.startswith("{"):
            self.add(value)

    def add(self, secret: str) -> None:
        """Remember one secret, as it stands and as it stands in a URL. Shorter than 4 characters masks too much."""
        lines = [line.strip() for line in secret.splitlines() if len(line.strip()) >= LEAST]
        words = [word for word in secret.split() if len(word) >= 2 * LEAST]  # of "Bearer ...", the token
        for text in {secret, *lines, *words}:
            if len(text) >= LEAST:
                self._known |= {text, unquote(text), quote(text, safe=""), json.dumps(text)[1:-1], repr(text)[1:-1]}

    @property
    def known(self) -> list[str]:
        """The secrets that it was told of, in all their forms."""
        return sorted(self._known)

    def file(self, path: Path) -> None:
        """Mask a text file that another program wrote, in place."""
        text = path.read_text(encoding="utf-8", errors="replace")
        masked = self.text(text)
        if masked != text:
            path.write_text(masked, encoding="utf-8")

    def text(self, text: str) -> str:
        """The text with every secret replaced by ***."""
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, MASK)
        text = _SCHEME.sub(rf"\g<1>{MASK}", text)
        text = _URL_PASSWORD.sub(rf"\g<head>{MASK}\g<tail>", text)
        return _PAIR.sub(rf"\g<1>\g<2>{MASK}", text)

    def tree(self, value: Any, name: str = "") -> Any:  # noqa: ANN401 - any JSON value
        """A JSON value with every secret in it masked; a value under a secret's name goes whole."""
        if isinstance(value, dict):
            return {str(key): self.tree(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item, name) for item in value]
        if isinstance(value, str):
            return MASK if value and looks_secret(name) else self.text(value)
        return value
