"""What a file is: by what stands in it; its name decides only where the content leaves it open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.plan.files import Source
    from seatrial.plan.nodes import Node

_YAML_NAMES = (".yaml", ".yml", ".json")
# Keys at the margin (or in JSON's first level) without which a YAML file is none of ours.
_TELLING = re.compile(
    r"""(?:^|[{,])\s{0,4}["']?(apiVersion|services|scrape_configs|scrape_interval|groups|jobs|route|receivers|resources|"""
    r"""kind|include|global|filebeat|filebeat\.\w+|output\.\w+)["']?\s*:""",
    re.MULTILINE,
)
_INSTRUCTION = re.compile(r"^\s*(?:FROM|ARG|#)\b", re.IGNORECASE)
_FROM = re.compile(
    r"^[ \t]*FROM[ \t]+(?:--platform=\S+[ \t]+)?[\w$./:@{}-]+(?:[ \t]+AS[ \t]+[\w.-]+)?[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_STEP = re.compile(r"^[ \t]*(?:RUN|CMD|COPY|ADD|ENTRYPOINT|ENV|WORKDIR|EXPOSE|USER|LABEL|HEALTHCHECK)\b", re.MULTILINE)
_SHELL = re.compile(r"^#!\s*/\S*(?:/env\s+(?:-S\s+)?)?\b(?:ba|da|k|z)?sh\b")
_LOGSTASH = re.compile(r"^[ \t]*(?:input|filter|output)[ \t]*\{", re.MULTILINE)
_CRON_LINE = re.compile(
    r"^\s*(?:@(?:hourly|daily|weekly|monthly|yearly|reboot)|(?:[\d*,/A-Za-z-]+\s+){4}[\d*,/A-Za-z-]+)\s+\S"
)
_TIMER = re.compile(r"^\[Timer\]\s*$", re.MULTILINE)
_UNIT = re.compile(r"^\[Service\]\s*$", re.MULTILINE)
_HELM = re.compile(
    r"\{\{-?\s*(?:\.(?:Values|Release|Chart|Files|Capabilities)\b|include\s+\"|(?:if|with|range)\s+\.Values\b)"
)
_RTO = re.compile(r"\bRTO\b|\bRPO\b|복구\s*목표\s*시간|복구\s*시점\s*목표", re.IGNORECASE)

_KUSTOMIZATION = frozenset({
    "apiVersion", "kind", "resources", "bases", "components", "namespace", "namePrefix", "nameSuffix", "images",
    "replicas", "patches", "patchesStrategicMerge", "patchesJson6902", "labels", "commonLabels", "commonAnnotations",
    "configMapGenerator", "secretGenerator", "generatorOptions", "transformers", "vars", "replacements",
})  # fmt: skip
_COMPOSE = frozenset({"include", "services", "networks", "volumes", "secrets", "configs", "version", "name"})
_SERVICE = frozenset({
    "image", "build", "extends", "command", "ports", "environment", "depends_on", "volumes", "networks", "restart",
    "deploy", "healthcheck", "env_file",
})  # fmt: skip


def kind_of_text(source: Source) -> str:
    """Of a file: yaml, dockerfile, shell, logstash, crontab, timer, unit, helm, recovery, env, python, or none."""
    name, suffix, text = source.path.name.lower(), source.path.suffix.lower(), source.text
    if suffix in (".md", ".markdown", ".rst", ".adoc"):
        return "recovery" if _RTO.search(text) else ""
    if suffix == ".py":
        return "python"
    if suffix in _YAML_NAMES or suffix == ".tpl":
        return "helm" if _HELM.search(text) else "yaml" if _TELLING.search(text) else ""
    if _SHELL.match(text) or suffix in (".sh", ".bash"):
        return "shell"
    if name == ".env" or name.startswith(".env.") or suffix == ".env":
        return "env"
    return _by_content(source)


def _by_content(source: Source) -> str:
    text, suffix = source.text, source.path.suffix.lower()
    found = {
        "dockerfile": _looks_like_dockerfile(text),
        "logstash": bool(_LOGSTASH.search(text)),
        "timer": bool(_TIMER.search(text)),
        "unit": bool(_UNIT.search(text)),
        "crontab": _looks_like_crontab(text),
        "recovery": suffix in (".txt", ".text", "") and "|" in text and bool(_RTO.search(text)),
        "yaml": suffix != ".toml" and bool(_TELLING.search(text)),
    }
    return next((kind for kind, holds in found.items() if holds), "")


def _looks_like_dockerfile(text: str) -> bool:
    first = next((line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
    return bool(_FROM.search(text) and _STEP.search(text) and _INSTRUCTION.match(first))


def _looks_like_crontab(text: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    entries = [line for line in lines if _CRON_LINE.match(line)]
    others = [line for line in lines if not _CRON_LINE.match(line) and not re.match(r"^\s*[A-Z_]+\s*=", line)]
    return bool(entries) and not others


def kind_of_document(document: Node) -> str:
    """Of a YAML document: kubernetes, kustomization, compose, workflow, prometheus, alert-rules, ... or none."""
    keys = set(document.keys())
    found = {
        "kustomization": _is_kustomization(document, keys),
        "kubernetes": {"apiVersion", "kind"} <= keys and bool(document.get("kind").text),
        "workflow": document.get("jobs").is_map and ("on" in keys or "true" in keys),
        "compose": _are_services(document.get("services")) or ("include" in keys and keys <= _COMPOSE),
    }
    return next((kind for kind, holds in found.items() if holds), "") or _kind_of_observability(document, keys)


def _kind_of_observability(document: Node, keys: set[str]) -> str:
    if "scrape_configs" in keys or ("global" in keys and document.get("global", "scrape_interval").written):
        return "prometheus"
    if "groups" in keys and any(group.get("rules").is_list for group in document.get("groups")):
        return "alert-rules"
    if "receivers" in keys and document.get("route").is_map:
        return "alertmanager"
    if any(key == "filebeat" or key.startswith("filebeat.") for key in keys):
        return "filebeat"
    return ""


def _is_kustomization(document: Node, keys: set[str]) -> bool:
    if document.get("kind").text == "Kustomization":
        return True
    return document.get("resources").is_list and keys <= _KUSTOMIZATION


def _are_services(services: Node) -> bool:
    return any(_SERVICE & set(service.keys()) for _, service in services.items())
