"""What the application's own code says: ports that it binds, metrics that it exports. Read, never imported."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.plan.endpoints import Counting, Endpoint, countings, endpoints
from seatrial.plan.files import Place

if TYPE_CHECKING:
    from seatrial.plan.files import Source

_TELLING = re.compile(r"prometheus|\bport\b|uvicorn|FastAPI|Flask|environ|getenv", re.IGNORECASE)
_KINDS = {
    "Counter": "counter",
    "Gauge": "gauge",
    "Histogram": "histogram",
    "Summary": "summary",
    "Info": "info",
    "Enum": "gauge",
}
MOST_BYTES = 200_000


@dataclass(frozen=True)
class Metric:
    """A metric that the code defines."""

    name: str  # as Prometheus sees its base: `http_requests_total`, `request_seconds`
    kind: str
    labels: tuple[str, ...]
    place: Place
    told: bool = True  # are its labels written where it is defined?
    top: float | None = None  # of a histogram: the bound of its last bucket but +Inf, where it is told

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its series."""
        if self.kind == "histogram":
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        if self.kind == "summary":
            return (f"{self.name}_sum", f"{self.name}_count", self.name)
        if self.kind == "counter":
            return (self.name if self.name.endswith("_total") else f"{self.name}_total",)
        return (f"{self.name}_info",) if self.kind == "info" else (self.name,)


@dataclass
class Application:
    """What was found in all code together."""

    metrics: list[Metric] = field(default_factory=list)
    instrumented: bool = False  # by a library that exports metrics of its own (http_request_duration_seconds and so on)
    ports: list[tuple[int, Place]] = field(default_factory=list)
    variables: dict[str, Place] = field(default_factory=dict)  # of the environment, that it reads
    demanded: dict[str, Place] = field(default_factory=dict)  # variables without which it ends: `os.environ["NAME"]`
    paths: dict[str, Place] = field(default_factory=dict)  # of its routes
    endpoints: list[Endpoint] = field(default_factory=list)
    countings: list[Counting] = field(default_factory=list)
    files: int = 0


def read_application(sources: list[Source]) -> Application:
    """Read the Python files of a folder; tests are left out."""
    found = Application()
    for source in sources:
        names = set(source.path.parts)
        if {"tests", "test"} & names or source.path.name.startswith("test_") or len(source.text) > MOST_BYTES:
            continue
        if _TELLING.search(source.text):
            _read(source, found)
    return found


def _read(source: Source, found: Application) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    found.files += 1
    found.instrumented |= (
        "Instrumentator" in source.text or "starlette_exporter" in source.text or "PrometheusMiddleware" in source.text
    )
    constants = {target.id: node.value for node in tree.body if isinstance(node, ast.Assign)
                 for target in node.targets if isinstance(target, ast.Name)}  # fmt: skip
    found.endpoints += endpoints(tree, source.path)
    metrics = {
        name
        for name, value in constants.items()
        if isinstance(value, ast.Call) and _dotted(value.func).rpartition(".")[2] in _KINDS
    }
    found.countings += countings(tree, source.path, metrics)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _call(node, source, found, constants)
        elif isinstance(node, ast.Subscript) and _dotted(node.value).endswith("environ"):
            _variable(node.slice, node, source, found)
            if isinstance(node.ctx, ast.Load) and (name := _text(node.slice)):
                found.demanded.setdefault(name, Place(source.path, node.lineno))


def _call(node: ast.Call, source: Source, found: Application, constants: dict[str, ast.expr]) -> None:
    name, place = _dotted(node.func), Place(source.path, node.lineno)
    last = name.rpartition(".")[2]
    first = _text(node.args[0]) if node.args else ""
    if last in _KINDS and first and re.fullmatch(r"[a-zA-Z_:][\w:]*", first):
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        prefix = "_".join(filter(None, (_text(keywords.get("namespace")), _text(keywords.get("subsystem")))))
        names = keywords.get("labelnames", node.args[2] if len(node.args) > 2 else None)
        names = constants.get(names.id, names) if isinstance(names, ast.Name) else names
        labels = tuple(_text(each) for each in names.elts) if isinstance(names, ast.List | ast.Tuple) else ()
        told = names is None or (isinstance(names, ast.List | ast.Tuple) and all(labels))
        found.metrics.append(
            Metric(
                f"{prefix}_{first}" if prefix else first,
                _KINDS[last],
                labels,
                place,
                told,
                _top(keywords.get("buckets")),
            )
        )
    elif last in ("getenv", "get") and (last == "getenv" or _dotted(node.func).endswith("environ.get")) and node.args:
        _variable(node.args[0], node, source, found)
    elif last in ("get", "post", "put", "delete", "patch", "route", "mount") and first.startswith("/"):
        found.paths.setdefault(first, place)
    elif name.endswith("uvicorn.run") or last in ("run", "start_http_server"):
        ports = [keyword.value for keyword in node.keywords if keyword.arg == "port"]
        ports += node.args[:1] if last == "start_http_server" else []
        found.ports += [
            (port.value, place) for port in ports if isinstance(port, ast.Constant) and isinstance(port.value, int)
        ]


def _top(buckets: ast.expr | None) -> float | None:
    """The greatest of the buckets that a histogram is given; prometheus_client's own end at 10."""
    if buckets is None:
        return 10.0
    if not isinstance(buckets, ast.List | ast.Tuple):
        return None
    bounds = [
        each.value for each in buckets.elts if isinstance(each, ast.Constant) and isinstance(each.value, int | float)
    ]
    others = [each for each in buckets.elts if not isinstance(each, ast.Constant)]
    infinite = all("inf" in ast.unparse(each).lower() for each in others)
    return float(max(bounds)) if bounds and infinite else None


def _variable(key: ast.expr, node: ast.AST, source: Source, found: Application) -> None:
    if name := _text(key):
        found.variables.setdefault(name, Place(source.path, getattr(node, "lineno", 1)))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
