"""Workflows: expressions, the events that start a job, what a job pushes and runs."""

from __future__ import annotations

import pytest

from seatrial.plan import plan_of
from seatrial.plan.deliveries import events, matches, runs_on
from seatrial.plan.expressions import UNKNOWN, as_variables, condition, evaluate, paths
from seatrial.plan.images import same, tag_form
from seatrial.plan.jobs import pushes, step_runs
from seatrial.plan.jobs import test_commands as commands_of

NAME = ".github/workflows/ci.yml"
PUSHED = {"github.event_name": "push", "github.ref": "refs/heads/main", "github.ref_name": "main"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("github.ref == 'refs/heads/main'", True),
        ("github.ref_name != 'MAIN'", False),
        ("startsWith(github.ref, 'refs/tags/v') || github.event_name == 'push'", True),
        ("github.actor == 'x' && github.event_name == 'schedule'", False),
        ("github.actor == 'x' || github.event_name == 'push'", True),
        ("github.actor == 'x'", UNKNOWN),
        ("!(github.ref_name == 'main')", False),
        ("contains(github.ref, 'main') && success()", True),
        ("failure()", UNKNOWN),
        ("fromJSON(vars.X)['a'] == 'b'", UNKNOWN),
        ("'a' = 'b", UNKNOWN),
    ],
)
def test_the_value_of_a_condition(text, value):
    """As far as the event tells it; what is torn is not known."""
    assert evaluate(text, PUSHED) is value


def test_conditions_and_paths():
    """One pair of braces is taken off; contexts in quotes are none."""
    assert condition("${{ github.ref == 'x' }}") == "github.ref == 'x'"
    assert condition("${{ a }} && ${{ b }}") == "${{ a }} && ${{ b }}"
    assert paths("needs.build.outputs.tag == 'env.X' && matrix['os']") == [
        ["needs", "build", "outputs", "tag"],
        ["matrix", "os"],
    ]


def test_expressions_in_commands_are_variables():
    """So that the shell's grammar reads on; lines stay."""
    assert as_variables("a ${{ github.sha }} ${{ secrets.X }}") == "a ${GITHUB_SHA} ${expr_secrets_X}"
    assert as_variables("${{ a ||\n b }}\nc").count("\n") == 2


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("v1.2", "v*", True),
        ("release/1", "release/**", True),
        ("a/b", "*", False),
        ("v1", "v[0-9]+", True),
        ("main", "dev*", False),
    ],
)
def test_patterns_of_refs(name, pattern, fits):
    """As GitHub matches them."""
    assert matches(name, pattern) is fits


def workflow(text):
    return plan_of({NAME: text}).workflows[0]


def test_which_events_run_a_job():
    """By its condition and by the jobs that it needs."""
    made = workflow(
        "on: {push: {branches: [main], tags: ['v*']}, pull_request: {}}\n"
        "jobs:\n  build: {if: github.event_name == 'push', steps: []}\n"
        "  deploy: {needs: build, steps: []}\n  tell: {needs: build, if: always(), steps: []}\n"
    )
    names = {job: {event.name for event in events(made) if runs_on(made.jobs[job], event)} for job in made.jobs}
    assert names == {"build": {"push"}, "deploy": {"push"}, "tell": {"push", "pull_request"}}
    assert {event.ref for event in events(made) if event.name == "push"} >= {"refs/heads/main", "refs/tags/v1.0.0"}


def test_what_a_job_pushes():
    """By the action, with the tags that another action makes, and by hand."""
    made = workflow(
        "on: push\nenv: {IMAGE: ghcr.io/x/api}\njobs:\n  a:\n    steps:\n"
        "      - {id: m, uses: docker/metadata-action@v5,\n"
        "         with: {images: '${{ env.IMAGE }}', tags: 'type=sha,format=long,prefix='}}\n"
        "      - {uses: docker/build-push-action@v6, with: {push: true, tags: '${{ steps.m.outputs.tags }}'}}\n"
        "      - {uses: docker/build-push-action@v6, with: {push: false, tags: 'x/y:1'}}\n"
        '      - run: docker push "$IMAGE:$GITHUB_SHA"\n'
    )
    assert [push.image for push in pushes(made.jobs["a"])] == [
        "ghcr.io/x/api:${{ github.sha }}",
        "ghcr.io/x/api:${GITHUB_SHA}",
    ]
    assert {tag_form(push.image.rpartition(":")[2]) for push in pushes(made.jobs["a"])} == {"<sha>"}


def test_the_scripts_and_tests_of_a_job():
    """By the folder that a step runs in; its shell's options are those of GitHub."""
    plan = plan_of({
        NAME: "on: push\njobs:\n  a:\n    steps:\n      - run: ./go.sh x\n        working-directory: tools\n"
        "      - run: python -m pytest\n      - {run: tests.ps1, shell: pwsh}\n      - {run: a, shell: bash}\n",
        "tools/go.sh": "#!/bin/sh\ntrue\n",
    })  # fmt: skip
    job = plan.workflows[0].jobs["a"]
    runs = step_runs(job.steps[0], plan)
    assert [(str(run.script.file), run.arguments) for run in runs] == [("tools/go.sh", ["x"])]
    assert [command.text for _, command in commands_of(job)] == ["python -m pytest"]
    assert [step.script and step.script.outer for step in job.steps] == ["errexit", "errexit", None, "errexit pipefail"]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("example/api", "docker.io/example/api", True),
        ("redis", "docker.io/library/redis", True),
        ("ghcr.io/example/api", "example/api", False),
        ("ghcr.io/${{ github.repository }}", "ghcr.io/example/api", True),
        ("ghcr.io/${{ github.repository }}", "example/api", False),
        ("${REGISTRY}/api", "ghcr.io/example/web", True),
    ],
)
def test_names_of_one_image(one, other, alike):
    """With the registry that is meant where none is written; what only the run tells may be anything."""
    assert same(one, other) is alike
