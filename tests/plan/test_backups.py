"""Dumps, what they write and where they stand; restores; recovery documents by headings, lists and clocks."""

from __future__ import annotations

import pytest

from seatrial.plan import plan_of
from seatrial.plan.backups import backups_of, dumps_of, matches, schedules_of
from seatrial.plan.counterparts import pairs_of
from seatrial.plan.restores import restores_of
from seatrial.plan.shell_course import option, option_at, reached_at

SCRIPT = """#!/bin/bash
set -eo pipefail
DIR="${DIR:-/backups}"
OUT="$DIR/shop_$(date +%F).dump"
work() {
  set +o pipefail
  pg_dump --host=db -Ushop -Fc shop > "$OUT.part"
}
clean
work
mv "$OUT.part" "$OUT"
docker exec db pg_dumpall -U postgres | gzip > /backups/all.sql.gz
echo pg_dump
"""


def test_a_dump_tells_its_format_its_target_and_its_connection():
    """Options in any spelling, redirections, a later name, another container."""
    dump, other = dumps_of(plan_of({"b.sh": SCRIPT}))
    assert (dump.format, dump.gzipped, dump.elsewhere, dump.database) == ("custom", False, False, "shop")
    assert dump.connection("-U", "--username", "PGUSER") == "shop"
    assert dump.paths == ["/backups/shop_20260101_000000.dump"]
    assert (other.format, other.gzipped, other.elsewhere, other.folder) == ("plain", True, True, "/backups")
    assert matches(dump.paths[-1], "$DIR/shop_*.dump")
    assert not matches(dump.paths[-1], "*.sql.gz")
    assert option(["-d", "a", "--user=b", "-Fc"], "-F") == "c"


def test_a_name_of_two_variables_is_one_word():
    """Without quotes and braces too, as most people write it."""
    text = "#!/bin/sh\nDIR=/b\nDAY=$(date +%F)\npg_dump shop > $DIR/shop_$DAY.sql\n"
    assert dumps_of(plan_of({"b.sh": text}))[0].paths == ["/b/shop_20260101_000000.sql"]


def test_options_hold_where_a_command_runs():
    """A function runs where it is called."""
    script = plan_of({"b.sh": SCRIPT}).scripts[0]
    dump = dumps_of(plan_of({"b.sh": SCRIPT}))[0]
    position = reached_at(dump.script, dump.command.node)
    assert position == SCRIPT.index("\nwork\n") + 1
    assert option_at(script, "e", "errexit", position)


@pytest.mark.parametrize(
    "files",
    [
        {"cron": "0 * * * * /opt/b.sh"},
        {"cron": "0 * * * * /opt/all.sh", "all.sh": "#!/bin/sh\n/opt/b.sh\n"},
        {"b.timer": "[Timer]\nOnCalendar=hourly\n", "b.service": "[Service]\nExecStart=/opt/b.sh\n"},
    ],
)
def test_a_schedule_is_found_through_whoever_calls_the_script(files):
    """Crontab, another script, a timer."""
    plan = plan_of({"b.sh": SCRIPT, **files})
    assert [each.longest_s for each in schedules_of(backups_of(plan)[0].script, plan)] == [3600.0]


def test_a_restore_is_a_command_that_reads_a_dump():
    """Not a list, not a query."""
    text = "#!/bin/sh\npg_restore -l f\npg_restore -d x f\npsql -c 'select 1'\ngunzip -c f | psql x\npsql x < f.sql\n"
    found = restores_of(plan_of({"r.sh": text}))
    assert [(each.tool, each.unpacked, each.command.place.line) for each in found] == [
        ("pg_restore", False, 3), ("psql", True, 5), ("psql", False, 6),
    ]  # fmt: skip


STEPS = {
    "**1) 확인 (5분)**\n\n- 복원 (20분)\n\n**2) 복구** (20분)\n\n#### 서비스\n\n**3) 전환 (5분)**\n": 30,
    "| Step | Minutes |\n|---|---|\n| confirm | 5 |\n| restore | 20 min |\n| total | 25 |\n": 25,
    "1. Confirm (5 min)\n2. Restore (by hand) (20 min)\n   - fetch (10 min)\n   - load (10 min)\n": 25,
    "#### 1. Confirm (5분)\n\n- look\n\n#### 2. 서비스 재시작 (20분)\n": 25,
    "1. 확인: 5분\n2. 복원: 20분\n": 25,
    "1. Confirm (0-5 min)\n2. Restore (5-25 min)\n": 25,
    "1. Confirm (5 min)\n2. Restore (20 min)\n3. Backups are kept (7 days)\n": 25,
}


@pytest.mark.parametrize("text", STEPS)
def test_the_minutes_of_a_procedure(text):
    """Steps of steps count once; a clock is not a sum; what is kept is no step."""
    document = plan_of({"r.md": f"# RTO\n\n### Database failure\n\n{text}"}).recoveries[0]
    assert [each.seconds / 60 for each in document.procedures] == [STEPS[text]]


def test_objectives_in_lists_under_headings():
    """Korean, with what a drill measured left out."""
    text = "# RTO\n\n### 데이터베이스 장애\n\n- **RTO (복구 시간 목표)**: 1시간\n- RPO: 15분\n- 실측 RTO: 40분\n"
    found = plan_of({"r.md": text}).recoveries[0].objectives
    assert [(each.kind, each.rto_s, each.rpo_s) for each in found] == [("database", 3600.0, 900.0)]


def test_counterparts_by_name_or_as_the_only_ones():
    """A replica is not the primary."""
    head = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\n"
    pod = head + "spec: {template: {spec: {containers: [{name: pg, image: 'postgres:16'}]}}}\n"
    compose = "services:\n  pg:\n    image: postgres:14\n  pg-replica:\n    image: postgres:14\n"
    plan = plan_of({"c.yml": compose, "a.yaml": pod % "pg", "b.yaml": pod % "pg-replica"})
    assert [(pair.service.name, pair.container.workload.name) for pair in pairs_of(plan)] == [
        ("pg", "pg"), ("pg-replica", "pg-replica"),
    ]  # fmt: skip
