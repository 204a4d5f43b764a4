"""What Prometheus gets to see: the exporters that its jobs ask, the values of `job`, the labels that targets add."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.exporters import EXPORTERS, INSTRUMENTATOR_TOPS, Series, histogram, instrumentator, known, owner
from seatrial.plan.prometheus import ScrapeJob, Target
from seatrial.plan.reach import LISTENS, image_name, reach_of

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.application import Metric
    from seatrial.plan.nodes import Node
    from seatrial.plan.promql import Selector

_RELAYS = ("otel", "opentelemetry", "pushgateway", "telegraf", "vmagent", "alloy", "grafana-agent", "statsd", "cortex")
_NODES = frozenset({"node", "nodes", "host", "hosts"})
_LIBRARY = re.compile(r"prometheus|opentelemetry|statsd|openmetrics|micrometer|prom-client", re.IGNORECASE)
_BY_ITSELF = re.compile(  # libraries that export metrics of their own, and metrics whose names are made at run time
    r"instrument|starlette.exporter|starlette.prometheus|prometheus.flask|django.prometheus|opentelemetry|aioprometheus"
    r"|PrometheusMiddleware|statsd|micrometer|MetricFamily|\b(?:Counter|Gauge|Histogram|Summary)\(\s*(?:f[\"']|[a-zA-Z_]\w*[,+)])",
    re.IGNORECASE,
)
_CODE = (".py", ".go", ".ts", ".java", ".kt", ".rb", ".rs", ".cs", ".php")
_CHANGED = re.compile(r"\.add\(|metric_namespace|metric_subsystem|_buckets")
_SUFFIX = re.compile(r"_(?:bucket|sum|count|total|info)$")
_DEPENDENCIES = re.compile(
    r"(requirements[\w.-]*\.txt|pyproject\.toml|Pipfile|setup\.(py|cfg)|package\.json|go\.mod|pom\.xml)"
)
_ADDED = frozenset({"job", "instance"})


class Scraped:
    """The scrape jobs of a plan, by what can come of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.jobs = [job for config in plan.scrapers for job in config.jobs]

    @cached_property
    def opaque(self) -> bool:
        """May series come from where no file tells?"""
        return self._more_jobs or any(_opaque(job) or self._unknown_names(job) for job in self.jobs)

    @cached_property
    def _more_jobs(self) -> bool:
        keys = ("scrape_config_files", "remote_read")
        return not self.jobs or any(config.node.get(key).written for config in self.plan.scrapers for key in keys)

    def _unknown_names(self, job: ScrapeJob) -> bool:
        """Does it ask DNS for names of which no file tells what is behind them?"""
        reach, names = reach_of(self.plan), job.looked_up
        return names is None or any(reach.at(each.host).empty and not reach.missing(each.host) for each in names)

    @cached_property
    def job_names(self) -> set[str] | None:
        """The values that the label `job` can have; None if no file tells."""
        lists = {"file_sd_configs", "http_sd_configs"}  # which may set any label
        if self._more_jobs or any(lists & set(job.discovers) for job in self.jobs):
            return None
        found: set[str] = set()
        for job in self.jobs:
            named = {group.get("labels", "job").text for group in job.node.get("static_configs")} - {""}
            found |= {job.name, *named}
            for key in ("relabel_configs", "metric_relabel_configs"):
                for rule in job.node.get(key):
                    if self._sets_job(rule) or job.node.get("honor_labels").flag:
                        return None
        return None if any(job.node.get("honor_labels").flag for job in self.jobs) else found

    def _sets_job(self, rule: Node) -> bool:
        if rule.get("action").text == "labelmap":
            return any("job" in workload.pod_labels for workload in self.plan.workloads)
        return rule.get("target_label").text == "job"

    @cached_property
    def exporters(self) -> dict[str, list[ScrapeJob]]:
        """The exporters that are asked, by name, with the jobs that ask them."""
        found: dict[str, list[ScrapeJob]] = {}
        for job in self.jobs:
            for name in self._exporters_of(job):
                found.setdefault(name, []).append(job)
        return found

    def _exporters_of(self, job: ScrapeJob) -> set[str]:
        texts = " ".join(node.text for node in job.node.walk() if node.text).lower()
        hosts = {target.host.lower() for target in asked(job)}
        ports = {target.port for target in asked(job)}
        images = {image for host in hosts for image in reach_of(self.plan).images(host)}
        roles = {group.get("role").text for group in job.node.get("kubernetes_sd_configs")}
        anything = roles & {"pod", "endpoints", "endpointslice", "service"} and "kubernetes;https" not in texts
        images |= self._deployed if anything else set()
        found = {
            exporter.name
            for exporter in EXPORTERS
            if ports & set(exporter.ports)
            or images & set(exporter.images)
            or any(hint in texts for hint in exporter.hints)
        }
        is_node = (job.name.lower() in _NODES and not job.discovers) or (job.discovers and "9100" in texts)
        return found | {"node_exporter"} if is_node else found

    @cached_property
    def _deployed(self) -> set[str]:
        found = {image_name(service.image) for service in self.plan.services if service.image}
        return found | {image_name(container.image) for container in self.plan.containers}

    def exported(self, metric: str) -> bool:
        """Does a job ask one of the exporters that a metric belongs to?"""
        return any(exporter.name in self.exporters for exporter in owner(metric))

    @cached_property
    def foreign(self) -> bool:
        """Does a job ask something that is neither a known exporter nor built here?"""
        return any(not self._exporters_of(job) and not self._own(job) for job in self.jobs)

    def _own(self, job: ScrapeJob) -> bool:
        reach = reach_of(self.plan)
        deployed = [target.host for target in asked(job) if not reach.missing(target.host)]
        return all(self.built(host) or set(reach.images(host)) & set(LISTENS) for host in deployed)

    def built(self, host: str) -> bool:
        """Is what runs there built of the files?"""
        reach = reach_of(self.plan)
        there = reach.at(host)
        images = reach.images(host)
        if any(service.builds for service in there.services):
            return True
        own = {image_name(service.image) for service in self.plan.services if service.builds and service.image}
        own |= {service.name for service in self.plan.services if service.builds}
        single = len(self.plan.dockerfiles) == 1 and not images & set(LISTENS)
        return bool(there.kube) and bool(images) and (single or images <= own)

    @cached_property
    def _code(self) -> list[str]:
        return [each.text for path, each in self.plan.sources.items() if path.suffix in _CODE]

    @cached_property
    def bare(self) -> bool:
        """Do the files show that the application exports no metrics but those that its code defines?"""
        files = {dockerfile.file for dockerfile in self.plan.dockerfiles}
        needs = [
            each.text for path, each in self.plan.sources.items() if _DEPENDENCIES.fullmatch(path.name) or path in files
        ]
        told = [*self._code, *needs]
        if self.plan.application.metrics:
            return not any(_BY_ITSELF.search(text) for text in told)
        return len(needs) + len(self._code) > len(files) and not any(_LIBRARY.search(text) for text in told)

    def written(self, metric: str) -> bool:
        """Does the code speak of a metric at all?"""
        base = _SUFFIX.sub("", metric)
        return any(base in text for text in self._code)

    @cached_property
    def recorded(self) -> set[str]:
        """The series that recording rules make."""
        return {rule.record for rule in self.plan.rules if rule.record}

    @cached_property
    def _plain_instrumentator(self) -> bool:
        """Does the application use prometheus-fastapi-instrumentator as it comes?"""
        using = [text for text in self._code if "Instrumentator(" in text]
        return bool(using) and not any(_CHANGED.search(text) for text in using)

    @cached_property
    def _own_series(self) -> dict[str, Series]:
        own = {series.name: series for metric in self.plan.application.metrics for series in _of_metric(metric)}
        return (instrumentator() if self._plain_instrumentator else {}) | own

    def top(self, bucket: str) -> float | None:
        """The bound of the last bucket of a histogram of the application, above which no quantile lies."""
        base = bucket.removesuffix("_bucket")
        own = [metric.top for metric in self.plan.application.metrics if metric.name == base]
        if own:
            return own[0] if len(own) == 1 else None
        return INSTRUMENTATOR_TOPS.get(base) if self._plain_instrumentator else None

    def series(self, name: str) -> Series | None:
        """What is known of a metric."""
        return None if name in self.recorded else self._own_series.get(name) or known().get(name)

    def feeding(self, selector: Selector) -> list[ScrapeJob]:
        """The jobs that the series of a selector can come from."""
        jobs = [job for job in self.jobs if all(matcher.admits(job.name) for matcher in selector.on("job"))]
        askers = {id(job) for exporter in owner(selector.name) for job in self.exporters.get(exporter.name, [])}
        return [job for job in jobs if id(job) in askers] if askers else jobs

    def added(self, selector: Selector) -> frozenset[str] | None:
        """The labels that the targets of a selector's series add; None if no file tells."""
        jobs = self.feeding(selector)
        if self.opaque or not jobs:
            return None
        found = set(_ADDED)
        for job in jobs:
            found |= {key for group in job.node.get("static_configs") for key, _ in group.get("labels").items()}
            rules = [*job.node.get("relabel_configs"), *job.node.get("metric_relabel_configs")]
            if any(rule.get("action").text in ("labelmap", "labeldrop", "labelkeep") for rule in rules):
                return None
            found |= {rule.get("target_label").text for rule in rules} - {""}
        return frozenset(label for label in found if not label.startswith("__"))


