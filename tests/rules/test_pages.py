"""Every rule on its own examples: what it finds in the bad ones, exactly, and nothing in the good ones."""

from __future__ import annotations

import pytest

from seatrial.findings.checking import look
from seatrial.findings.pages import PAGES, page_of
from seatrial.findings.registry import SEVERITIES, all_rules
from seatrial.plan import plan_of

RULES = all_rules()
BAD = [(name, number) for name in RULES for number in range(len(page_of(name).bad))]
GOOD = [(name, number) for name in RULES for number in range(len(page_of(name).good))]


def found(name, example):
    looked = look(plan_of(example.files), {name: RULES[name]})
    return looked, [f"{finding.file}:{finding.line} {finding.message}" for finding in looked.findings]


@pytest.mark.parametrize(("name", "number"), BAD, ids=[f"{name}-{number}" for name, number in BAD])
def test_a_bad_example_gives_exactly_what_its_page_says(name, number):
    """File, line and words of every finding, and no other."""
    example = page_of(name).bad[number]
    assert example.found, "a bad example says what is found"
    assert sorted(found(name, example)[1]) == sorted(example.found)


@pytest.mark.parametrize(("name", "number"), GOOD, ids=[f"{name}-{number}" for name, number in GOOD])
def test_a_good_example_is_looked_at_and_nothing_is_found(name, number):
    """A rule that looked at nothing has shown nothing."""
    looked, said = found(name, page_of(name).good[number])
    assert said == []
    assert looked.objects[name] > 0


def test_every_rule_has_a_page_and_every_page_a_rule():
    """None is untried, and none is left over."""
    assert {path.stem for path in PAGES.glob("*.md")} == set(RULES)
    assert {rule.severity for rule in RULES.values()} <= set(SEVERITIES)
