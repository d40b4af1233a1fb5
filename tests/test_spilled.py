"""The watch over the run's log lines sees what it must."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests import spilled


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Path]:
    """The notes of a watch of this test's own, in the place of the run's."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    file = tmp_path / "spills.txt"
    spilled.watch(file)
    yield file
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize(
    "told",
    [
        "tgp_" + "a" * 43,
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzLTEifQ.c2lnbmF0dXJl",
        "081298765432",
        "+6281298765432",
        "3171014506900001",
        "Sekar Ayu",
    ],
)
def test_what_must_not_be_told_is_noted_wherever_it_stands(notes: Path, told: str) -> None:
    log = logging.getLogger("tests.spilled")
    log.error("from %s", told)
    log.error({"event": "request", "who": told})
    try:
        raise ValueError(f"cannot read {told}")
    except ValueError:
        log.exception("failed")
    assert len(notes.read_text().splitlines()) == 3 and told in notes.read_text()


def test_ordinary_lines_are_not(notes: Path) -> None:
    log = logging.getLogger("tests.spilled")
    log.error("pulled %s of %s at 2026-11-24T08:21:38.112Z in 99.96 ms", 3171, "2389ebe191034d339b0b168d0cf93a75")
    log.error({"route": "/api/v1/admin/tokens", "took_ms": 447.0, "request_id": "6235682912d84022ac29780bf5329e69"})
    structlog.get_logger().error("token is unknown")
    assert not notes.exists()
