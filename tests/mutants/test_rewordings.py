"""Other words for the same deployment: nothing is found in any of them."""

from __future__ import annotations

import pytest
from reference import findings_of, reference
from rewordings import REWORDINGS


@pytest.mark.parametrize("name", REWORDINGS)
def test_a_rewording_changes_nothing(name):
    """Not a single finding."""
    found = findings_of(REWORDINGS[name](reference()))
    assert [f"{finding.file}:{finding.line}: {finding.rule}: {finding.message}" for finding in found] == []
