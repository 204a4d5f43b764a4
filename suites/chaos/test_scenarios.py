"""Chaos: while a fault story happens to it, the deployment keeps its promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from seatrial.scenario import Scenario
    from seatrial.session import Session


@pytest.mark.chaos
def test_promises_are_kept(scenario: Scenario, seatrial_session: Session):
    """Recovered within the RTO, no more data lost than the RPO, the SLO kept where promised, nothing left behind."""
    verdict = seatrial_session.run(scenario).verdict
    assert verdict.passed, verdict.explain()
