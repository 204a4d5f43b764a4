"""seatrial.toml: every mistake is one line with file, line, expected and found."""

from __future__ import annotations

import re

import pytest

from seatrial.bundled import reference_settings, template
from seatrial.errors import InputError
from seatrial.settings_file import load_settings

REFERENCE = reference_settings().read_text()


def load(tmp_path, text):
    path = tmp_path / "seatrial.toml"
    path.write_text(text)
    return load_settings(path)


def mistake(tmp_path, before, after):
    """The message for the reference settings with one thing wrong, and the line in which it is wrong."""
    assert before in REFERENCE
    line = REFERENCE[: REFERENCE.index(before)].count("\n") + 1
    with pytest.raises(InputError) as caught:
        load(tmp_path, REFERENCE.replace(before, after, 1))
    message = str(caught.value)
    assert "\n" not in message
    return message, line


@pytest.mark.parametrize(
    ("before", "after", "expected", "found"),
    [
        ("p95_s = 1.0", "p95 = 1.0", "a key that Seatrial knows", "the unknown key objectives.p95"),
        ("p95_s = 1.0", 'p95_s = "fast"', "objectives.p95_s to be a valid number", "'fast'"),
        ("rate_hz = 50", "rate_hz = 0", "greater than 0", "0"),
        ("rate_hz = 50", "rate_hz = nan", "finite", "nan"),
        ('kind = "redis"', 'kind = "memcached"', "'redis'", "'memcached'"),
        ('depends_on = ["database", "cache"]', 'depends_on = ["databse"]', "app, database, cache", "databse"),
        ("[targets.local.cache]", "[targets.local.queue]", "a component of [components]", "[targets.local.queue]"),
        ('url = "{app.url}"', 'url = "${NO_SUCH_VARIABLE}"', "the environment variable NO_SUCH_VARIABLE", "not set"),
        ('health = "/health"', 'health = "health"', "client.health", "'health'"),
        ('url = "{app.url}"', 'url = "ftp://x"', "an http or https URL", "another"),
        ('url = "{app.url}"', 'url = "{web.url}"', "a component of [components] (app, database, cache)", "{web}"),
        ('sql = "{database.url}"', 'sql = "{db.url}"', "a component of [components]", "{db}"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, before, after, expected, found):
    """File, line, expected and found, on one line."""
    message, line = mistake(tmp_path, before, after)
    assert message.startswith(f"{tmp_path / 'seatrial.toml'}:{line}: expected ")
    assert expected in message
    assert found in message


@pytest.mark.parametrize("header", ['"X Y" = "a"', '"X" = "a\\nb"', '"" = "a"'])
def test_a_header_that_http_does_not_know_is_refused(tmp_path, header):
    """After RFC 9110: said before anything is started, and its value is not shown."""
    with pytest.raises(InputError, match=r"headers.*a value that is not shown"):
        load(tmp_path, REFERENCE.replace("weight = 8", f"weight = 8, headers = {{ {header} }}"))


@pytest.mark.parametrize(("name", "masked"), [("DB_PW", True), ("MAGIC", True), ("DB_HOST", False), ("HOME", False)])
def test_what_the_environment_gives_is_a_secret_unless_its_name_says_otherwise(tmp_path, monkeypatch, name, masked):
    """A password may have any name; a host has not to be hidden."""
    monkeypatch.setenv(name, "some-value")
    settings = load(tmp_path, REFERENCE.replace('LOG_LEVEL = "INFO"', f'LOG_LEVEL = "${{{name}}}"'))
    assert ("some-value" in settings.secrets) is masked


def test_a_ledger_whose_entries_cannot_be_told_apart_is_refused(tmp_path):
    """A misspelt place in write or read would lose every entry, or find the wrong one."""
    for before, after, said in (
        ("{value}", "{vlaue}", "{value} in write"),
        ("notes/{id}", "notes/last", "{id} in read"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            load(tmp_path, REFERENCE.replace(before, after, 1))


def test_a_missing_key_is_named(tmp_path):
    """Without a name there is no run to report on."""
    with pytest.raises(InputError, match="expected the key name, found nothing"):
        load(tmp_path, REFERENCE.replace('name = "insitechart"', ""))


def test_what_is_not_toml_is_refused_with_its_line(tmp_path):
    """A torn file names the line at which it stops being TOML."""
    with pytest.raises(InputError, match=r"seatrial\.toml:3: expected TOML"):
        load(tmp_path, 'name = "x"\n\n[client\n')


def test_a_number_of_5000_digits_is_refused(tmp_path):
    """Python's own limit, without a traceback; its TOML parser does not say where."""
    with pytest.raises(InputError, match=r"seatrial\.toml: expected TOML, found .*5000 digits"):
        load(tmp_path, REFERENCE.replace("rate_hz = 50", f"rate_hz = {'9' * 5000}"))


def test_a_secret_from_the_environment_is_never_in_a_message(tmp_path, monkeypatch):
    """Even where the secret itself is the wrong value, it is not shown."""
    monkeypatch.setenv("DB_PASSWORD", "hunter2hunter2")
    with pytest.raises(InputError) as caught:
        load(tmp_path, REFERENCE.replace("rate_hz = 50", 'rate_hz = "${DB_PASSWORD}"'))
    assert "hunter2" not in str(caught.value)


def test_the_template_that_init_writes_is_valid(tmp_path):
    """`seatrial init` gives a file that `seatrial verify` accepts."""
    assert load(tmp_path, template()).name == "my-service"


def test_a_missing_file_is_one_line(tmp_path):
    """No traceback for a path that does not exist."""
    with pytest.raises(InputError, match=r"expected a readable seatrial\.toml, found No such file"):
        load_settings(tmp_path / "seatrial.toml")
