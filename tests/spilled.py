"""What must stand in no log line, and who looks: every record that anything logs during a run is read here."""

from __future__ import annotations

import logging
import os
import re
import traceback
from pathlib import Path
from typing import Any

SPILLS = "TEST_LOG_SPILLS"
"""Names the file in which the processes of one run note the lines that told too much."""

WORDS = (
    # What the tests' complainants and officers wrote, are called and know.
    "Saluran mampet di Gang Kenanga Selatan",
    "Lampu mati &",
    "Lampu jalan depan balai warga",
    "Kabel putus",
    "Pipa bocor",
    "Menutup 100% jalan",
    "Mobil parkir di trotoar",
    "Kami datang ke rumah",
    "Sekar Ayu",
    "Siti Contoh",
    "Ibu Sekar",
    "Rini K.",
    "mawar-melati-77",
    "kenanga-biru-91",
)
SHAPES = (
    r"tgp_[A-Za-z0-9_-]{20,}",
    r"\beyJ[\w-]{10,}\.[\w-]{10,}\.",
    r"(?<![\w.-])(?:\+62|62|0)8\d{8,11}(?!\w)",
    r"\b0812-\d{4}-\d{4}\b",
    r"(?<![\w.-])[1-9]\d{5}[0-7]\d[01]\d\d{6}(?![\w.-])",
)
"""Tokens of ours and of others, mobile numbers, NIK."""
_TELLS = re.compile("|".join([*map(re.escape, WORDS), *SHAPES]))


def find(line: str) -> str | None:
    """What a line tells that it must not.

    >>> find("pulled 31 records"), find("call 0812-0000-1234")
    (None, '0812-0000-1234')
    """
    found = _TELLS.search(line)
    return found[0] if found else None


def watch(file: Path) -> None:
    """From now on every record of this process is read when it is made, whatever becomes of it."""
    make = logging.getLogRecordFactory()

    def read_and_make(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        told = find(_whole(record))
        if told is not None:
            with file.open("a", encoding="utf-8") as spills:
                spills.write(f"{os.environ.get('PYTEST_CURRENT_TEST', '?')}: {record.name} tells {told!r}\n")
        return record

    logging.setLogRecordFactory(read_and_make)


def _whole(record: logging.LogRecord) -> str:
    """The line with its values and the error it carries; structlog's events are the message itself."""
    parts = [str(record.msg), str(record.args or "")]
    if record.exc_info and record.exc_info[1] is not None:
        parts += traceback.format_exception_only(record.exc_info[1])
    return " ".join(parts)
