"""Small builders of SVG: pure functions from values to text. Colours are classes; the page's style sheet has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from seatrial.report.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

CHARACTER = 6.1  # about the width of a character at the 11 px that labels have


def number(value: float) -> str:
    """A coordinate with one decimal at most."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def element(name: str, content: str = "", **attributes: object) -> str:
    """An element; `class_` is class, other underscores are hyphens; floats become short coordinates."""
    listed = "".join(f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"' for key, value in attributes.items())
    return f"<{name}{listed}>{content}</{name}>" if content else f"<{name}{listed}/>"


def text(x: float, y: float, content: str, class_: str = "label", anchor: str = "start") -> str:
    """A line of text at its baseline."""
    return element("text", escape(content), x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("path", d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", class_=class_)


def rectangle(x1: float, y1: float, x2: float, y2: float, class_: str, *, title: str = "") -> str:
    """A rectangle from corner to corner, with a tooltip."""
    return element("rect", tooltip(title), x=x1, y=y1, width=max(x2 - x1, 0.0), height=max(y2 - y1, 0.0), class_=class_)


def tooltip(title: str) -> str:
    """What is shown beside the pointer; nothing for an empty title."""
    return element("title", escape(title)) if title else ""


def figure(identity: str, size: tuple[float, float], title: str, description: str, parts: Iterable[str]) -> Markup:
    """A whole picture that a screen reader can tell: a title and a description, then the parts."""
    names = f"{identity}-title {identity}-description"
    told = element("title", escape(title), id=f"{identity}-title")
    told += element("desc", escape(description), id=f"{identity}-description")
    box = f"0 0 {number(size[0])} {number(size[1])}"
    return Markup(element("svg", told + "".join(parts), viewBox=box, role="img", aria_labelledby=names))  # noqa: S704 - every text in it went through `escape`


def _attribute(value: object) -> str:
    return number(value) if isinstance(value, float) else escape(value)
