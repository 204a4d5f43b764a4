"""`seatrial check` as a user meets it: findings in every format, silences, baselines, exit status, peers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jsonschema_rs
import pytest

from seatrial.findings.cases import cases_of, rest_of
from seatrial.findings.checked import Checked, check
from seatrial.findings.command import INTRODUCTION, explained
from seatrial.findings.peers import PEERS, ask, ask_peers, program_of
from seatrial.findings.promise import promise_of
from seatrial.findings.registry import all_rules
from seatrial.findings.silence import write_baseline
from seatrial.plan import read_plan
from seatrial.verdict import Outcome

ROOT = Path(__file__).parent.parent.parent
TWICE = "services:\n  a:\n    image: example/a:1.0.0\n    restart: always\n    mem_limit: 1g\n    mem_limit: 2g\n"
RULE = "file-key-twice"
# A defect for each tool, of the kind that it is asked for.
CANARIES = {
    "hadolint": ("Dockerfile", "FROM debian:12\nRUN cd /tmp && sudo make\n", "DL3004"),
    "shellcheck": ("a.sh", "#!/bin/sh\nif [ $x = 1 ]; then rm -rf $y/; fi\nread y\n", "SC2115"),
    "zizmor": (
        ".github/workflows/a.yml",
        "on: pull_request_target\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - run: echo ${{ github.event.pull_request.title }}\n",
        "zizmor/template-injection",
    ),
    "actionlint": (
        ".github/workflows/a.yml",
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ steps.x.outputs.y }}\n",
        "actionlint/expression",
    ),
    "promtool alert-rules": (
        "rules.yml",
        "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: rate(up[5m]\n",
        "promtool",
    ),
    "promtool prometheus": (
        "prometheus.yml",
        "scrape_configs:\n- job_name: a\n  scrape_intervall: 1s\n  static_configs: [{targets: [a]}]\n",
        "promtool",
    ),
}
SCHEMAS = {
    "kubernetes-validate": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  port: 80\n",
    "compose-spec": "services:\n  a:\n    image: b:1\n    restrt: always\n",
    "github-workflows": "on: push\njobs: {a: {runs-on: x, steps: [{run: x}]}}\npermisions: {}\n",
}


def seatrial(folder, *arguments):
    done = subprocess.run([sys.executable, "-m", "seatrial.cli", "check", *arguments], cwd=folder, capture_output=True,
                          text=True, check=False, timeout=60)  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "compose.yaml").write_text(TWICE)
    return tmp_path


def ours(checked):
    return [finding for finding in checked.findings if finding.rule == RULE]


def test_the_text_says_where_what_why_and_what_to_do(folder):
    """By file, with a summary; status 1 for something major."""
    done = seatrial(folder, "--no-peers")
    assert done.returncode == 1, done.stdout
    assert "compose.yaml\n" in done.stdout
    assert "  6: major: project of compose.yaml: writes the key mem_limit twice" in done.stdout
    assert "do: Remove one of the two" in done.stdout
    assert "1 compose; 0 other files left alone" in done.stdout


def test_the_json_is_the_contract(folder):
    """Findings with rule, severity, message, file, line and resource, and what was looked at."""
    document = json.loads(seatrial(folder, "--format", "json", "--no-peers").stdout)
    (finding,) = [finding for finding in document["findings"] if finding["rule"] == RULE]
    assert finding.keys() == {"rule", "severity", "message", "file", "line", "resource"}
    assert (finding["file"], finding["line"], finding["severity"]) == ("compose.yaml", 6, "major")
    assert document["checked"] == {"compose": 1}


def test_sarif_is_what_code_scanning_reads(folder):
    """Version, rules with their help, results with a place and a fingerprint that moving lines does not change."""
    first = json.loads(seatrial(folder, "--format", "sarif", "--no-peers").stdout)
    (folder / "compose.yaml").write_text("# a new line\n" + TWICE)
    second = json.loads(seatrial(folder, "--format", "sarif", "--no-peers").stdout)
    (one,), (two,) = (
        [result for result in run["runs"][0]["results"] if result["ruleId"] == RULE] for run in (first, second)
    )
    driver = first["runs"][0]["tool"]["driver"]
    assert (first["version"], driver["rules"][one["ruleIndex"]]["id"]) == ("2.1.0", RULE)
    assert one["locations"][0]["physicalLocation"]["region"]["startLine"] == 6
    assert two["locations"][0]["physicalLocation"]["region"]["startLine"] == 7
    assert one["partialFingerprints"] == two["partialFingerprints"]
    schema = json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text())
    jsonschema_rs.validate(schema, first)
    with pytest.raises(jsonschema_rs.ValidationError, match="Additional properties"):
        jsonschema_rs.validate(schema, {**first, "run": []})


def test_annotations_are_commands_of_a_workflow(folder):
    """One line each, in GitHub's escapes."""
    out = seatrial(folder, "--format", "github", "--no-peers").stdout
    assert f"::warning file=compose.yaml,line=6,title={RULE}::project of compose.yaml%3A"[:60] in out


