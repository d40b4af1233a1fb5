"""The spreadsheet connector: one file, read by a profile, in batches."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from connectors.contract import (
    Batch,
    Client,
    IncomingComplaint,
    InvalidOption,
    Precedence,
    Raw,
    Reject,
    SourceTraits,
    Window,
)
from connectors.options import check_zone, read_options
from connectors.spreadsheet.mapping import to_complaint
from connectors.spreadsheet.packing import File, fingerprint
from connectors.spreadsheet.profile import Profile, checked_times, load_profile
from connectors.spreadsheet.reader import open_items

BATCH_ROWS = 500
_DELIMITERS = {"comma": ",", "tab": "\t", "\\t": "\t", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class SpreadsheetOptions:
    """Which profile reads the file, a delimiter where the file's own is not found by itself, and a time format
    (`%d/%m/%Y %H:%M:%S`) and time zone where the file's are others than the profile's.

    Raises: InvalidOption for a delimiter that is not one character (or `tab`, `comma`, `semicolon`, `pipe`).
    """

    profile: str = ""
    delimiter: str = ""
    time_format: str = ""
    timezone: str = ""

    def __post_init__(self) -> None:
        if self.timezone:
            check_zone(self.timezone)
        if (len(self.delimiter) > 1 and self.delimiter not in _DELIMITERS) or self.delimiter in ("\n", "\r", '"'):
            raise InvalidOption("delimiter", "must be one character, or tab, comma, semicolon or pipe")


@dataclass(slots=True)
class SpreadsheetConnector:
    """The rows of one file. Its numbers are no ticket codes of our city; its `pull` needs no client."""

    file: File
    profile: Profile
    delimiter: str | None = None
    name: str = field(init=False)
    carries_ticket_codes: bool = False
    precedence: Precedence = field(default_factory=Precedence)
    traits: SourceTraits = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.profile.connector
        self.traits = SourceTraits(
            unit_root=self.profile.unit_root,
            policy_families=self.profile.policy_families,
            status_words=self.profile.status_words,
            timezone=self.profile.zone.key,
        )

    async def pull(self, client: Client, cursor: str | None, window: Window) -> AsyncIterator[Batch]:
        """See `Connector.pull`; an interrupted import of the very same file goes on after its last batch. A file tells
        all that there was when it was written."""
        written_at = _written_at(self.file)
        held: Batch | None = None
        for batch in read_file(self.file, self.profile, delimiter=self.delimiter, cursor=cursor):
            if held is not None:
                yield held
            held = batch
        if held is not None:
            yield replace(held, complete_through=written_at and min(written_at, window.until))

    async def check(self, client: Client) -> str:
        """See `Connector.check`."""
        with open_items(self.file, self.profile, self.delimiter) as items:
            first = next(items, None)
        rows = "has no rows" if first is None else "can be read"
        return f"the file fits the profile {self.profile.name} ({self.profile.title}) and {rows}"

    def reread(self, raw: Raw) -> IncomingComplaint | Reject:
        """See `Rereading.reread`."""
        return to_complaint(raw, self.profile)


def open_file(file: File, profile: str | Profile, options: Mapping[str, str] | None = None) -> SpreadsheetConnector:
    """A connector for a file and a profile, by its name or as the path of a TOML file.

    Raises: InvalidOption.
    """
    chosen = profile if isinstance(profile, Profile) else load_profile(profile)
    given = read_options(SpreadsheetOptions, options or {})
    if given.time_format:
        chosen = replace(chosen, times=checked_times([given.time_format]))
    if given.timezone:
        chosen = replace(chosen, zone=check_zone(given.timezone))
    return SpreadsheetConnector(file, chosen, _DELIMITERS.get(given.delimiter, given.delimiter) or None)


def build(*, url: str, token: str | None, options: Mapping[str, str]) -> SpreadsheetConnector:
    """A connector for the file at a path or `file://` URL; the option `profile` is required.

    Raises: InvalidOption.
    """
    if not options.get("profile"):
        raise InvalidOption("profile", "is missing: it says how the file is read")
    path = url.removeprefix("file://")
    if not path or "://" in path:
        raise InvalidOption("url", "must be the path of a file")
    return open_file(Path(path), options["profile"], options)


def read_file(
    file: File, profile: Profile, *, delimiter: str | None = None, cursor: str | None = None
) -> Iterator[Batch]:
    """The rows of a file in batches, in their order; at least one batch, which may be empty.

    `cursor` is that of a batch: where it belongs to this very file, the rows before it are passed over. The cursor of
    the last batch starts again at the top.

    Raises: UnexpectedPayload, SourceUnavailable.
    """
    digest = fingerprint(file)
    done = _rows_done(cursor, digest)
    with open_items(file, profile, delimiter) as items:
        rows = islice(items, done, None)
        chunk = list(islice(rows, BATCH_ROWS))
        while True:
            following = list(islice(rows, BATCH_ROWS))
            done += len(chunk)
            yield _batch(chunk, profile, _cursor(digest, done if following else 0))
            if not following:
                return
            chunk = following


def _written_at(file: File) -> datetime | None:
    """When a file was last written; None for content without one, and for a file that is not there."""
    try:
        return None if isinstance(file, bytes) else datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return None


def _batch(items: list[Mapping[str, object] | Reject], profile: Profile, cursor: str) -> Batch:
    mapped = [item if isinstance(item, Reject) else to_complaint(item, profile) for item in items]
    complaints = tuple(one for one in mapped if isinstance(one, IncomingComplaint))
    return Batch(complaints, tuple(one for one in mapped if isinstance(one, Reject)), cursor)


def _cursor(digest: str, rows: int) -> str:
    return json.dumps({"file": digest, "rows": rows}, separators=(",", ":"))


def _rows_done(cursor: str | None, digest: str) -> int:
    try:
        stored = json.loads(cursor or "{}")
        return int(stored["rows"]) if stored["file"] == digest and int(stored["rows"]) > 0 else 0
    except (KeyError, TypeError, ValueError):
        return 0
