"""What is told of a plan that was carried out in a hurry: each line of it is true, and none is said twice."""

from __future__ import annotations

from pathlib import Path

from seatrial.findings.checking import look
from seatrial.findings.registry import all_rules
from seatrial.plan import read_plan

FOLDER = Path(__file__).parent.parent / "careless"
GROUPS = ("logs", "backup", "recovery", "drift")


def test_logs_backups_and_recovery_of_a_careless_folder():
    """Rules and lines."""
    rules = {name: rule for name, rule in all_rules().items() if rule.group in GROUPS}
    found = look(read_plan(FOLDER), rules).findings
    assert sorted((finding.file, finding.line, finding.rule) for finding in found) == [
        ("disaster-recovery.md", 8, "recovery-no-procedure"),
        ("disaster-recovery.md", 17, "recovery-without-means"),
        ("disaster-recovery.md", 18, "recovery-without-means"),
        ("disaster-recovery.md", 24, "recovery-no-contact"),
        ("disaster-recovery.md", 26, "recovery-without-means"),
        ("disaster-recovery.md", 30, "recovery-drill-leaves-out"),
        ("disaster-recovery.md", 30, "recovery-drill-unscheduled"),
        ("disaster-recovery.md", 32, "recovery-without-means"),
        ("docker-compose.yml", 46, "recovery-component-left-out"),
        ("logging/elasticsearch.yml", 8, "logs-open-to-all"),
        ("logging/elasticsearch.yml", 21, "logs-port-unanswered"),
        ("logging/elasticsearch.yml", 37, "logs-pods-not-shipped"),
        ("logging/elasticsearch.yml", 37, "logs-registry-lost"),
        ("logstash/pipeline/logstash.conf", 16, "logs-parse-unguarded"),
        ("logstash/pipeline/logstash.conf", 25, "logs-source-is-target"),
        ("logstash/pipeline/logstash.conf", 27, "logs-parse-unguarded"),
        ("logstash/pipeline/logstash.conf", 28, "logs-grok-captures-nothing"),
        ("logstash/pipeline/logstash.conf", 37, "logs-kept-for-ever"),
        ("logstash/pipeline/logstash.conf", 45, "logs-debug-output"),
        ("simple-backup.sh", 11, "backup-name-misleads"),
        ("simple-backup.sh", 11, "backup-no-lock"),
        ("simple-backup.sh", 11, "backup-no-password"),
        ("simple-backup.sh", 11, "backup-no-restore"),
        ("simple-backup.sh", 11, "backup-no-schedule"),
        ("simple-backup.sh", 11, "backup-no-space-check"),
        ("simple-backup.sh", 11, "backup-not-proven"),
        ("simple-backup.sh", 11, "backup-on-one-host"),
        ("simple-backup.sh", 11, "backup-pipe-status"),
    ]