@pytest.mark.parametrize(
    ("comment", "silent", "said"),
    [
        (f"# seatrial: ignore {RULE}: the tool that writes it does so", True, 0),
        (f"# seatrial: ignore {RULE}", False, 1),
        ("# seatrial: ignore another-rule: because", False, 0),
        (f"# seatrial: ignore other,{RULE}: both are known", True, 0),
    ],
)
def test_a_comment_silences_with_a_reason_only(folder, comment, silent, said):
    """On the line itself, or alone above it; without a reason it is a finding itself."""
    for text in (
        TWICE.replace("2g\n", f"2g {comment}\n"),
        TWICE.replace("    mem_limit: 2g", f"    {comment}\n    mem_limit: 2g"),
    ):
        (folder / "compose.yaml").write_text(text)
        checked = check(folder, peers=False)
        assert (not ours(checked)) is silent
        assert sum(finding.rule == "silence-without-reason" for finding in checked.findings) == said


def test_a_baseline_leaves_out_what_was_there_and_nothing_new(folder):
    """Lines may move; a second one of the same kind is new; what is gone is counted."""
    baseline = folder / "known.json"
    assert seatrial(folder, "--no-peers", "--write-baseline", str(baseline)).returncode == 0
    (folder / "compose.yaml").write_text("# moved\n" + TWICE)
    assert seatrial(folder, "--no-peers", "--baseline", str(baseline)).returncode == 0
    (folder / "compose.yaml").write_text(TWICE + "    restart: never\n")
    assert len(ours(check(folder, baseline, peers=False))) == 1
    (folder / "compose.yaml").write_text(TWICE.replace("    mem_limit: 2g\n", ""))
    assert "of it gone" in seatrial(folder, "--no-peers", "--baseline", str(baseline)).stdout


@pytest.mark.parametrize(("level", "status"), [("critical", 0), ("major", 1), ("minor", 1), ("never", 0)])
def test_what_fails_the_check_is_the_users_choice(folder, level, status):
    """The finding is major."""
    assert seatrial(folder, "--no-peers", "--fail-on", level).returncode == status


@pytest.mark.parametrize("arguments", [["nowhere"], ["--baseline", "nothing.json"]])
def test_a_mistake_is_one_line(folder, arguments):
    """Status 2."""
    done = seatrial(folder, "--no-peers", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_the_commands_of_a_workflow_are_looked_at_too(tmp_path):
    """By shellcheck, with the options that GitHub sets, at the lines of the workflow."""
    path = tmp_path / ".github" / "workflows" / "ci.yml"
    path.parent.mkdir(parents=True)
    path.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: |\n          cd somewhere\n"
        "          for i in {1..$N}; do echo ${{ github.sha }}; done\n"
    )
    findings, _ = ask_peers(read_plan(tmp_path), tmp_path)
    found = [(finding.file, finding.line, finding.rule) for finding in findings if finding.rule.startswith("SC")]
    assert found == [(".github/workflows/ci.yml", 8, "SC2051")]


NAMES = [f"{peer.name} {peer.kind}" if peer.name == "promtool" else peer.name for peer in PEERS]


