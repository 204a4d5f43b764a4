"""Exact counting: what a sample of so many requests says about a share or a percentile, with 95 % confidence.

Shares after Clopper and Pearson (Biometrika 26, 1934); percentiles by order statistics (David and Nagaraja, Order
Statistics, 2003, 7.1). Both are exact for independent samples and use nothing but the binomial distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIDENCE = 0.95
LEAST = 59  # the smallest sample that can certify a p95 with 95 % confidence: 0.95 ** 59 < 0.05
INFINITE = float("inf")


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X of n trials with chance p each."""
    if k < 0:
        return 0.0
    if k >= n or p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 0.0
    if k >= n * p:
        return max(0.0, 1.0 - _tail(n - k - 1, n, 1.0 - p))
    return _tail(k, n, p)


def _tail(k: int, n: int, p: float) -> float:
    """P(X <= k) for k below the mean: summed downwards, until the terms no longer count."""
    if k < 0:
        return 0.0
    log_n = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    term = math.exp(log_n + k * math.log(p) + (n - k) * math.log1p(-p))
    total, odds = term, (1 - p) / p
    while k > 0 and term > total * 1e-17:
        term *= k / (n - k + 1) * odds
        total += term
        k -= 1
    return min(total, 1.0)


def surely_below(k: int, n: int, share: float) -> bool:
    """k of n were seen: is the true share below `share` with 95 % confidence? (0 of 59 for 5 %, 45 of 1148.)"""
    return n > 0 and binomial_cdf(k, n, share) <= 1 - CONFIDENCE


def surely_above(k: int, n: int, share: float, among: int = 1) -> bool:
    """k of n were seen: is the true share above `share` with 95 % confidence?

    Of several samples that are asked, `among` is their number: one of them being above by chance is as rare then
    (Bonferroni).
    """
    return n > 0 and 1 - binomial_cdf(k - 1, n, share) <= (1 - CONFIDENCE) / among


@dataclass(frozen=True)
class Estimate:
    """A measured value and its bounds: it is surely above the lower and surely below the upper one."""

    value: float
    lower: float
    upper: float


def share(k: int, n: int) -> Estimate:
    """The share k/n with its Clopper-Pearson bounds, each of which holds with 95 % confidence. n must be positive."""
    tail = 1 - CONFIDENCE
    lower = 0.0 if k == 0 else _bisect(lambda p: 1 - binomial_cdf(k - 1, n, p) > tail)
    upper = 1.0 if k == n else _bisect(lambda p: binomial_cdf(k, n, p) <= tail)
    return Estimate(k / n, lower, upper)


def percentile(values: list[float], fraction: float) -> Estimate:
    """The nearest-rank percentile of sorted values and order statistics that bound it, each with 95 % confidence."""
    n = len(values)
    rank = max(math.ceil(fraction * n), 1)
    tail = 1 - CONFIDENCE
    low = _first_rank(n, fraction, tail) or 1
    high = (_first_rank(n, fraction, 1 - tail) or 0) + 1
    return Estimate(values[rank - 1], values[low - 1], values[high - 1] if high <= n else INFINITE)


def _first_rank(n: int, fraction: float, chance: float) -> int:
    """The smallest k with P(X <= k) >= chance, by bisection."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if binomial_cdf(middle, n, fraction) >= chance:
            high = middle
        else:
            low = middle + 1
    return low


def _bisect(beyond: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if beyond(middle):
            high = middle
        else:
            low = middle
    return (low + high) / 2
