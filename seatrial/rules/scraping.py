"""Rules about what Prometheus asks: targets that nothing deploys, ports without an answer, services left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan import promql
from seatrial.plan.exporters import BY_PROMETHEUS, OF_CLIENTS, owner
from seatrial.plan.kubernetes import LASTING
from seatrial.plan.promql import Matcher
from seatrial.plan.reach import reach_of
from seatrial.plan.scraped import asked, scraped_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.nodes import Node
    from seatrial.plan.prometheus import PromRule, ScrapeJob, Target
    from seatrial.plan.promql import Selector

_ANNOTATION = "prometheus.io/"
_META = "__meta_kubernetes_pod_annotation_prometheus_io_"


def scrape_jobs(plan: Plan) -> list[ScrapeJob]:
    """The scrape jobs of all configurations."""
    return scraped_of(plan).jobs


def named(names: list[str], most: int = 4) -> str:
    """Some names in a sentence; many are cut short."""
    names = list(dict.fromkeys(names))
    shown = names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _missing(job: ScrapeJob, plan: Plan) -> list[Target]:
    return [target for target in asked(job) if reach_of(plan).missing(target.host)]


def _lone(job: ScrapeJob, plan: Plan) -> list[str]:
    """The alerts that have their data from a job."""
    return [each.alert for each in plan.rules if each.alert and any(_fed(job, one, plan) for one in _reads(each))]


def _reads(rule: PromRule) -> list[Selector]:
    return promql.selectors(rule.expr) if rule.expr is not None else []


def _fed(job: ScrapeJob, selector: Selector, plan: Plan) -> bool:
    scraped = scraped_of(plan)
    if selector.name in scraped.recorded or job not in scraped.feeding(selector):
        return False
    if selector.on("job") or owner(selector.name):
        return bool(selector.on("job")) or scraped.exported(selector.name)
    own = not any(job in jobs for jobs in scraped.exporters.values())
    return own and selector.name not in BY_PROMETHEUS


def _told(targets: list[Target]) -> str:
    return named([target.host for target in targets])


@rule("prom-target-not-deployed", CRITICAL, over=scrape_jobs)
def target_not_deployed(job: ScrapeJob, plan: Plan) -> Iterator[Found]:
    """A job that alerts rely on asks a host that is not there."""
    missing = _missing(job, plan)
    alerts = _lone(job, plan) if missing else []
    if alerts:
        yield missing[0].node, f"asks {_told(missing)}, which no file deploys: no data for {named(alerts)}"


@rule("prom-target-unused-not-deployed", MAJOR, over=scrape_jobs)
def unused_target_not_deployed(job: ScrapeJob, plan: Plan) -> Iterator[Found]:
    """A job that no alert relies on asks a host that is not there."""
    missing = _missing(job, plan)
    if missing and not _lone(job, plan):
        yield missing[0].node, f"asks {_told(missing)}, which no file deploys: the job is down for ever"


@rule("prom-target-namespace", CRITICAL, over=scrape_jobs)
def target_namespace(job: ScrapeJob, plan: Plan) -> Iterator[Found]:
    """A target's short name is that of a Service in another namespace than Prometheus."""
    reach = reach_of(plan)
    found = [(target, space) for target in asked(job) if (space := reach.elsewhere(target.host))]
    if found:
        target, space = found[0]
        said = f"asks {_told([each for each, _ in found])}, and Prometheus runs in namespace {reach.home}"
        yield target.node, f"{said}, where no Service is called so: {target.host}.{space} is meant"


@rule("prom-job-empty", CRITICAL, over=scrape_jobs)
def job_empty(job: ScrapeJob, plan: Plan) -> Iterator[Found]:
    """A job with a list of targets that is empty."""
    groups = list(job.node.get("static_configs"))
    written = [group for group in groups if group.get("targets").written]
    if written and not any(group.get("targets").texts() for group in groups) and not job.discovers:
        alerts = _lone(job, plan)
        tail = f": no data for {named(alerts)}" if alerts else ""
        yield job.place, f"has no targets{tail}"


@rule("prom-target-port", CRITICAL, over=scrape_jobs)
def target_port(job: ScrapeJob, plan: Plan) -> Iterator[Found]:
    """A target whose port nobody answers on, or serves no metrics on."""
    secure = job.node.get("scheme").text == "https"
    for target in asked(job):
        port = target.port or (443 if secure else 80)
        path = job.node.get("metrics_path").text
        if why := reach_of(plan).deaf(target.host, port, path):
            yield target.node, f"asks {target.host} on port {port}, but {why}"


@rule("prom-target-no-metrics", CRITICAL, over=scrape_jobs)
def target_no_metrics(job: ScrapeJob, plan: Plan) -> Iterator[Found]:
    """A target is the application, which exports no metrics at all."""
    scraped = scraped_of(plan)
    path = job.node.get("metrics_path").text or "/metrics"
    if plan.application.metrics or not scraped.bare or scraped.written(path):
        return
    own = [target for target in asked(job) if scraped.built(target.host) and not reach_of(plan).missing(target.host)]
    if own:
        yield (
            own[0].node,
            f"asks {_told(own)} for {path}, but nothing in the application exports metrics: it is down for ever",
        )


