"""Pipelines by their fields and conditions, in the order in which an event passes them."""

from __future__ import annotations

from seatrial.plan import plan_of
from seatrial.plan.log_fields import field_name, flows_of, reads, removes, sets
from seatrial.plan.log_stack import address_of, encrypted, secured, stack

FILTER = """
filter {
  grok { match => ["message", "%{IP:client_ip} %{WORD:[http][verb]}"] }
  if [log][level] in ["ERROR", 'FATAL'] and "late" not in [tags] {
    mutate { rename => { "client_ip" => "[source][ip]" } add_tag => ["error"] }
  }
  json { source => "message" }
}
"""


def flow():
    """A pipeline in two files."""
    return flows_of(plan_of({"p/20.conf": FILTER, "p/10.conf": "input { beats { port => 5044 } }"}))[0]


def test_files_of_a_folder_are_one_pipeline():
    """In the order of their names, inputs first."""
    assert [(plugin.section, plugin.name) for plugin in flow().plugins] == [
        ("input", "beats"), ("filter", "grok"), ("filter", "mutate"), ("filter", "json"),
    ]  # fmt: skip
    assert len(flows_of(plan_of({"p/a.conf": FILTER, "p/b.conf": FILTER, "p/pipelines.yml": ""}))) == 2


def test_filters_tell_what_they_do_to_fields():
    """Read, made, taken away; what may make anything says so."""
    grok, mutate, json = flow().of("filter")
    assert (list(reads(grok)), sets(grok)) == ([("message", "match")], {"client_ip", "[http][verb]"})
    assert (list(reads(mutate)), removes(mutate), sets(mutate)) == (
        [("client_ip", "rename")], {"client_ip"}, {"[source][ip]"},
    )  # fmt: skip
    assert sets(json) is None
    assert [field_name(text) for text in ("[a]", "a", "[ a ] [ b ]", "[a][b]")] == ["a", "a", "[a][b]", "[a][b]"]


def test_conditions_tell_what_they_ask_and_where():
    """Fields, values, tags, the line of the `if`."""
    condition = flow().conditions[0]
    assert condition.fields == ["[log][level]", "tags"]
    assert list(condition.told) == [("[log][level]", ["ERROR", "FATAL"])]
    assert (condition.tags, condition.place.line) == ([], 4)


STACK = """
services:
  es:
    image: docker.elastic.co/elasticsearch/elasticsearch:8.5.0
    environment: [%s]
"""


def test_security_of_elasticsearch_is_what_version_8_makes_of_it():
    """On, and with TLS, unless something is said."""
    told = {}
    for said in ("discovery.type=single-node", "xpack.security.enabled=true", "xpack.security.enabled=false"):
        service = stack(plan_of({"c.yml": STACK % said}), "elasticsearch")[0]
        told[said] = secured(service), encrypted(service)
    assert list(told.values()) == [(True, True), (True, False), (False, False)]


def test_addresses_in_all_their_forms():
    """With and without scheme, account and port; none where a variable tells."""
    found = [address_of(text) for text in ("es:9200", "https://u:p@es/")]
    assert [(each.scheme, each.host, each.port) for each in found] == [("", "es", 9200), ("https", "es", None)]
    assert address_of("${ES}") is None