@pytest.mark.parametrize(("peer", "called"), list(zip(PEERS, NAMES, strict=True)), ids=NAMES)
def test_every_tool_finds_its_canary(tmp_path, monkeypatch, peer, called):
    """A tool that says nothing of a defect that it knows has not been asked."""
    if program_of(peer.command[0]) is None:
        pytest.skip(f"{peer.name} is missing; it comes with: {peer.given_by}")
    monkeypatch.setattr("seatrial.findings.peers.PEERS", (peer,))
    name, text, rule = CANARIES[called]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    findings, notes = ask_peers(read_plan(tmp_path), tmp_path)
    assert notes == []
    assert (name, rule) in {(finding.file, finding.rule) for finding in findings}, findings


@pytest.mark.parametrize("rule", SCHEMAS)
def test_every_schema_finds_its_canary(tmp_path, rule):
    """A misspelt field, at its own line."""
    (tmp_path / "a.yaml").write_text(SCHEMAS[rule])
    findings, _ = ask_peers(read_plan(tmp_path), tmp_path)
    last = SCHEMAS[rule].count("\n")
    assert (rule, last) in {(finding.rule, finding.line) for finding in findings}, findings


def test_a_tool_that_is_missing_is_noted_once(folder, monkeypatch):
    """And the others are asked all the same."""
    monkeypatch.setattr("seatrial.findings.peers.program_of", lambda _: None)
    (folder / "a.sh").write_text("#!/bin/sh\ntrue\n")
    checked = check(folder)
    assert [note for note in checked.notes if "shellcheck is not installed" in note]


def test_the_page_of_all_rules_is_up_to_date():
    """docs/rules.md is what `seatrial explain` prints."""
    expected = "\n".join([INTRODUCTION, *map(explained, all_rules())]) + "\n"
    assert (ROOT / "docs" / "rules.md").read_text() == expected, "seatrial explain > docs/rules.md"


def test_what_is_grave_breaks_the_promise_about_the_files(folder):
    """FAIL names the gravest place; what is minor, or was known, does not break it; without files nothing is said."""
    promise = promise_of(check(folder, peers=False))
    assert (promise.outcome, promise.measured, promise.objective) == (Outcome.FAIL, 1, 0)
    assert promise.reason.startswith("compose.yaml:6: major: project of compose.yaml: writes the key mem_limit twice")
    write_baseline(check(folder, peers=False).findings, folder / "known.json")
    assert promise_of(check(folder, folder / "known.json", peers=False)).outcome is Outcome.PASS
    (folder / "compose.yaml").unlink()
    assert promise_of(check(folder, peers=False)) is None


def test_the_specs_know_the_baseline_too(folder):
    """`pytest suites/static` and `seatrial verify` say the same of what was there when a team began."""
    said = [finding for case in cases_of(folder) for finding in case.findings()]
    write_baseline(check(folder, peers=False).findings, folder / "known.json")
    assert len(said) == 1
    assert [finding for case in cases_of(folder, folder / "known.json") for finding in case.findings()] == []


def test_the_specs_tell_what_tools_and_schemas_find(tmp_path):
    """Each grave one, and nothing that a rule of ours has a spec for."""
    (tmp_path / "compose.yaml").write_text(SCHEMAS["compose-spec"])
    (tmp_path / "broken.yaml").write_text("services: {a: [}\n")
    said = rest_of(tmp_path)
    assert len(said) == 2, said
    assert said[0].startswith("broken.yaml:1: major: is no YAML")
    assert said[1].startswith("compose.yaml:4: critical: project of compose.yaml: services.a: ")


@pytest.mark.parametrize("peer", PEERS, ids=NAMES)
def test_a_tool_that_fails_is_said_and_shows_nothing(tmp_path, monkeypatch, peer):
    """It ends with a status of its own and without a word: the promise about the files is not kept by that."""
    broken = tmp_path / "broken-tool"
    broken.write_text("#!/bin/sh\necho 'fatal: no license' >&2\nexit 101\n")
    broken.chmod(0o755)
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    monkeypatch.setattr("seatrial.findings.peers.program_of", lambda _: str(broken))
    found, note = ask(peer, ["./a-file"], tmp_path)
    assert found == []
    assert note == f"{peer.name} failed and is left out: exit status 101: fatal: no license"
    checked = Checked(kinds=Counter({"compose": 1}), notes=[note])
    assert (promise_of(checked).outcome, promise_of(checked).reason) == (Outcome.INCONCLUSIVE, note)
