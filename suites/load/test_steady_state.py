"""Load: undisturbed and under the promised rate, the deployment keeps its service objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from seatrial.scenario import Scenario
    from seatrial.session import Session


@pytest.mark.load
def test_slo_is_kept(scenario: Scenario, seatrial_session: Session):
    """p95 and error rate within their objectives, and every acknowledged write can be read back."""
    verdict = seatrial_session.run(scenario).verdict
    assert verdict.passed, verdict.explain()
