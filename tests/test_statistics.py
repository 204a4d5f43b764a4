"""Exact counting: the published figures, and the definitions computed the long way."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks import statistics


@pytest.mark.parametrize(("slow", "requests"), [(0, 59), (1, 93), (7, 260), (45, 1148)])
def test_a_p95_is_certified_by_the_known_sample_sizes_and_by_none_smaller(slow, requests):
    """0 slow of 59 certify "p95 below", 0 of 58 do not; likewise 1 of 93, 7 of 260, 45 of 1148."""
    assert statistics.surely_below(slow, requests, 0.05)
    assert not statistics.surely_below(slow, requests - 1, 0.05)


@given(st.integers(1, 60), st.floats(0.001, 0.999), st.data())
def test_the_binomial_distribution_is_its_definition(n, p, data):
    """The fast sum equals the sum of all terms."""
    k = data.draw(st.integers(-1, n))
    exact = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert statistics.binomial_cdf(k, n, p) == pytest.approx(exact, abs=1e-12)


@given(st.integers(1, 400), st.data())
def test_a_share_stands_inside_its_interval_and_surely_above_excludes_surely_below(n, data):
    """Never is a share surely above and surely below the same value."""
    k = data.draw(st.integers(0, n))
    estimate = statistics.share(k, n)
    assert 0 <= estimate.lower <= estimate.value <= estimate.upper <= 1
    assert not (statistics.surely_above(k, n, 0.05) and statistics.surely_below(k, n, 0.05))


@given(st.integers(1, 2000), st.data())
def test_what_is_shown_and_what_is_judged_agree(n, data):
    """Surely below an objective is an upper bound below it; surely above, a lower bound above it."""
    k = data.draw(st.integers(0, min(n, 200)))
    estimate = statistics.share(k, n)
    if abs(estimate.upper - 0.05) > 1e-9 and abs(estimate.lower - 0.05) > 1e-9:
        assert statistics.surely_below(k, n, 0.05) is (estimate.upper < 0.05)
        assert statistics.surely_above(k, n, 0.05) is (estimate.lower > 0.05)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_a_percentile_is_one_of_the_values_and_inside_its_bounds(values):
    """Nearest rank: at least 95 % of the values are at or below it."""
    ordered = sorted(values)
    estimate = statistics.percentile(ordered, 0.95)
    assert estimate.value in ordered
    assert estimate.lower <= estimate.value <= estimate.upper
    assert sum(value <= estimate.value for value in ordered) >= 0.95 * len(ordered)


def test_failures_count_as_infinitely_slow():
    """6 failures of 100 push the p95 to infinity; no finite number is shown for it."""
    assert statistics.percentile([0.01] * 94 + [float("inf")] * 6, 0.95).value == float("inf")
