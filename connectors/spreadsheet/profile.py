"""Mapping profiles: what the columns of one city's file mean, read from TOML and checked."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors import reading
from connectors.contract import InvalidOption, fold_word
from connectors.options import check_zone

PROFILES = Path(__file__).parent / "profiles"
CONNECTORS = ("spreadsheet", "lapor")
"""As what a file may come: the policies and status words of that connector hold for it."""
_OPEN = frozenset(
    {"received", "coordinating", "dispatched", "in_progress", "scheduled", "rework"}
    | {"awaiting_validation", "awaiting_complainant"}
)
CLOSED = frozenset({"resolved", "rejected", "withdrawn", "deleted"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what, by header; None or empty where the file does not tell.

    `text` columns are joined line by line; of `updated_at` the instant is kept, never used to close anything.
    """

    external_id: str
    reported_at: str
    status: str | None = None
    closed_at: str | None = None
    due_at: str | None = None
    updated_at: str | None = None
    category: str | None = None
    subject: str | None = None
    text: tuple[str, ...] = ()
    unit: str | None = None
    channel: str | None = None
    address: str | None = None
    lat: str | None = None
    lng: str | None = None
    anonymous: str | None = None
    confidential: str | None = None
    classification: str | None = None
    village: str | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which a file is not of this kind."""
        return tuple(name for name in (self.external_id, self.reported_at, self.status) if name)

    def named(self) -> tuple[str, ...]:
        """Every column that is used."""
        single = (getattr(self, one.name) for one in fields(self) if one.name != "text")
        return tuple(name for name in (*single, *self.text) if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How a file of one city is read.

    `times` are tried in order, never guessed; a format without hours states a day. In the columns of `midnight_is_day`
    midnight means that no time of day was given. `status_words`, `channels` and `classifications` are keyed by
    `fold_word`; `id_prefix` is written before some ids and not part of them.
    """

    name: str
    title: str
    zone: ZoneInfo
    channel: str
    columns: Columns
    times: tuple[str, ...]
    midnight_is_day: frozenset[str] = frozenset()
    opening_status: str | None = None
    status_words: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    classifications: Mapping[str, str] = field(default_factory=dict)
    connector: str = CONNECTORS[0]
    id_prefix: str = ""
    missing: frozenset[str] = reading.MISSING_WORDS
    unit_root: tuple[str, str] | None = None
    policy_families: tuple[str, ...] | None = None
    bounds: reading.Bounds = reading.WORLD
    delimiter: str | None = None
    encoding: str | None = None
    comment: str | None = None

    def status_of(self, word: str | None) -> str | None:
        """The canonical status of a source's word, None for an unknown one."""
        return None if word is None else self.status_words.get(fold_word(word))


def profile_names() -> tuple[str, ...]:
    """The profiles that come with the program."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


def load_profile(name: str) -> Profile:
    """The profile of that name, or the one in a `.toml` file of that path.

    Raises: InvalidOption for an unknown or faulty one.
    """
    path = Path(name) if name.endswith(".toml") else PROFILES / f"{name}.toml"
    if not name.endswith(".toml") and (not _NAME.fullmatch(name) or not path.is_file()):
        raise InvalidOption("profile", f"{name[:60]} is unknown; known are {', '.join(profile_names())}")
    try:
        return parse_profile(path.stem, tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise InvalidOption("profile", f"{path.name} cannot be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidOption("profile", f"{path.name} is not TOML: {error}") from error


def parse_profile(name: str, table: Mapping[str, Any]) -> Profile:
    """The profile that a TOML table describes.

    Raises: InvalidOption that says what is wrong, for an unknown key too.
    """
    try:
        return _parse(name, dict(table))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidOption("profile", f"{name} is faulty: {error}") from error


def checked_times(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats, each known to read what it writes and to name a whole day.

    Raises: InvalidOption for none or another one.
    """
    sample = datetime(2001, 2, 3, 4, 5, 6)  # noqa: DTZ001 - a sample to try formats with, no instant
    for one in formats:
        try:
            is_whole = datetime.strptime(sample.strftime(one), one).date() == sample.date()  # noqa: DTZ007 - as above
        except ValueError:
            is_whole = False
        if not is_whole:
            raise InvalidOption("time_format", f"{one[:60]} is not a format like %Y-%m-%d %H:%M:%S")
    if not formats:
        raise InvalidOption("time_format", "is missing")
    return tuple(formats)


def _parse(name: str, table: dict[str, Any]) -> Profile:
    if not _NAME.fullmatch(name):
        raise ValueError("its name must be lower-case letters, digits, - and _")
    columns = table.pop("columns")
    root, bounds = table.pop("unit_root", None), table.pop("bounds", None)
    families, missing = table.pop("policy_families", None), table.pop("missing", ())
    words, opening = _checked_words(table.pop("status_words", {})), table.pop("opening_status", None)
    if opening is not None and fold_word(opening) not in words:
        raise ValueError("its opening status is not among its status words")
    return Profile(
        name=name,
        title=str(table.pop("title", name)),
        zone=check_zone(table.pop("timezone")),
        channel=str(table.pop("channel", name)),
        columns=_checked_columns(columns),
        times=checked_times(table.pop("times")),
        midnight_is_day=frozenset(table.pop("midnight_is_day", ())),
        opening_status=opening,
        status_words=words,
        channels=_folded(table.pop("channels", {})),
        classifications=_folded(table.pop("classifications", {})),
        connector=_checked_connector(table.pop("connector", CONNECTORS[0])),
        id_prefix=str(table.pop("id_prefix", "")),
        missing=reading.MISSING_WORDS | {str(word).strip().casefold() for word in missing},
        unit_root=(str(root["code"]), str(root["name"])) if root else None,
        policy_families=tuple(map(str, families)) if families is not None else None,
        bounds=reading.Bounds(*map(float, bounds)) if bounds else reading.WORLD,
        **_checked_layout(table),
    )


def _folded(words: Mapping[str, Any]) -> dict[str, str]:
    return {fold_word(word): str(meaning) for word, meaning in words.items()}


def _checked_connector(name: str) -> str:
    if name not in CONNECTORS:
        raise ValueError(f"its connector is none of {', '.join(CONNECTORS)}")
    return name


def _checked_columns(columns: Mapping[str, Any]) -> Columns:
    found = Columns(**{**columns, "text": tuple(columns.get("text", ()))})
    if not all(isinstance(name, str) for name in found.named()):
        raise ValueError("a column is named by a text")
    return found


def _checked_layout(rest: Mapping[str, Any]) -> dict[str, str]:
    """What is left of the table: delimiter, encoding and comment, nothing else."""
    unknown = rest.keys() - {"delimiter", "encoding", "comment"}
    if unknown:
        raise ValueError(f"no such key: {', '.join(sorted(unknown))}")
    codecs.lookup(rest.get("encoding", "utf-8"))
    if "delimiter" in rest and len(rest["delimiter"]) != 1:
        raise ValueError("its delimiter is not one character")
    return {name: str(value) for name, value in rest.items()}


def _checked_words(words: Mapping[str, str]) -> dict[str, str]:
    unknown = set(words.values()) - _OPEN - CLOSED
    if unknown:
        raise ValueError(f"no such status: {', '.join(sorted(unknown))}")
    return {fold_word(word): status for word, status in words.items()}
