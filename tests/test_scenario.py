"""Scenario files: valid Chaos Toolkit experiments whose every word is checked."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from seatrial.bundled import reference_settings
from seatrial.catalogue import catalogue, describe, find_scenario
from seatrial.errors import InputError
from seatrial.faults import FAULTS
from seatrial.scenario import load_scenario
from seatrial.settings_file import load_settings

KILL = catalogue()["kill-database"].read_text()


def load(tmp_path, text):
    path = tmp_path / "story.yaml"
    path.write_text(text)
    return load_scenario(path)


@pytest.mark.parametrize("name", catalogue())
def test_every_shipped_scenario_is_accepted_by_chaos_validate(name):
    """`chaos validate` of each file says that it is valid."""
    command = [sys.executable, "-m", "chaostoolkit", "--log-file", "/dev/null", "validate", str(catalogue()[name])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_the_documentation_is_a_scenario():
    """docs/example/slow-cache.yaml fits the reference deployment, and the page names every function and promise."""
    docs = Path(__file__).parent.parent / "docs"
    load_scenario(docs / "example" / "slow-cache.yaml").check_against(load_settings(reference_settings()))
    page = (docs / "scenarios.md").read_text()
    functions = [*FAULTS, "hold", "heal", "served", "await_recovery"]
    assert [name for name in functions if f"`{name}`" not in page] == []
    checks = ("steady", "effect", "recovery", "data_loss", "health", "residue")
    names = [import_module(f"seatrial.checks.{check}").NAME for check in checks]
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", catalogue())
def test_every_shipped_scenario_says_what_it_proves_and_fits_the_reference(name):
    """Each has its own words, and names only components that the reference deployment has."""
    scenario = load_scenario(catalogue()[name])
    scenario.check_against(load_settings(reference_settings()))
    assert scenario.extension.proves
    assert scenario.extension.promise
    assert name in describe()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("method:", "metod:", "the unknown field metod"),
        ("rollbacks:", "rolbacks:", "the unknown field rolbacks"),
        ("    disaster: database", "    disater: database", "the unknown field disater"),
        ("    disaster: database", "    disaster: flood", "disaster"),
        ("component: database", "compnent: database", "compnent"),
        ("func: kill", "func: kil", "kil"),
        ("name: seatrial\n    disaster", "name: other\n    disaster", "an extension named seatrial"),
    ],
)
def test_a_misspelt_field_is_refused(tmp_path, before, after, said):
    """Chaos Toolkit would ignore most of these; here each is one line with file and line number."""
    assert before in KILL
    with pytest.raises(InputError) as caught:
        load(tmp_path, KILL.replace(before, after, 1))
    assert re.match(rf"{tmp_path}/story\.yaml:\d+: expected ", str(caught.value))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("func: kill,", "func: kil,", "module: seatrial.chaos, func: kill", "a function of seatrial.chaos here (kill"),
        ("func: served", "func: serve", "func: served", "found serve"),
        ("title: The", "title: 5 #", "title: The", "title to be a text, found 5"),
        ("rollbacks:", "runtime: 5\nrollbacks:", "rollbacks:", "runtime to be a mapping, found 5"),
        ("    disaster: database", "    after_s: .inf", "disaster: database", "after_s"),
        ("    disaster: database", "    objectives: {rto: 5}", "disaster: database", "one of p95_s, error_rate, rto_s"),
    ],
)
def test_a_wrong_value_is_refused_at_its_line(tmp_path, before, after, line, said):
    """Functions, types and numbers that Chaos Toolkit would meet only when it plays the experiment, or never."""
    assert before in KILL
    number = KILL[: KILL.index(line)].count("\n") + 1
    with pytest.raises(InputError) as caught:
        load(tmp_path, KILL.replace(before, after, 1))
    assert said in str(caught.value)
    assert f"story.yaml:{number}: " in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ("4", ""),
        ("-1", "not negative, found -1"),
        ("soon", "found 'soon'"),
        (".nan", "found nan"),
        ("true", "found True"),
    ],
)
def test_how_long_a_fault_is_held_is_a_number(tmp_path, seconds, said):
    """The argument of `hold`."""
    text = catalogue()["pause-database"].read_text().replace("seconds: 4", f"seconds: {seconds}")
    if not said:
        assert load(tmp_path, text).hold_s == 4
        return
    with pytest.raises(InputError, match=said):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "title: &a [*a]\n",
        "a: &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{c}: &{c} [{','.join([f'*{b}'] * 9)}]\n" for b, c in pairwise("abcdefghi")),
        "title: " + "[" * 5000 + "]" * 5000,
        "title: 2026-13-45\n",
        f"title: {'9' * 5000}\n",
    ],
    ids=["alias of itself", "billions of values", "deep", "no date", "a number of 5000 digits"],
)
def test_yaml_that_is_made_to_hurt_is_refused_in_one_line(tmp_path, text):
    """No traceback, no hang."""
    with pytest.raises(InputError, match=r"story\.yaml(:\d+)?: expected"):
        load(tmp_path, text)


def test_an_unknown_component_is_refused_with_its_line(tmp_path):
    """The settings name app, database and cache; the scenario wants a queue."""
    scenario = load(tmp_path, KILL.replace("component: database", "component: queue"))
    line = KILL[: KILL.index("component: database")].count("\n") + 1
    with pytest.raises(InputError, match=rf"story\.yaml:{line}: .*app, database, cache.* found queue"):
        scenario.check_against(load_settings(reference_settings()))


def test_a_scenario_may_tighten_an_objective_but_not_loosen_it(tmp_path):
    """RTO 30 s where 3600 s is promised holds; 7200 s is refused."""
    settings = load_settings(reference_settings())
    tight = load(tmp_path, KILL.replace("disaster: database", "disaster: database\n    objectives: {rto_s: 30}"))
    tight.check_against(settings)
    assert tight.limits(settings.objectives).rto_s == 30
    loose = load(tmp_path, KILL.replace("disaster: database", "disaster: database\n    objectives: {rto_s: 7200}"))
    with pytest.raises(InputError, match="rto_s at most 3600"):
        loose.check_against(settings)


def test_an_unknown_scenario_is_refused_naming_those_there_are(tmp_path):
    """A typing mistake on the command line shows the catalogue."""
    with pytest.raises(InputError, match="kill-database"):
        find_scenario("kill-databse", tmp_path)


def test_what_is_not_yaml_is_refused_with_its_line(tmp_path):
    """A torn file names its line."""
    with pytest.raises(InputError, match=r"story\.yaml:2: expected YAML"):
        load(tmp_path, "title: x\n\tmethod: []\n")
