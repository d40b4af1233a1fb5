"""Cursors: what they hold comes back, and nothing else does."""

from __future__ import annotations

import pytest

from app.api.paging import Cursors
from app.complaint.errors import InvalidInput

CURSORS = Cursors(b"a key of this installation")
PLACE = ["open", 1780365600000000, None, 42]


def test_a_cursor_gives_back_its_place() -> None:
    assert CURSORS.decode("queue", CURSORS.encode("queue", PLACE)) == PLACE


def test_without_a_cursor_there_is_no_place() -> None:
    assert CURSORS.decode("queue", None) is None


@pytest.mark.parametrize("cursor", ["", "x", "abc", "WyJvcGVuIl0", "*" * 30, "é", "A" * 2000])
def test_an_invented_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        CURSORS.decode("queue", cursor)
    assert refused.value.field == "cursor"


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidInput):
        CURSORS.decode("audit", CURSORS.encode("queue", PLACE))


def test_a_cursor_of_another_installation_is_refused() -> None:
    with pytest.raises(InvalidInput):
        CURSORS.decode("queue", Cursors(b"another key").encode("queue", PLACE))


def test_a_changed_cursor_is_refused() -> None:
    cursor = CURSORS.encode("queue", PLACE)
    for index in range(len(cursor) - 1):
        changed = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1 :]
        with pytest.raises(InvalidInput):
            CURSORS.decode("queue", changed)
