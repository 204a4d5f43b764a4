"""A spec of a team's own, in its own repository: run it with `pytest`, beside the team's seatrial.toml."""

import pytest


@pytest.mark.trial(disaster="application", before_s=3, after_s=3)
def test_the_service_survives_the_loss_of_its_cache(trial):
    """While the cache is killed clients are served, and soon it is back."""
    with trial.fault("kill", component="cache"):
        assert trial.await_recovery()
    verdict = trial.verdict()
    assert verdict.passed, verdict.explain()
    assert verdict.promise("recovery time").upper < 10  # seconds
    assert verdict.promise("data loss").measured == 0
    assert verdict.promise("errors after").measured < 0.01
