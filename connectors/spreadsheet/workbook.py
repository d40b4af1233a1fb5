"""Excel workbooks become rows of plain cells."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from connectors.contract import UnexpectedPayload

_UNPACKED_LIMIT = 512 * 1024**2
_CELL_LIMIT = 30_000_000
_CHUNK = 1024 * 1024
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_REFERENCE = re.compile(rb"""\sr=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_REFERENCE_LENGTH = 20
_ENCRYPTED_MESSAGE = "the workbook is encrypted; save it without a password first"


def is_workbook(stream: BinaryIO) -> bool:
    """Whether the content, whatever the file is called, is an Excel workbook; the stream is back at its start."""
    magic = stream.read(8)
    stream.seek(0)
    if magic == _OLE:
        return True
    if magic[:4] != b"PK\x03\x04" or not zipfile.is_zipfile(stream):
        stream.seek(0)
        return False
    with zipfile.ZipFile(stream) as archive:
        found = "xl/workbook.xml" in archive.namelist()
    stream.seek(0)
    return found


def workbook_sheets(stream: BinaryIO) -> Iterator[Iterator[list[object]]]:
    """The rows of each sheet. Numbers stay numbers, dates become ISO 8601 text, error cells are empty.

    A workbook is read whole by the library, so one that would fill the memory is refused first.

    Raises: UnexpectedPayload for one that is encrypted, damaged or too large.
    """
    try:
        _check_password(stream)
        _check_size(stream)
        workbook = CalamineWorkbook.from_filelike(stream)
        for name in workbook.sheet_names:
            yield ([_cell(value) for value in row] for row in workbook.get_sheet_by_name(name).iter_rows())
    except PasswordError as error:
        raise UnexpectedPayload(_ENCRYPTED_MESSAGE) from error
    except (CalamineError, zipfile.BadZipFile, OSError) as error:
        raise UnexpectedPayload("the workbook is damaged or not an Excel workbook") from error


def _cell(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else value


def _check_password(stream: BinaryIO) -> None:
    """Nothing for an open workbook; the library takes a new-style encrypted one for an unknown format."""
    is_old, rest = stream.read(len(_OLE)) == _OLE, b""
    while is_old and (chunk := stream.read(_CHUNK)):
        if _ENCRYPTED in rest + chunk:
            raise UnexpectedPayload(_ENCRYPTED_MESSAGE)
        rest = chunk[-len(_ENCRYPTED) :]
    stream.seek(0)


def _check_size(stream: BinaryIO) -> None:
    """Nothing for a workbook of reasonable size; two cells far apart are enough to make a sheet huge."""
    if not zipfile.is_zipfile(stream):
        stream.seek(0)
        return
    with zipfile.ZipFile(stream) as archive:
        if sum(one.file_size for one in archive.infolist()) > _UNPACKED_LIMIT:
            raise UnexpectedPayload(f"the workbook unpacks to more than {_UNPACKED_LIMIT:,} bytes")
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and _extent(archive, name) > _CELL_LIMIT:
                raise UnexpectedPayload(f"a sheet of the workbook spans more than {_CELL_LIMIT:,} cells")
    stream.seek(0)


def _extent(archive: zipfile.ZipFile, name: str) -> int:
    rows, columns, rest = 0, 0, b""
    with archive.open(name) as sheet:
        while chunk := sheet.read(_CHUNK):
            for letters, digits in _REFERENCE.findall(rest + chunk):
                rows, columns = max(rows, int(digits)), max(columns, _column(letters))
            rest = chunk[-_REFERENCE_LENGTH:]
    return rows * columns


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
