"""Where variables of Compose services lead, and what listens there."""

from __future__ import annotations

from seatrial.plan import plan_of
from seatrial.plan.binds import bound_in
from seatrial.plan.compose_links import behind, is_local, links, unknown_host

TEXT = """
services:
  shop:
    image: example/shop:1
    networks: [a]
    env_file: [shop.env]
    command: [serve, "--cache=redis://cache:6380/0"]
    environment:
      - DATABASE_URL=postgresql+asyncpg://me:${PASSWORD:?}@db/charts?ssl=x
      - SEARCH=["http://search:9200","http://other:9200"]
      - MAIL_HOST=mail
      - REDIS_HOST=localhost
      - REDIS_PORT=6381
      - CLUSTER=mongodb+srv://cluster.example.com/x
  db: {image: "postgres:14", networks: {a: {aliases: [database]}}}
  cache: {image: "redis:7", command: redis-server --port 6380}
  built: {build: ., command: uvicorn main:app --port 9000}
  plain: {build: .}
networks: {a: }
"""


def found():
    image = 'FROM python:3.11\nCMD ["uvicorn", "main:app", "--port", "8000"]\n'
    files = {"docker-compose.yml": TEXT, "shop.env": "BROKER_URL=amqp://queue//\n", "Dockerfile": image}
    plan = plan_of(files)
    return plan, {(link.variable, link.host): link for link in links(plan)}


def test_links_are_read_from_variables_env_files_and_commands():
    """URLs alone and in lists, HOST with its PORT; what is no host of a network is left out."""
    _, by_name = found()
    assert {key: link.port for key, link in by_name.items()} == {
        ("BROKER_URL", "queue"): 5672, ("DATABASE_URL", "db"): 5432, ("SEARCH", "search"): 9200,
        ("SEARCH", "other"): 9200, ("REDIS_HOST", "localhost"): 6381, ("its command", "cache"): 6380,
    }  # fmt: skip
    url = by_name["DATABASE_URL", "db"]
    assert (url.user, url.path, url.password) == ("me", "charts", "\ufffdPASSWORD\ufffd")


def test_hosts_are_services_aliases_or_unknown():
    """Its own address is neither."""
    _, by_name = found()
    assert [each.name for each in behind(by_name["DATABASE_URL", "db"])] == ["db"]
    assert unknown_host(by_name["SEARCH", "search"])
    assert not unknown_host(by_name["its command", "cache"])
    assert is_local(by_name["REDIS_HOST", "localhost"])
    assert not unknown_host(by_name["REDIS_HOST", "localhost"])


def test_what_listens_in_a_service():
    """By its own command, by its image's, by what is known of the image; nothing where nobody can tell."""
    plan, _ = found()
    bound = {service.name: bound_in(service, plan) for service in plan.services}
    assert bound == {"shop": set(), "db": {5432}, "cache": {6379, 6380}, "built": {9000}, "plain": {8000}}
