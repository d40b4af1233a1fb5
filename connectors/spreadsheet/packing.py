"""Opening of files: plain, gzip or zip, in UTF-8, UTF-16 or the profile's encoding; as a stream, never whole."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from connectors.contract import SourceUnavailable, UnexpectedPayload

File = Path | bytes

DAMAGED = (EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What the standard library raises while it unpacks a damaged, cut off or encrypted file."""

_UNPACKED_LIMIT = 4 * 1024**3
_CHUNK = 1024 * 1024
_MARK = 4096


def fingerprint(file: File) -> str:
    """The SHA-256 of the file as it lies there, in hexadecimal.

    Raises: SourceUnavailable for a file that cannot be opened.
    """
    digest = hashlib.sha256()
    with opened(file) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def opened(file: File) -> Iterator[BinaryIO]:
    """The bytes of a file.

    Raises: SourceUnavailable for a file that cannot be opened; it may be there again the next time.
    """
    if isinstance(file, bytes):
        yield io.BytesIO(file)
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise SourceUnavailable(f"{file.name} cannot be opened: {error.strerror}") from error
    with stream:
        yield stream


@contextmanager
def opened_text(file: File, *, fallback: str | None) -> Iterator[TextIO]:
    """The text of a file, its line ends untouched; `fallback` is the encoding of one that is not UTF-8 or UTF-16.

    Raises: UnexpectedPayload for a file that is no text or is in no known encoding; SourceUnavailable for one that is
    damaged or cut off, as a file is that somebody is still writing.
    """
    encoding = _encoding(file, fallback)
    with opened(file) as stream, _unpacked(stream) as content, io.TextIOWrapper(content, encoding, newline="") as text:
        yield text


@contextmanager
def _unpacked(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The bytes inside a gzip, or a zip with one file; any other stream as it is."""
    magic = stream.read(4)
    stream.seek(0)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(stream) as content:
            yield cast(BinaryIO, content)
    elif magic[:2] == b"PK":
        with _zip(stream) as archive, archive.open(_only_member(archive)) as content:
            yield cast(BinaryIO, content)
    else:
        yield stream


def _zip(stream: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except zipfile.BadZipFile as error:
        raise SourceUnavailable("the zip file is damaged or cut off") from error


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise UnexpectedPayload(f"the zip file holds {len(members)} files; exactly one is expected")
    if members[0].flag_bits & 1:
        raise UnexpectedPayload("the zip file is encrypted; unpack it first")
    return members[0]


def _encoding(file: File, fallback: str | None) -> str:
    """The encoding of the whole file, decoded once to be sure: a wrong guess would show when half of it is stored."""
    try:
        with opened(file) as stream, _unpacked(stream) as content:
            marked = _marked(content.read(_MARK))
        fitting = (one for one in (marked, fallback) if one and _decodes(file, one))
        found = next(fitting, None)
    except DAMAGED as error:
        raise SourceUnavailable("the file is damaged or cut off") from error
    if found is None:
        raise UnexpectedPayload("the file is not UTF-8, nor in another encoding that its profile names")
    return found


def _decodes(file: File, encoding: str) -> bool:
    decoder, total = codecs.getincrementaldecoder(encoding)(), 0
    with opened(file) as stream, _unpacked(stream) as content:
        try:
            while chunk := content.read(_CHUNK):
                decoder.decode(chunk)
                total += len(chunk)
                if total > _UNPACKED_LIMIT:
                    raise UnexpectedPayload(f"the file unpacks to more than {_UNPACKED_LIMIT:,} bytes")
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return False
    return True


def _marked(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.count(0) * 10 > len(start) > 0:
        raise UnexpectedPayload("the file is not text")
    return "utf-8-sig"
