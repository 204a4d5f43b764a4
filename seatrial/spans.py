"""Spans of time, and what can be said of several: their union, their difference, the longest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Interval:
    """A span, or a moment or a length that is known to lie between two bounds; in seconds."""

    lower_s: float
    upper_s: float

    @property
    def length_s(self) -> float:
        """Seconds from the lower bound to the upper one."""
        return self.upper_s - self.lower_s


def union(spans: Iterable[Interval]) -> list[Interval]:
    """The spans in order, those that touch as one."""
    found: list[Interval] = []
    for span in sorted(spans, key=lambda span: span.lower_s):
        if found and span.lower_s <= found[-1].upper_s:
            found[-1] = Interval(found[-1].lower_s, max(found[-1].upper_s, span.upper_s))
        else:
            found.append(span)
    return found


def minus(spans: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """What of the spans lies outside of the others."""
    left = list(spans)
    for other in others:
        pieces = [(span, Interval(max(span.lower_s, other.upper_s), span.upper_s)) for span in left]
        halves = [(Interval(span.lower_s, min(span.upper_s, other.lower_s)), rest) for span, rest in pieces]
        left = [piece for pair in halves for piece in pair if piece.length_s > 0]
    return left


def longest_s(spans: Sequence[Interval]) -> float:
    """The length of the longest span; 0 of none."""
    return max((span.length_s for span in spans), default=0.0)
