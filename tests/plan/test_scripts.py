"""Scripts by their flow and their values: what follows, what ends them, what kubectl is told."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from seatrial.plan.asked import asks
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.rollouts import on_failure, rolls_back, undoes
from seatrial.plan.shell import Script
from seatrial.plan.shell_flow import afterwards, ends_script, later
from seatrial.plan.shell_values import values_of


def script(text, **more):
    return Script(PurePosixPath("a.sh"), text, **more)


def command(text, name, **more):
    return next(each for each in script(text, **more).commands if each.name == name)


def test_words_that_the_grammar_cuts_are_one():
    """`$NAME=$IMAGE` without quotes is one argument."""
    call = kube_calls(script("S=api\nR=example\nkubectl set image deployment/$S $S=$R/$S:$1 -n x\n"))[0]
    assert call.filled == ["set", "image", "deployment/api", "api=example/api:$1", "-n", "x"]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("set -e\nwork\n", True),
        ("work\n", False),
        ("set -e\nset +e\nwork\n", False),
        ("#!/bin/bash -eu\nwork\n", True),
        ("set -o errexit\nwork\n", True),
        ("set -e\nwork || other\n", False),
        ("set -e\nother && work\n", True),
        ("set -e\nif work; then other; fi\n", False),
        ("set -e\nwork | other\n", False),
        ("set -eo pipefail\nwork | other\n", True),
        ("set -e\nf() { work; }\nf\n", True),
        ("set -e\nf() { work; }\nif f; then other; fi\n", False),
        ("set -e\nf() { work; }\ng() { f; }\ng || other\n", False),
    ],
)
def test_which_failure_ends_a_script(text, ends):
    """Errexit by the order of the text, and not where a status is looked at, however far up."""
    assert ends_script(command(text, "work")) is ends


def test_what_follows_stays_in_its_function_and_goes_on_behind_the_call():
    """Other branches are left out; an exit ends it."""
    text = "f() { if a; then work; b; else c; fi; d; }\nf\ne\nexit 1\ng\n"
    work = command(text, "work")
    assert [node.text.decode() for node in afterwards(work.node)] == ["b", "d"]
    assert [node.text.decode() for node in later(work)] == ["b", "d", "e", "exit 1"]


def test_values_that_are_told():
    """One assignment, defaults of what comes from outside; nothing of what is read, counted or assigned twice."""
    values = values_of(script('A=1\nB="$A-2"\nC=x\nC=y\nread D\nfor E in 1 2; do :; done\nF="${1:-z}"\n'))
    assert values.filled("$A ${B} $C $D $E $OUT ${OUT:-o}") == "1 1-2 $C $D $E $OUT o"


def test_a_word_is_written_where_its_variable_is_assigned():
    """The line to look at is that of the name, not of the call."""
    text = 'NAME=api\n\nkubectl get "deployment/$NAME"\nkubectl get deployment/web\n'
    first, second = kube_calls(script(text))
    assert first.where(first.targets[0][2]).line == 1
    assert second.where(second.targets[0][2]).line == 4


@pytest.mark.parametrize(
    "text",
    [
        "kubectl -n shop rollout status deployment/api --timeout=60s",
        "kubectl rollout status deploy api --namespace=shop --timeout 60s",
        'k() { kubectl -n shop "$@"; }\nk rollout status deployments/api --timeout=60s',
        'K="kubectl --namespace shop"\n$K rollout status deployment api --timeout 60s',
        "sudo /usr/bin/kubectl rollout status deployment.apps/api -nshop --timeout=60s",
    ],
)
def test_one_call_in_many_words(text):
    """Options at any place, kinds by any name, through functions and variables."""
    call = kube_calls(script(text))[0]
    assert call.verb == "rollout status"
    assert [target[:2] for target in call.targets] == [("Deployment", "api")]
    assert call.namespace is not None
    assert call.namespace[0] == "shop"
    assert call.option("--timeout")[0] == "60s"


def test_what_is_asked_in_a_pod_and_here():
    """The host, the port and the path; options with values are no addresses."""
    text = (
        "curl -fsS --max-time 5 http://localhost:8000/health\n"
        "kubectl exec api -- curl -s localhost/ready\n"
        "wget -qO- https://x/\n"
    )
    first, second, third = asks(script(text))
    assert (first.host, first.port, first.path, first.fails_on_errors, first.call) == (
        "localhost",
        8000,
        "/health",
        True,
        None,
    )
    assert (second.host, second.port, second.path, second.fails_on_errors) == ("localhost", 80, "/ready", False)
    assert second.call is not None
    assert (third.port, third.fails_on_errors) == (443, True)


def test_a_rollback_through_functions():
    """Found through the functions that lead to it; it stands in a branch if a call of its function does."""
    text = "undo() { kubectl rollout undo deployment/api; }\nback() { undo; }\nwork || back\n"
    made = script(text)
    found = rolls_back(made, [made.root.named_children[-1]])
    assert found is not None
    assert undoes(found)
    assert on_failure(found)