def _opaque(job: ScrapeJob) -> bool:
    hosts = " ".join([job.name, *(target.host for target in job.targets)]).lower()
    path = job.node.get("metrics_path").text
    others = [each for each in job.discovers if each not in ("kubernetes_sd_configs", "dns_sd_configs")]
    return bool(others) or "federate" in path or any(word in hosts for word in _RELAYS)


def _of_metric(metric: Metric) -> list[Series]:
    nothing: frozenset[str] = frozenset()
    labels = frozenset(metric.labels) if metric.told else None
    whole = Series(metric.name, metric.kind, labels, nothing, "-", "application")
    if metric.kind == "histogram":
        return histogram(whole)
    return [Series(name, metric.kind, whole.labels, nothing, "-", "application") for name in metric.series]


def asked(job: ScrapeJob) -> list[Target]:
    """The static targets that a job really asks: its own, or the prober that a relabelling puts in their place."""
    rules = [each for each in job.node.get("relabel_configs") if each.get("target_label").text == "__address__"]
    if not rules:
        return [target for target in job.targets if "://" not in target.node.text] + (job.looked_up or [])
    node = rules[-1].get("replacement")
    host, _, port = node.text.rpartition(":")
    if "$" in node.text or rules[-1].get("source_labels").texts() or not host:
        return []
    return [Target(host, int(port) if port.isdigit() else None, node)]


@lru_cache(maxsize=2)
def scraped_of(plan: Plan) -> Scraped:
    """What Prometheus gets to see by the files of a plan."""
    return Scraped(plan)
