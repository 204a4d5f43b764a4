"""URLs that are none: one line, and never a part of a password."""

from __future__ import annotations

import pytest

from seatrial.errors import InputError
from seatrial.probe.http1 import parse_url


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2secret#x@127.0.0.1:80",
        "http://user:hunter2secret/x@127.0.0.1:1",
        "http://user:#hunter2secret@127.0.0.1",
        "http://[hunter2secret",
    ],
)
def test_what_cannot_be_read_of_a_url_is_not_shown(url):
    """A # or a / in a password cuts the URL where nobody meant it."""
    with pytest.raises(InputError) as told:
        parse_url(url)
    assert "hunter2secret" not in str(told.value)


def test_a_url_with_a_query_is_one():
    """The honest neighbour."""
    assert parse_url("http://127.0.0.1:8000/a?b=c").path == "/a?b=c"
