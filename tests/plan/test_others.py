"""Containers' environments, scripts, expressions, schedules, pipelines and recovery plans, as the rules see them."""

from __future__ import annotations

import pytest

from seatrial.plan import plan_of, promql
from seatrial.plan.promql_labels import labels
from seatrial.plan.recovery_words import duration_s
from seatrial.plan.schedules import cron_seconds

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  containers:
    - name: c
      image: i
      envFrom: [{configMapRef: {name: cm}, prefix: P_}]
      env:
        - {name: EARLY, value: $(LATE)}
        - {name: LATE, value: here}
        - {name: URL, value: x://$(LATE):$(P_PORT)/$$(LATE)/$(NOBODY)}
        - {name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: DSN, value: $(SECRET)@h}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cm, namespace: n}
data: {PORT: "80"}
"""


def test_an_environment_is_expanded_as_kubernetes_does_it():
    """In order: what comes later is not known yet, what nobody defines stays literal, what is escaped too."""
    plan = plan_of({"a.yaml": POD})
    values = plan.containers[0].environment(plan.configs)
    assert values == {
        "P_PORT": "80", "EARLY": "$(LATE)", "LATE": "here", "URL": "x://here:80/$(LATE)/$(NOBODY)", "SECRET": None,
        "DSN": None,
    }  # fmt: skip


SCRIPT = """#!/bin/bash
set -eo pipefail
NAMESPACE=shop
deploy() {
  sudo -u me kubectl -n "$NAMESPACE" set image "deployment/${NAME:-web}" web=i:1 || exit 1
}
if ! kubectl rollout status deployment/web --namespace=$NAMESPACE; then undo; fi
pg_dump db | gzip > f
"""


def test_a_script_gives_its_commands_with_what_stands_around_them():
    """Options, programs behind sudo, arguments without quotes, and whether a status is looked at."""
    script = plan_of({"a.sh": SCRIPT}).scripts[0]
    assert (script.errexit, script.pipefail) == (True, True)
    image, _, status, _, dump, _ = [command for command in script.commands if command.name != "set"]
    assert image.program == ["kubectl", "-n", "$NAMESPACE", "set", "image", "deployment/${NAME:-web}", "web=i:1"]
    assert script.filled(image.program[5], script.values) == "deployment/web"
    assert (image.option("-n", "--namespace"), status.option("-n", "--namespace")) == ("$NAMESPACE", "$NAMESPACE")
    assert [command.tested for command in (image, status, dump)] == [True, True, False]
    assert dump.inside("pipeline")
    assert (image.place.line, dump.place.line) == (5, 8)


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("sum by (job, pod) (rate(x[5m]))", {"job", "pod"}),
        ("sum(rate(x[5m])) / sum(rate(y[5m]))", set()),
        ("histogram_quantile(0.9, sum by (le, job) (rate(x_bucket[5m]))) > 1", {"job"}),
        ("sum by (a) (sum by (b) (x))", set()),
        ("rate(x[5m])", None),
        ("a / on (host) b", {"host"}),
        ("vector(1)", set()),
    ],
)
def test_the_labels_of_a_result_are_known_where_they_can_be(text, only):
    """By aggregation, function and matching."""
    found = labels(promql.parse(text)[0]).only
    assert found == (None if only is None else frozenset(only))


def test_selectors_thresholds_and_constants():
    """Names, matchers and ranges; whichever side the number stands on."""
    expr, _ = promql.parse('0.05 < rate(x_total{code=~"5..", a!="b"}[5m]) / 2')
    (selector,) = promql.selectors(expr)
    assert (selector.name, selector.range_s) == ("x_total", 300.0)
    assert [matcher.admits("503") for matcher in selector.on("code")] == [True]
    _, operator, limit = promql.threshold(expr)
    assert (operator, limit) == (">", 0.05)
    assert promql.number(promql.parse("-(2 * 3) + 1")[0]) == -5
    assert promql.parse("sum(x")[1]


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("*/15 * * * *", 900), ("0 2 * * *", 86_400), ("0 */6 * * *", 21_600), ("0 2 * * 0", 7 * 86_400),
        ("@hourly", 3600), ("0 0 1 * *", 31 * 86_400), ("0 9-17 * * mon-fri", 64 * 3600),
        ("*/10 8 * * *", 86_400 - 3000), ("61 * * * *", None),
        ("every day", None), ("0 0 30 2 *", None),
    ],
)  # fmt: skip
def test_a_schedule_is_as_long_as_its_longest_gap(expression, seconds):
    """Nights, weekends and short months count."""
    assert cron_seconds(expression) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15분", 900),
        ("1시간 30분", 5400),
        ("1 h", 3600),
        ("30 min", 1800),
        ("최대 2시간 이내", 7200),
        ("none", None),
        ("5 minutes", 300),
    ],
)
def test_durations_in_korean_and_english(text, seconds):
    """As a table of objectives has them."""
    assert duration_s(text) == seconds


KOREAN = """
## 재해 유형

| 재해 유형 | 증상 | RTO | RPO |
|---|---|---|---|
| 데이터베이스 장애 | 연결 실패 | 1시간 | 15분 |
| 인프라 장애 | 서버 다운 | 2시간 | 1시간 |

### 데이터베이스 장애 복구 절차

1. 장애 확인 (5분)
2. 복구 실행 (30분): 스트리밍 복제본으로 전환
"""
ENGLISH = """
# Database failure

RTO: 1 hour, RPO: 15 minutes

- confirm (5 min)
- recover (30 min): switch to the streaming replica

# Infrastructure failure

**RTO**: 2 h
**RPO**: 1 h
"""


@pytest.mark.parametrize("text", [KOREAN, ENGLISH])
def test_a_recovery_plan_is_read_from_tables_and_from_prose(text):
    """Objectives by kind of disaster, the minutes of a procedure, the strategies that it counts on."""
    (plan,) = plan_of({"dr.md": text}).recoveries
    database, infrastructure = plan.objective("database"), plan.objective("infrastructure")
    assert (database.rto_s, database.rpo_s) == (3600, 900)
    assert (infrastructure.rto_s, infrastructure.rpo_s) == (7200, 3600)
    assert [procedure.seconds for procedure in plan.procedures if procedure.kind == "database"] == [2100]
    assert "replica" in {mention.strategy for mention in plan.mentions}


PIPELINE = """
input { beats { port => 5044 } } # from Filebeat
filter {
  if [a] == "x" { grok { match => { "message" => "%{IP:ip}" } tag_on_failure => ["t", 'u'] } }
  else if [b] { mutate { add_tag => "error" } }
  else { drop {} }
}
output { elasticsearch { hosts => ["http://e:9200"] index => "i-%{+YYYY}" codec => json { charset => "UTF-8" } } }
"""


def test_a_pipeline_gives_its_plugins_in_their_branches():
    """Settings as texts, lists and mappings, with their lines."""
    (pipeline,) = plan_of({"p.conf": PIPELINE}).pipelines
    beats, grok, mutate, drop, elastic = pipeline.plugins
    assert (beats.text("port"), grok.pairs("match"), grok.texts("tag_on_failure")) == (
        "5044",
        {"message": "%{IP:ip}"},
        ["t", "u"],
    )
    assert (mutate.texts("add_tag"), mutate.conditions, drop.conditions) == (
        ["error"],
        ("[ b ]",),
        ('not ([ a ] == "x" or [ b ])',),
    )
    assert (elastic.texts("hosts"), elastic.at("index").line) == (["http://e:9200"], 8)
    torn = plan_of({"p.conf": "input { beats { port => 5044 }\nfilter { x"})
    assert "is no logstash file" in torn.problems[0].why
