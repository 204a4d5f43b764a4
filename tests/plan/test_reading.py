"""Reading files into the plan: their content tells what they are, and nothing in them stops the reading."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from seatrial.plan import plan_of, read_plan
from seatrial.plan.nodes import Unreadable, read_yaml

REFERENCE = Path(__file__).parent.parent.parent / "fixtures" / "insitechart"
KINDS = {
    "docker-compose.yml": "compose",
    "logging/elasticsearch.yml": "compose",
    "Dockerfile": "dockerfile",
    "k8s/redis.yaml": "kubernetes",
    "kustomization.yaml": "kustomization",
    ".github/workflows/simple-deploy.yml": "workflow",
    "monitoring/prometheus.yml": "prometheus",
    "monitoring/alert_rules.yml": "alert-rules",
    "monitoring/alertmanager.yml": "alertmanager",
    "logstash/pipeline/logstash.conf": "logstash",
    "logging/filebeat.yml": "filebeat",
    "simple-backup.sh": "shell",
    "backup.crontab": "crontab",
    "disaster-recovery.md": "recovery",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_recognised_under_any_name(name):
    """By what stands in it; the ends of its lines, a byte order mark and its name change nothing."""
    text = (REFERENCE / name).read_text()
    suffix = Path(name).suffix if Path(name).suffix in (".md", ".yml", ".yaml") else ".txt"
    for content in (text, text.replace("\n", "\r\n"), "\N{BYTE ORDER MARK}" + text):
        plan = plan_of({f"some/where/else{suffix}": content})
        assert set(plan.kinds.values()) == {KINDS[name]}, plan.problems


def test_what_is_none_of_ours_is_left_alone_and_counted(tmp_path):
    """Data, programs, other YAML, binaries, and folders of tools."""
    for name, content in {
        "a.json": b'{"name": "package"}', "b.yml": b"title: a story\n", "c.bin": b"\x00\x01", "d.png": b"x",
        "e.txt": b"hello",
        "node_modules/x/docker-compose.yml": b"services: {a: {image: b}}",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    plan = read_plan(tmp_path)
    assert (plan.kinds, plan.problems, plan.left_alone) == ({}, [], 5)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    """It is said; a link inside names a file that is read anyway."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out.yaml").write_text("services: {a: {image: b}}")
    (tmp_path / "in" / "compose.yaml").write_text("services: {a: {image: b}}")
    os.symlink(tmp_path / "out.yaml", tmp_path / "in" / "secret.yaml")
    os.symlink("compose.yaml", tmp_path / "in" / "again.yaml")
    os.symlink("loop", tmp_path / "in" / "loop")
    plan = read_plan(tmp_path / "in")
    assert list(plan.kinds) == [PurePosixPath("compose.yaml")]
    assert {str(problem.place.file) for problem in plan.problems} >= {"secret.yaml"}


def test_an_unreadable_file_is_a_problem_and_the_rest_is_there():
    """The line of what is wrong, and the other file."""
    plan = plan_of({"docker-compose.yml": "services:\n  a: [\n", "compose.yaml": "services: {b: {image: c}}"})
    assert [service.name for service in plan.services] == ["b"]
    (problem,) = plan.problems
    assert problem.place.line == 3
    assert "is no YAML" in problem.why


def test_every_value_knows_its_line():
    """Keys, members of lists, values of anchors and merges; what is missing has the line of its parent."""
    text = "a: &x\n  b: 1\n  c: [1, 'two']\nd:\n  <<: *x\n  b: 2\n  b: 3\n"
    (node,) = read_yaml(text, PurePosixPath("f"))
    assert node.plain == {"a": {"b": 1, "c": [1, "two"]}, "d": {"b": 3, "c": [1, "two"]}}
    assert (node.get("d", "b").line, node.get("d", "c").line, node.get("d", "q", "z").line) == (7, 3, 4)
    assert node.get("d").twice == [("b", 7)]
    assert not node.get("nothing", 3, "here").written


@pytest.mark.parametrize("text", ["a: [", "- " * 500 + "x", "[" * 200_000, "a: &a [*a]", "\x00", "{a: b", "a: b: c"])
def test_what_is_no_yaml_is_refused_with_its_line(text):
    """Torn, too deep (libyaml would end the process), an alias of itself."""
    with pytest.raises(Unreadable) as caught:
        read_yaml(text, PurePosixPath("f"))
    assert caught.value.line >= 1


def test_an_alias_bomb_is_refused():
    """A few lines that stand for billions of values."""
    lines = ["a: &a [1,1,1,1,1,1,1,1,1]"]
    lines += [f"{c}: &{c} [{','.join([f'*{b}'] * 9)}]" for b, c in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(Unreadable, match="stands for more than"):
        read_yaml("\n".join(lines), PurePosixPath("f"))
