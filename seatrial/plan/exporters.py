"""What the exporters that everybody uses export: names of metrics with their types, labels and units."""

from __future__ import annotations

from functools import lru_cache

from seatrial.plan.exporter_series import Exporter, Series, histogram, series_of
from seatrial.plan.exporter_tables import (
    BY_PROMETHEUS,
    EXPORTERS,
    GONE,
    INSTRUMENTATOR,
    INSTRUMENTATOR_TOPS,
    OF_CLIENTS,
    OF_KUBELET,
)

__all__ = [
    "BY_PROMETHEUS", "EXPORTERS", "GONE", "INSTRUMENTATOR_TOPS", "OF_CLIENTS", "Exporter", "Series", "histogram",
    "instrumentator", "known", "owner",
]  # fmt: skip


@lru_cache(maxsize=1)
def known() -> dict[str, Series]:
    """Every metric of every exporter, by name, with those of Prometheus."""
    found = {series.name: series for exporter in EXPORTERS for series in exporter.series.values()}
    nothing: frozenset[str] = frozenset()
    found["up"] = Series("up", "gauge", nothing, nothing, "bool", "")
    return found


def owner(name: str) -> tuple[Exporter, ...]:
    """The exporters of which one exports a metric: by its name, or by a prefix that only they use."""
    exact = tuple(exporter for exporter in EXPORTERS if name in exporter.series)
    by_prefix = () if name in OF_KUBELET else tuple(e for e in EXPORTERS if e.prefixes and name.startswith(e.prefixes))
    if any(exporter.name.endswith("rabbitmq_prometheus") for exporter in (*exact, *by_prefix)):
        return tuple(exporter for exporter in EXPORTERS if "rabbitmq_" in exporter.name)
    return exact or by_prefix


@lru_cache(maxsize=1)
def instrumentator() -> dict[str, Series]:
    """What prometheus-fastapi-instrumentator exports where nothing else is asked for."""
    return series_of(INSTRUMENTATOR, "application")
