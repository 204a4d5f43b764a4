"""Secrets are masked in every shape in which a setting, a log line or an error can carry them."""

from __future__ import annotations

import pytest

from seatrial.masking import Masker


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://me:hunter22@db/x", "hunter22"),
        ("could not connect to redis://:hunter22@10.0.0.1:6379/0", "hunter22"),
        ("PGPASSWORD=hunter22 psql", "hunter22"),
        ('{"api_key": "hunter22"}', "hunter22"),
        ("token: hunter22", "hunter22"),
        ("MYSQL_PWD=hunter22 mysql", "hunter22"),
        ("REDISCLI_AUTH=hunter22", "hunter22"),
        ("GET /api?key=hunter22&x=1", "hunter22"),
        ("authorization: Basic dXNlcjpodW50ZXIyMg==", "dXNlcjpodW50ZXIyMg"),
        ('{"otp": "hunter22"}', "hunter22"),
    ],
)
def test_a_secret_is_masked_by_its_form(text, secret):
    """Passwords in URLs, and values of what is called a password, secret, token or key."""
    masked = Masker().text(text)
    assert secret not in masked
    assert "***" in masked


def test_a_secret_of_several_lines_or_words_is_masked_in_parts():
    """A key file that a program prints line by line, a token behind its scheme, a value in JSON."""
    masker = Masker()
    masker.add("-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----")
    masker.add("Bearer tok_literal_1234")
    masker.add('quo"ted\\value')
    said = masker.text('MIIEvQIBADAN | tok_literal_1234 | "quo\\"ted\\\\value"')
    assert said == '*** | *** | "***"'


def test_a_file_that_another_program_wrote_is_masked_in_place(tmp_path):
    """The log of a load, after its end."""
    masker, path = Masker(), tmp_path / "load.log"
    masker.add("correct-horse")
    path.write_text("GET /?x=correct-horse failed\n")
    masker.file(path)
    assert path.read_text() == "GET /?x=*** failed\n"


def test_a_secret_that_was_learnt_is_masked_wherever_it_stands():
    """Also percent-encoded, and inside other words."""
    masker = Masker()
    masker.learn({"env": {"DB_PASSWORD": "p@ss/word"}, "url": "postgresql://me:s3cr3t@db/x"})
    masked = masker.text("x p@ss/word y p%40ss%2Fword z prefix-s3cr3t-suffix")
    assert "p@ss" not in masked
    assert "p%40ss" not in masked
    assert "s3cr3t" not in masked


def test_a_tree_keeps_its_shape_and_its_harmless_values():
    """Numbers, names and lists stay; a value under a secret's name goes whole."""
    tree = {"name": "shop", "ports": [1, 2], "secret_key": "abc", "nested": {"token": "t0k3n-value", "p95_s": 1.0}}
    assert Masker().tree(tree) == {
        "name": "shop",
        "ports": [1, 2],
        "secret_key": "***",
        "nested": {"token": "***", "p95_s": 1.0},
    }


def test_ordinary_words_stay():
    """What is no secret is not masked: a report has to stay readable."""
    text = "the database was killed; 5 of 10 requests failed at http://127.0.0.1:8000/health"
    assert Masker().text(text) == text