def _built(plan: Plan) -> list[Service | Workload]:
    """The application's services: in Compose, and those in Kubernetes that Compose does not have."""
    services = [
        service for service in plan.services if service.builds and (service.ports or service.node.get("expose"))
    ]
    names = {service.name for service in plan.services}
    workloads = [each for each in plan.workloads if each.kind in LASTING and each.name not in names]
    return [*services, *workloads] if plan.scrapers else []


@rule("prom-service-not-scraped", MAJOR, over=_built)
def service_not_scraped(thing: Service | Workload, plan: Plan) -> Iterator[Found]:
    """A service that exports metrics is asked by no job."""
    scraped, reach = scraped_of(plan), reach_of(plan)
    if scraped.opaque or _asked(thing, plan):
        return
    at = plan.scrapers[0].node.get("scrape_configs")
    if thing in plan.services:
        if plan.application.metrics or plan.application.instrumented:
            yield at, f"no job asks {thing.name}, whose code exports metrics"
        elif not any(scraped.built(target.host) for job in scraped.jobs for target in asked(job)):
            readers = [each.alert for each in plan.rules if any(_of_application(one, plan) for one in _reads(each))]
            if readers and reach.judged:
                yield at, f"no job asks {thing.name}: no data for {named(readers)}, whose metrics only it can export"
    elif _annotated(thing).get(f"{_ANNOTATION}scrape") == "true":
        yield at, f"no job asks {thing.name}, which is annotated to be scraped"


def _of_application(selector: Selector, plan: Plan) -> bool:
    name = selector.name
    others = name in BY_PROMETHEUS or name.startswith(OF_CLIENTS) or name in scraped_of(plan).recorded or owner(name)
    return name.startswith("http_") and not others


def _annotated(thing: Service | Workload) -> dict[str, str]:
    node = getattr(thing, "template", thing.node).get("metadata", "annotations")
    return {key: value.text for key, value in node.items()}


def _asked(thing: Service | Workload, plan: Plan) -> bool:
    scraped, reach = scraped_of(plan), reach_of(plan)
    for job in scraped.jobs:
        for target in asked(job):
            there = reach.at(target.host)
            pods = [pod.name for each in there.kube for pod in reach.cluster.pods(each)]
            if thing in there.services or thing.name in pods or thing.name == target.host:
                return True
    same = [each for each in plan.workloads if each is thing or each.name == thing.name]
    return any(_discovers(job, each, plan) for job in scraped.jobs for each in same)


def _discovers(job: ScrapeJob, workload: Workload, plan: Plan) -> bool:
    """Does a job find the pods of a workload?"""
    if not {"pod", "endpoints", "endpointslice", "service"} & _roles(job):
        return False
    kept = [each for each in job.node.get("relabel_configs") if each.get("action").text == "keep"]
    services = reach_of(plan).cluster.services_to(workload)
    if not all(_keeps(each, workload, [service.object.name for service in services]) for each in kept):
        return False
    if not any("prometheus_io_scrape" in text for each in kept for text in each.get("source_labels").texts()):
        return True
    marks = [_annotated(workload), *(each.object.annotations for each in services)]
    return any(mark.get(f"{_ANNOTATION}scrape") == "true" for mark in marks)


def _keeps(relabelling: Node, workload: Workload, services: list[str]) -> bool:
    """May a relabelling keep the pods of a workload, by its namespace and its Services?"""
    sources, patterns = relabelling.get("source_labels").texts(), relabelling.get("regex").text.split(";")
    given = {"__meta_kubernetes_namespace": [workload.namespace], "__meta_kubernetes_service_name": services}
    pairs = zip(sources, patterns, strict=True) if len(sources) == len(patterns) else ()
    return all(
        any(Matcher("", "=~", pattern).admits(value) for value in given[source])
        for source, pattern in pairs
        if source in given
    )


def _roles(job: ScrapeJob) -> set[str]:
    return {group.get("role").text for group in job.node.get("kubernetes_sd_configs")}


@rule("prom-annotation-ignored", MINOR, over=scrape_jobs)
def annotation_ignored(job: ScrapeJob, plan: Plan) -> Iterator[Found]:
    """Pods are annotated with a port or a path that the job does not read."""
    if "pod" not in _roles(job):
        return
    read = {text for each in job.node.get("relabel_configs") for text in each.get("source_labels").texts()}
    path = job.node.get("metrics_path").text or "/metrics"
    for key, differs in (("port", None), ("path", path)):
        ignored = [each for each in plan.workloads if _ignored(each, key, differs)]
        if ignored and f"{_META}{key}" not in read:
            values = named([_annotated(each)[_ANNOTATION + key] for each in ignored])
            yield (
                job.place,
                f"does not read prometheus.io/{key}, by which {named([e.name for e in ignored])} asks for {values}",
            )


def _ignored(workload: Workload, key: str, default: str | None) -> bool:
    """Does an annotation ask for something that the job does not do by itself?"""
    annotations = _annotated(workload)
    wanted = annotations.get(_ANNOTATION + key, "")
    if annotations.get(f"{_ANNOTATION}scrape") != "true" or not wanted:
        return False
    ports = {str(port) for container in workload.containers for port in container.ports}
    return wanted != default if default else ports != {wanted}
