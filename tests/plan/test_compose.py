"""Compose files as Compose sees them."""

from __future__ import annotations

from seatrial.plan import plan_of


def services(text, **others):
    plan = plan_of({"docker-compose.yml": text, **others})
    return {service.name: service for service in plan.services}


def test_short_and_long_forms_say_the_same():
    """Ports, volumes, environment, dependencies, commands and health checks."""
    short = services("""
services:
  a:
    image: b
    ports: ["8080:80", "127.0.0.1:53:53/udp"]
    volumes: ["data:/data", "./conf:/etc/conf:ro"]
    environment: ["A=1", "B=two words"]
    depends_on: [db]
    command: serve --port 80
  db: {image: c}
""")["a"]
    long = services("""
services:
  a:
    image: b
    ports:
      - {target: 80, published: "8080"}
      - {target: 53, published: 53, host_ip: 127.0.0.1, protocol: udp}
    volumes:
      - {type: volume, source: data, target: /data}
      - {type: bind, source: ./conf, target: /etc/conf, read_only: true}
    environment: {A: 1, B: two words}
    depends_on: {db: {condition: service_started}}
    command: [serve, --port, "80"]
  db: {image: c}
""")["a"]
    for one in (short, long):
        assert [(p.host, p.published, p.target, p.protocol) for p in one.ports] == [
            ("", 8080, 80, "tcp"), ("127.0.0.1", 53, 53, "udp"),
        ]  # fmt: skip
        assert [(m.kind, m.source, m.target, m.read_only) for m in one.mounts] == [
            ("volume", "data", "/data", False), ("bind", "./conf", "/etc/conf", True),
        ]  # fmt: skip
        assert one.values == {"A": "1", "B": "two words"}
        assert one.depends_on == {"db": "service_started"}
        assert one.command == ["serve", "--port", "80"]


def test_variables_come_from_the_env_file_beside_it():
    """With defaults, with messages, escaped, and unset."""
    one = services(
        "services: {a: {image: '${NAME:-x}:${TAG}', environment: {P: '${P:?no}', Q: '$$Q', R: '${R-${TAG}}'}}}",
        **{".env": "TAG='1.2' # pinned\nP=secret\n"},
    )["a"]
    assert one.image == "x:1.2"
    assert one.values == {"P": "secret", "Q": "$Q", "R": "1.2"}


def test_overrides_includes_and_extensions_are_one_project():
    """Mappings are merged, sequences put together, commands replaced."""
    found = services(
        "include: [db.yml]\nservices:\n  a: {extends: {file: base.yml, service: base}, ports: ['80:80'], command: x}\n",
        **{
            "db.yml": "services: {db: {image: postgres:14}}",
            "base.yml": "services: {base: {image: i, environment: {A: 1}, ports: ['81:81'], command: y}}",
            "docker-compose.override.yml": "services: {a: {environment: [B=2]}}",
        },
    )
    assert found["db"].image == "postgres:14"
    assert (found["a"].image, found["a"].values, found["a"].command) == ("i", {"A": "1", "B": "2"}, ["x"])
    assert [port.target for port in found["a"].ports] == [81, 80]


def test_a_healthcheck_in_all_its_forms():
    """CMD, CMD-SHELL, a text, NONE and disabled."""
    forms = {
        "a": "{test: [CMD, curl, x], interval: 1m30s, retries: 5}",
        "b": "{test: curl x}",
        "c": "{test: [NONE]}",
        "d": "{disable: true, test: x}",
    }
    text = "services:\n" + "".join(f"  {name}: {{image: i, healthcheck: {form}}}\n" for name, form in forms.items())
    found = {name: service.healthcheck for name, service in services(text).items()}
    assert (found["a"].words, found["a"].shell, found["a"].interval_s, found["a"].retries) == (
        ["curl", "x"],
        False,
        90.0,
        5,
    )
    assert (found["b"].words, found["b"].shell) == (["curl x"], True)
    assert found["c"].disabled
    assert found["d"].disabled
