"""Helm charts: rendered by the real helm where it is installed, and said to be left out where it is not."""

from __future__ import annotations

import shutil

import pytest

from seatrial.plan import read_plan

TEMPLATE = """apiVersion: v1
kind: Service
metadata:
  name: {{ .Values.name }}
spec:
  ports:
  {{- range .Values.ports }}
    - port: {{ . }}
  {{- end }}
"""
NEEDS_HELM = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is missing; it comes with: bash .ci/tools")


@pytest.fixture
def chart(tmp_path):
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    (tmp_path / "chart" / "values.yaml").write_text("name: web\nports: [80, 443]\n")
    (tmp_path / "chart" / "templates" / "service.yaml").write_text(TEMPLATE)
    return tmp_path


@NEEDS_HELM
def test_a_chart_is_what_it_renders_to(chart):
    """With its own values, under the template's path."""
    plan = read_plan(chart)
    (service,) = plan.objects
    assert (service.name, str(service.node.file)) == ("web", "chart/templates/service.yaml")
    assert [entry.get("port").text for entry in service.get("spec", "ports")] == ["80", "443"]
    assert (plan.notes, "helm" in plan.kinds.values()) == ([], False)


@NEEDS_HELM
def test_a_chart_that_does_not_render_is_said(chart):
    """A dependency that does not lie in it, for one: nothing is fetched."""
    with (chart / "chart" / "Chart.yaml").open("a") as file:
        file.write("dependencies: [{name: redis, version: 1.0.0, repository: https://example.org/charts}]\n")
    plan = read_plan(chart)
    assert plan.objects == []
    (note,) = plan.notes
    assert note.startswith("the Helm chart chart is not looked at: Error: ")
    assert "redis" in note


def test_without_helm_a_chart_is_said_to_be_left_out(chart, monkeypatch):
    """And no rule takes its templates for manifests."""
    monkeypatch.setenv("PATH", "")
    plan = read_plan(chart)
    assert plan.notes == [
        "the Helm chart chart is not looked at: helm is not installed (https://helm.sh/docs/intro/install)"
    ]
    assert (plan.objects, plan.kinds[next(iter(plan.kinds))]) == ([], "helm")
