"""Static: what the deployment files say holds together, each rule on each object that it looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from seatrial.findings.cases import Case


@pytest.mark.static
def test_tools_find_nothing(static_rest: list[str]):
    """Nor do hadolint, shellcheck, zizmor, actionlint, promtool and the schemas; every file can be read."""
    assert not static_rest, "\n".join(static_rest)


@pytest.mark.static
def test_rule_is_kept(static_case: Case):
    """The rule finds nothing major or critical wrong with the object; what it finds that is minor is noted."""
    grave = static_case.findings()
    assert not grave, "\n".join(grave)
