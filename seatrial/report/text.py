"""Text that others wrote, made fit to be shown: masked once more, and without characters that steer a terminal."""

from __future__ import annotations

import html
import re

from seatrial.masking import Masker

# Control characters, surrogates and what XML forbids; a title cannot colour a terminal or make JUnit unreadable.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_MASKER = Masker()  # it has learnt nothing: it knows passwords in URLs and `token=...` pairs by their form


def clean(text: object) -> str:
    """The text with secrets masked by their form, and what is unfit to be shown replaced by U+FFFD."""
    return _UNFIT.sub("\ufffd", _MASKER.text(str(text)))


def escape(text: object) -> str:
    """Clean text for HTML and SVG, inside elements and attributes."""
    return html.escape(clean(text), quote=True)


def shortened(text: str, limit: int) -> str:
    """The text, with an ellipsis in its middle if it has more than so many characters."""
    if len(text) <= limit:
        return text
    head = (limit - 1) * 2 // 3
    return f"{text[:head]}\u2026{text[len(text) - (limit - 1 - head) :]}"


def truncated(text: str, limit: int) -> str:
    """The text, with an ellipsis at its end if it has more than so many characters."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "\u2026"
