"""Log lines: one shape for ours and the libraries', and no secret in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import stamina
import structlog

from app.logs import configure_logs


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """The set-up is the process's own: it is put back for the next test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_our_lines_and_a_librarys_have_one_shape() -> None:
    output = io.StringIO()
    configure_logs("INFO", "json", stream=output)
    structlog.get_logger("app.intake").info("pulled", source="crm", pulled=3)
    logging.getLogger("alembic").warning("old revision %s", "a1")
    ours, theirs = _lines(output)
    assert (ours["event"], ours["source"], ours["pulled"], ours["level"]) == ("pulled", "crm", 3, "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("old revision a1", "alembic", "warning")
    assert ours["timestamp"].endswith("Z") and theirs["timestamp"].endswith("Z")


def test_a_secret_is_hidden_whoever_logs_it() -> None:
    output = io.StringIO()
    configure_logs("INFO", "json", stream=output)
    structlog.get_logger().warning("refused", api_token="tgp_1", Authorization="Bearer x", source="jaki")
    assert _lines(output)[0] | {"api_token": "***", "Authorization": "***", "source": "jaki"} == _lines(output)[0]


def test_an_exception_stays_on_its_line() -> None:
    output = io.StringIO()
    configure_logs("INFO", "json", stream=output)
    try:
        raise ValueError("out of range")
    except ValueError:
        structlog.get_logger().exception("job failed", job="sweep")
    (line,) = _lines(output)
    assert line["job"] == "sweep" and "ValueError: out of range" in line["exception"]


def test_a_second_set_up_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logs("INFO", "console", stream=first)
    configure_logs("WARNING", "console", stream=second)
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud", source="crm")
    assert first.getvalue() == ""
    assert "loud" in second.getvalue() and "source=crm" in second.getvalue() and "quiet" not in second.getvalue()


def test_chatty_libraries_speak_up_only_when_all_is_wanted() -> None:
    output = io.StringIO()
    configure_logs("INFO", "json", stream=output)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.org")
    configure_logs("DEBUG", "json", stream=output)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.org")
    assert len(_lines(output)) == 1


def test_the_attempts_at_a_source_are_told_only_when_all_is_wanted() -> None:
    output = io.StringIO()
    for level, expected in (("INFO", 0), ("DEBUG", 1)):
        configure_logs(level, "json", stream=output)  # type: ignore[arg-type]
        for attempt in stamina.retry_context(on=ValueError, attempts=2, wait_initial=0, wait_jitter=0):
            with attempt:
                if attempt.num == 1:
                    raise ValueError("not yet")
        assert len(_lines(output)) == expected
