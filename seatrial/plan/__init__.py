"""Deployment files -> Plan: one model of all of them, with file and line on every value.

    plan = read_plan(Path("."))            # or plan_of({"docker-compose.yml": "..."}) in a test
    for container in plan.containers: ...

Reading never fails: a file that cannot be read as what it seems to be is one of `plan.problems`, and the rest is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan import compose, kubernetes, kustomize, prometheus, recovery, schedules, shipping
from seatrial.plan.application import Application, read_application
from seatrial.plan.compose_files import projects_of
from seatrial.plan.containers import Container
from seatrial.plan.dockerfile import Dockerfile, read_dockerfile
from seatrial.plan.files import Folder, Place, Problem, Source, folder_of, read_folder
from seatrial.plan.helm import with_charts_rendered
from seatrial.plan.interpolation import read_env_file
from seatrial.plan.logstash import read_pipeline
from seatrial.plan.nodes import Node, Unreadable, read_yaml
from seatrial.plan.recognise import kind_of_document, kind_of_text
from seatrial.plan.secrets import decoded, made_elsewhere
from seatrial.plan.shell import Script
from seatrial.plan.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(eq=False)
class Plan:
    """All deployment files of a folder."""

    sources: dict[PurePosixPath, Source] = field(default_factory=dict)  # of every text file
    kinds: dict[PurePosixPath, str] = field(default_factory=dict)  # of those that are part of the plan
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what could not be looked at for want of a tool
    left_alone: int = 0
    others: set[PurePosixPath] = field(default_factory=set)  # files that are there and are no texts
    dockerfiles: list[Dockerfile] = field(default_factory=list)
    projects: list[compose.Project] = field(default_factory=list)
    objects: list[kubernetes.KubeObject] = field(default_factory=list)
    kustomizations: list[kustomize.Kustomization] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    workflows: list[Workflow] = field(default_factory=list)
    scrapers: list[prometheus.PrometheusConfig] = field(default_factory=list)
    rules: list[prometheus.PromRule] = field(default_factory=list)
    alertmanagers: list[prometheus.Alertmanager] = field(default_factory=list)
    pipelines: list[shipping.Pipeline] = field(default_factory=list)
    filebeats: list[shipping.Filebeat] = field(default_factory=list)
    timetables: list[schedules.Schedule] = field(default_factory=list)  # of crontabs and timers; see `schedules`
    recoveries: list[recovery.RecoveryPlan] = field(default_factory=list)
    application: Application = field(default_factory=Application)

    @cached_property
    def services(self) -> list[compose.Service]:
        """The services of all Compose projects."""
        return [service for project in self.projects for service in project.services.values()]

    @cached_property
    def workloads(self) -> list[kubernetes.Workload]:
        """The Kubernetes objects that run pods."""
        return [kubernetes.Workload(each) for each in self.objects if kubernetes.is_workload(each)]

    @cached_property
    def containers(self) -> list[Container]:
        """All containers of all workloads, without those that only initialise."""
        return [container for workload in self.workloads for container in workload.containers]

    def of_kind(self, *kinds: str) -> list[kubernetes.KubeObject]:
        """The Kubernetes objects of these kinds."""
        return [each for kind in kinds for each in self._by_kind.get(kind, [])]

    @cached_property
    def _by_kind(self) -> dict[str, list[kubernetes.KubeObject]]:
        found: dict[str, list[kubernetes.KubeObject]] = {}
        for each in self.objects:
            found.setdefault(each.kind, []).append(each)
        return found

    def object(self, kind: str, namespace: str, name: str) -> kubernetes.KubeObject | None:
        """One Kubernetes object."""
        return self._index.get((kind, namespace, name))

    @cached_property
    def _index(self) -> dict[tuple[str, str, str], kubernetes.KubeObject]:
        return {(each.kind, each.namespace, each.name): each for each in self.objects}

    @cached_property
    def configs(self) -> dict[tuple[str, str, str], dict[str, str | None]]:
        """The data of ConfigMaps and Secrets by kind, namespace and name; None for a value that no file tells.

        A key `*` stands for keys that cannot be known, as of a generator that reads an env file.
        """
        found: dict[tuple[str, str, str], dict[str, str | None]] = {}
        for each in self.of_kind("ConfigMap", "Secret"):
            data: dict[str, str | None] = {key: decoded(each.kind, node) for key, node in each.get("data").items()}
            data |= {key: node.text for key, node in each.get("stringData").items()}
            data |= dict.fromkeys(each.get("binaryData").keys())
            found[each.kind, each.namespace, each.name] = data
        for each in self.objects:
            found |= made_elsewhere(each)
        given = kustomize.namespaces(self.kustomizations)
        for one in self.kustomizations:
            space = given.get(one.folder, "default")
            found |= {(kind, space, name): data for kind, name, data, _ in one.generated()}
        return found

    @cached_property
    def schedules(self) -> list[schedules.Schedule]:
        """Everything that runs again and again: crontabs, timers, CronJobs, scheduled workflows."""
        found = list(self.timetables)
        for workload in self.workloads:
            if workload.kind == "CronJob":
                node = workload.object.get("spec", "schedule")
                command = " ".join(
                    word for container in workload.containers for word in [container.image, *container.words]
                )
                found.append(
                    schedules.Schedule(command, node.text, schedules.cron_seconds(node.text), _place(node), "CronJob")
                )
        for workflow in self.workflows:
            for entry in workflow.triggers.get("schedule", Node(PurePosixPath(), 1)):
                node = entry.get("cron")
                command = "\n".join(script.text for job in workflow.jobs.values() for script in job.scripts)
                found.append(
                    schedules.Schedule(command, node.text, schedules.cron_seconds(node.text), _place(node), "workflow")
                )
        return found

    @cached_property
    def all_scripts(self) -> list[Script]:
        """Scripts in files, in workflows, in the `sh -c` of containers, and in ConfigMaps."""
        inside = [script for workflow in self.workflows for job in workflow.jobs.values() for script in job.scripts]
        return [*self.scripts, *inside, *self._inline_scripts()]

    def _inline_scripts(self) -> list[Script]:
        found = []
        for workload in self.workloads:
            for container in [*workload.containers, *workload.init_containers]:
                nodes = [*container.node.get("command"), *container.node.get("args")]
                for flag, node in pairwise(nodes):
                    if flag.text in ("-c", "-ec", "-lc", "-euc", "-exc") and node.text:
                        first = node.line + (1 if "\n" in node.text else 0)
                        found.append(Script(node.file, node.text, first, "errexit" if "e" in flag.text else ""))
        for each in self.of_kind("ConfigMap"):
            for _, node in each.get("data").items():
                if re.match(r"#!\s*/\S*(?:/env\s+)?(?:ba|da)?sh\b", node.text):
                    found.append(Script(node.file, node.text, node.line + 1))
        return found

    @cached_property
    def paths(self) -> frozenset[PurePosixPath]:
        """Every file and folder that is there, from the root."""
        files = self.sources.keys() | self.others
        return frozenset(files | {parent for path in files for parent in path.parents})

    def read(self, path: PurePosixPath) -> Source | None:
        """A text file by its path from the root."""
        return self.sources.get(path)


def read_plan(root: Path) -> Plan:
    """The plan of a folder or of a single file. Raises InputError if there is neither."""
    folder, notes = with_charts_rendered(read_folder(root), root)
    plan = _plan(folder)
    plan.notes = notes
    return plan


def plan_of(files: Mapping[str, str | bytes]) -> Plan:
    """The plan of files in memory, by their paths."""
    contents = ((PurePosixPath(name), text.encode() if isinstance(text, str) else text) for name, text in files.items())
    return _plan(folder_of(contents))


def _plan(folder: Folder) -> Plan:
    plan = Plan(
        {source.path: source for source in folder.sources},
        problems=folder.problems,
        left_alone=folder.left_alone,
        others=folder.others,
    )
    documents: dict[str, list[Node]] = {}
    python: list[Source] = []
    env_files: dict[PurePosixPath, dict[str, str]] = {}
    for source in folder.sources:
        kind = kind_of_text(source)
        if kind == "python":
            python.append(source)
        elif kind == "env":
            env_files[source.path] = read_env_file(source.text)
        elif kind == "yaml":
            _read_documents(source, plan, documents)
        elif kind:
            plan.kinds[source.path] = kind
            _read_text(source, kind, plan)
    _fill(plan, documents, env_files)
    plan.application = read_application(python)
    plan.left_alone += len(folder.sources) - len(plan.kinds) - len(env_files)
    return plan


def _read_documents(source: Source, plan: Plan, documents: dict[str, list[Node]]) -> None:
    try:
        nodes = read_yaml(source.text, source.path)
    except Unreadable as error:
        plan.kinds[source.path] = "yaml"
        plan.problems.append(Problem(Place(source.path, error.line), f"is no YAML: {error.why}"))
        return
    for node in nodes:
        if kind := kind_of_document(node):
            plan.kinds[source.path] = kind
            documents.setdefault(kind, []).append(node)


def _read_text(source: Source, kind: str, plan: Plan) -> None:
    readers: dict[str, Callable[[], object]] = {
        "dockerfile": lambda: plan.dockerfiles.extend(filter(None, [read_dockerfile(source)])),
        "shell": lambda: plan.scripts.append(Script(source.path, source.text)),
        "logstash": lambda: plan.pipelines.append(read_pipeline(source)),
        "crontab": lambda: plan.timetables.extend(schedules.read_crontab(source)),
        "timer": lambda: plan.timetables.extend(schedules.read_timer(source, _units(plan))),
        "recovery": lambda: plan.recoveries.append(recovery.read_recovery(source)),
    }
    try:
        readers.get(kind, lambda: None)()
    except Unreadable as error:
        plan.problems.append(Problem(Place(source.path, error.line), f"is no {kind} file: {error.why}"))


def _fill(plan: Plan, documents: Mapping[str, list[Node]], env_files: Mapping[PurePosixPath, dict[str, str]]) -> None:
    plan.projects = projects_of({node.file: node for node in documents.get("compose", [])}, env_files)
    plan.kustomizations = [kustomize.Kustomization(node) for node in documents.get("kustomization", [])]
    given = kustomize.namespaces(plan.kustomizations)
    patches = {path for kustomization in plan.kustomizations for path in kustomization.patches}
    for node in documents.get("kubernetes", []):
        if node.file not in patches:
            plan.objects += kubernetes.objects_of(node, given.get(node.file, ""))
    plan.workflows = [Workflow(node) for node in documents.get("workflow", [])]
    plan.scrapers = [prometheus.PrometheusConfig(node) for node in documents.get("prometheus", [])]
    plan.rules = [rule for node in documents.get("alert-rules", []) for rule in prometheus.rules_of(node)]
    plan.alertmanagers = [prometheus.Alertmanager(node) for node in documents.get("alertmanager", [])]
    plan.filebeats = [shipping.Filebeat(node) for node in documents.get("filebeat", [])]


def _units(plan: Plan) -> dict[str, str]:
    sources = (source for source in plan.sources.values() if source.path.suffix == ".service")
    return {source.path.name: schedules.read_unit(source) for source in sources}


def _place(node: Node) -> Place:
    return Place(node.file, node.line)
