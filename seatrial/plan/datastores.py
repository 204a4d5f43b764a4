"""What is known of the images of datastores: where they keep their data, and what they create at their first start."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Datastore:
    """A datastore, as its image makes it."""

    name: str
    data: str  # the data directory
    volume: str  # what the image declares with VOLUME: an own, empty volume unless exactly that path is mounted
    makes: str = ""  # prefix of the variables that name the user and the database it creates


_ELASTIC = "/usr/share/elasticsearch/data"
_BY_IMAGE = {
    "mysql": Datastore("mysql", "/var/lib/mysql", "/var/lib/mysql", "MYSQL"),
    "mariadb": Datastore("mariadb", "/var/lib/mysql", "/var/lib/mysql", "MYSQL"),
    "redis": Datastore("redis", "/data", "/data"),
    "valkey": Datastore("valkey", "/data", "/data"),
    "mongo": Datastore("mongo", "/data/db", "/data/db"),
    "rabbitmq": Datastore("rabbitmq", "/var/lib/rabbitmq", "/var/lib/rabbitmq"),
    "elasticsearch": Datastore("elasticsearch", _ELASTIC, ""),
    "opensearch": Datastore("opensearch", "/usr/share/opensearch/data", ""),
}
_POSTGRES = frozenset({"postgres", "postgis", "timescaledb", "pgvector"})


def repository(image: str) -> str:
    """An image without tag and digest."""
    bare = image.partition("@")[0]
    return bare[: bare.rindex(":")] if ":" in bare.rpartition("/")[2] else bare


def tag(image: str) -> str:
    """Its tag; empty if it has none."""
    last = image.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2]


def datastore_of(image: str) -> Datastore | None:
    """The datastore that an official image (or one made just like it) runs."""
    name = repository(image)
    short = name.rpartition("/")[2]
    if "bitnami" in name:
        return None
    if short in _POSTGRES:
        major = re.match(r"(?:pg)?(\d+)", tag(image))
        if major and int(major[1]) >= 18 and short == "postgres":
            return Datastore("postgres", f"/var/lib/postgresql/{major[1]}/docker", "/var/lib/postgresql", "POSTGRES")
        return Datastore("postgres", "/var/lib/postgresql/data", "/var/lib/postgresql/data", "POSTGRES")
    return _BY_IMAGE.get(short)
