"""Rules about a Prometheus configuration as a whole: its rule files, its Alertmanager, its jobs among each other."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.compose import normal
from seatrial.plan.prometheus import seconds
from seatrial.plan.reach import image_name, reach_of
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.containers import Container
    from seatrial.plan.nodes import Node
    from seatrial.plan.prometheus import PrometheusConfig

_HOME = PurePosixPath("/etc/prometheus")


def configurations(plan: Plan) -> list[PrometheusConfig]:
    """The Prometheus configurations."""
    return plan.scrapers


def rule_files(plan: Plan) -> list[Node]:
    """The files of alert and recording rules, each by its first group."""
    return list({each.node.file: each.group for each in reversed(plan.rules)}.values()) if plan.scrapers else []


@lru_cache(maxsize=8)
def _inside(config: PrometheusConfig, plan: Plan) -> tuple[PurePosixPath, frozenset[PurePosixPath], bool] | None:
    """In the container that has a configuration: its folder, the files there, and whether there may be others."""
    for service in plan.services:
        files = _mounted(service, plan)
        mine = [inside for inside, outside in files.items() if outside == config.node.file]
        if mine and image_name(service.image) == "prometheus":
            named_volumes = [mount for mount in service.mounts if mount.kind == "volume"]
            return mine[0].parent, frozenset(files), any(_HOME.is_relative_to(each.target) for each in named_volumes)
    return _inside_pod(config, plan)


def _inside_pod(config: PrometheusConfig, plan: Plan) -> tuple[PurePosixPath, frozenset[PurePosixPath], bool] | None:
    """The same in a pod, whose files are the keys of ConfigMaps; a folder of a ConfigMap has no folders in it."""
    for container in plan.containers:
        if image_name(container.image) != "prometheus":
            continue
        files, more = _given_to(container, plan)
        mine = [path for path in files if path.name == config.node.file.name]
        if mine:
            return mine[0].parent, frozenset(files), more
    return None


def _given_to(container: Container, plan: Plan) -> tuple[set[PurePosixPath], bool]:
    """The files that ConfigMaps give to a container, and whether other volumes may give more."""
    files: set[PurePosixPath] = set()
    more = False
    for mount in container.node.get("volumeMounts"):
        volume = container.workload.volume(mount.get("name").text)
        path = PurePosixPath(mount.get("mountPath").text)
        name = volume.get("configMap", "name").text
        keys = [
            key
            for (kind, _, other), data in plan.configs.items()
            if (kind, other) == ("ConfigMap", name)
            for key in data
        ]
        if not name or volume.get("configMap", "items").written or mount.get("subPath").text or "*" in keys or not keys:
            more = more or path.is_relative_to(_HOME)
            continue
        files |= {path / key for key in keys}
    return files, more


def _mounted(service: Service, plan: Plan) -> dict[PurePosixPath, PurePosixPath]:
    """The files of the plan that a service has, by their paths in the container."""
    found: dict[PurePosixPath, PurePosixPath] = {}
    for mount in service.mounts:
        source = service.project.path(mount.source)
        for path in plan.sources if mount.kind == "bind" else ():
            if path.is_relative_to(source):
                found[PurePosixPath(mount.target) / path.relative_to(source)] = path
    for entry in service.node.get("configs"):
        config = service.project.declared("configs").get(entry.get("source").text or entry.text)
        if config is not None and config.get("file").text:
            target = entry.get("target").text or f"/{entry.text}"
            found[PurePosixPath(target)] = service.project.path(config.get("file").text)
    return found


def _matches(path: PurePosixPath, pattern: PurePosixPath) -> bool:
    pairs = list(zip(path.parts, pattern.parts, strict=False))
    return len(path.parts) == len(pattern.parts) and all(fnmatchcase(part, wanted) for part, wanted in pairs)


def _loads(config: PrometheusConfig, pattern: str, plan: Plan) -> set[PurePosixPath]:
    """The files of the plan that a pattern of a configuration matches, where the configuration lies in the folder."""
    wanted = PurePosixPath(pattern)
    if wanted.is_absolute():
        if not wanted.is_relative_to(_HOME):
            return {path for path in plan.sources if _matches(PurePosixPath(path.name), PurePosixPath(wanted.name))}
        wanted = wanted.relative_to(_HOME)
    wanted = normal(config.node.file.parent / wanted)
    return {path for path in plan.sources if _matches(path, wanted)}


def _given_by_name(plan: Plan) -> set[str]:
    """Names of files that Kubernetes gives to pods: keys of ConfigMaps."""
    return {key for (kind, _, _), data in plan.configs.items() if kind == "ConfigMap" for key in data}


def _dangling(config: PrometheusConfig, plan: Plan) -> list[Node]:
    """The patterns of rule files that match nothing."""
    return [node for node in config.rule_files if node.text and not _found(config, node.text, plan)]


def _found(config: PrometheusConfig, pattern: str, plan: Plan) -> bool:
    name = PurePosixPath(pattern).name
    inside = _inside(config, plan)
    if "$" in pattern:
        return True
    if inside is None:
        return any(fnmatchcase(key, name) for key in _given_by_name(plan)) or bool(_loads(config, pattern, plan))
    folder, files, more = inside
    wanted = normal(folder / pattern)
    return more or any(_matches(path, wanted) for path in files)


@rule("prom-rule-file-missing", CRITICAL, over=configurations)
def rule_file_missing(config: PrometheusConfig, plan: Plan) -> Iterator[Found]:
    """A pattern of rule files that matches nothing: Prometheus starts, and has no alerts."""
    for node in _dangling(config, plan):
        lost = sorted(str(path) for path in _loads(config, node.text, plan))
        if lost:
            yield (
                node,
                f"loads {node.text}, but its container does not have {named(lost)}: none of the alerts there exists",
            )
        elif plan.rules:
            there = named(sorted({str(each.node.file) for each in plan.rules}))
            yield (
                node,
                f"loads {node.text}, which matches no file (the rules are in {there}): none of the alerts exists",
            )
        else:
            yield node, f"loads {node.text}, which matches no file: there are no alerts"


def _ruler(plan: Plan) -> bool:
    """Does something else than Prometheus evaluate rules: vmalert, a ruler of Thanos, Mimir or Cortex?"""
    images = [each.image for each in plan.services] + [each.image for each in plan.containers]
    told = any(re.search(r"vmalert|thanos|mimir|cortex", image_name(image)) for image in images)
    pushed = re.compile(r"\b(?:mimirtool|cortextool|lokitool)\s+rules\b")
    return told or bool(plan.of_kind("VMRule")) or any(pushed.search(script.text) for script in plan.all_scripts)


@rule("prom-rules-not-loaded", CRITICAL, over=rule_files)
def rules_not_loaded(group: Node, plan: Plan) -> Iterator[Found]:
    """A rule file that no configuration loads."""
    if any(_dangling(config, plan) for config in plan.scrapers) or _ruler(plan):
        return
    patterns = [(config, node.text) for config in plan.scrapers for node in config.rule_files]
    names = {PurePosixPath(text).name for _, text in patterns}
    if any(group.file in _loads(config, text, plan) for config, text in patterns):
        return
    mounted = [
        inside for service in plan.services for inside, path in _mounted(service, plan).items() if path == group.file
    ]
    if any(fnmatchcase(path.name, name) for path in [*mounted, group.file] for name in names):
        return
    yield group, f"is loaded by no Prometheus configuration ({plan.scrapers[0].node.file} does not name it)"


@rule("prom-no-alertmanager", CRITICAL, over=configurations)
def no_alertmanager(config: PrometheusConfig, plan: Plan) -> Iterator[Found]:
    """Alerts fire inside Prometheus, and nobody is told."""
    managers = list(config.node.get("alerting", "alertmanagers"))
    discovered = any(key.endswith("_sd_configs") for manager in managers for key, _ in manager.items())
    if (
        any(each.alert for each in plan.rules)
        and not (discovered or _ruler(plan))
        and not any(target.host for target in config.alertmanagers)
    ):
        yield config.node.get("alerting"), "names no Alertmanager: alerts fire, and nobody is told"


@rule("prom-alertmanager-not-deployed", CRITICAL, over=configurations)
def alertmanager_not_deployed(config: PrometheusConfig, plan: Plan) -> Iterator[Found]:
    """The Alertmanager that alerts are sent to is not there, or does not listen there."""
    reach = reach_of(plan)
    targets = [target for target in config.alertmanagers if target.host]
    missing = [target for target in targets if reach.missing(target.host)]
    deaf = [
        (target, reach.deaf(target.host, target.port)) for target in targets if target.port and target not in missing
    ]
    if missing and len(missing) == len(targets):
        hosts = named([target.host for target in missing])
        yield missing[0].node, f"sends alerts to {hosts}, which no file deploys: nobody is told"
    for target in targets:
        if space := reach.elsewhere(target.host):
            said = f"sends alerts to {target.host} from namespace {reach.home}, where no Service is called so"
            yield target.node, f"{said} ({target.host}.{space} is meant): nobody is told"
    for target, why in deaf:
        if why:
            yield target.node, f"sends alerts to {target.host} on port {target.port}, but {why}: nobody is told"


@rule("prom-job-twice", CRITICAL, over=configurations)
def job_twice(config: PrometheusConfig, _plan: Plan) -> Iterator[Found]:
    """Two jobs of one name: Prometheus refuses to start."""
    seen: set[str] = set()
    for job in config.jobs:
        if job.name and job.name in seen:
            yield job.place, f"names a second job {job.name}: Prometheus does not start"
        seen.add(job.name)


@rule("prom-timeout-over-interval", CRITICAL, over=configurations)
def timeout_over_interval(config: PrometheusConfig, _plan: Plan) -> Iterator[Found]:
    """A scrape may take longer than the time to the next one: Prometheus refuses to start."""
    pairs = [(config.node.get("global", "scrape_timeout"), config.interval_s)]
    pairs += [(job.node.get("scrape_timeout"), job.interval_s) for job in config.jobs]
    for node, interval in pairs:
        timeout = seconds(node.text)
        if timeout is not None and timeout > interval:
            yield node, f"waits {node.text} for an answer but asks every {interval:g} s: Prometheus does not start"


@rule("prom-not-run", CRITICAL, over=configurations)
def not_run(config: PrometheusConfig, plan: Plan) -> Iterator[Found]:
    """A configuration that no Prometheus reads."""
    images = [each.image for each in plan.services] + [each.image for each in plan.containers]
    custom = plan.of_kind("Prometheus", "VMAgent", "PrometheusAgent")
    by_hand = any("prometheus" in script.text for script in plan.all_scripts)
    built = any("prometheus" in stage.base for dockerfile in plan.dockerfiles for stage in dockerfile.stages)
    runs = any("prometheus" in image_name(image) and "exporter" not in image for image in images)
    others = any(image_name(image) in ("vmagent", "agent", "alloy", "mimir", "victoria-metrics") for image in images)
    if reach_of(plan).judged and not (runs or others or custom or by_hand or built):
        yield config.node, "is read by nobody: no file runs Prometheus, so nothing is measured and no alert fires"
