"""Pure readers of what sources write: text, instants, places and quoted ticket codes; none of them ever raises."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from connectors.contract import TimePrecision

LABEL_LIMIT = 300
TEXT_LIMIT = 100_000
URL_LIMIT = 2_000
MISSING_WORDS = frozenset({"", "null", "n/a", "-", "--", "unspecified"})

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?\s?(?:[zZ]|[+-]\d\d(?::?\d\d(?::\d\d)?)?)?)?"
)
_CODE = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2,4}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{4})(?![A-Za-z0-9])")
# Two patterns: looking for both in one would take three times as long.
_ODD_KEY_ENDS, _ODD_KEY_BEGINS = re.compile(r'\s"\s*:'), re.compile(r'[{,]\s*"\s')
_LONG_NUMBER = re.compile(r"[:\[,]\s*-?\d{19}")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BETWEEN_NUMBERS = re.compile(r"\s*[,;]\s*|\s+")
_MISSING_LENGTH = 30
_SHORT = 100


@dataclass(frozen=True, slots=True)
class Instant:
    """An aware time and how exactly it was stated."""

    at: datetime
    precision: TimePrecision


@dataclass(frozen=True, slots=True)
class Bounds:
    """The rectangle in which a source's coordinates must lie, in degrees."""

    south: float
    west: float
    north: float
    east: float

    def contain(self, *, lat: float, lng: float) -> bool:
        """Whether the point lies inside, edges included."""
        return self.south <= lat <= self.north and self.west <= lng <= self.east


WORLD = Bounds(-90.0, -180.0, 90.0, 180.0)
JAKARTA = Bounds(-6.3708 - 0.05, 106.3831 - 0.05, -5.1845 + 0.05, 106.9729 + 0.05)
"""The bounds of the province with the Thousand Islands and a margin of about five kilometres."""


def json_value(text: str) -> object:
    """The value of a JSON text: keys without white space around them, half characters replaced by U+FFFD, and whole
    numbers beyond 64 bits, which few can store, as text. Of a key that comes twice the last value counts.

    Raises: ValueError or RecursionError for anything else.

    >>> json_value('{"status ": "Menunggu"}')
    {'status': 'Menunggu'}
    """
    value = json.loads(
        text,
        strict=False,
        object_pairs_hook=_tidy if _ODD_KEY_ENDS.search(text) or _ODD_KEY_BEGINS.search(text) else None,
        parse_int=_storable_int if _LONG_NUMBER.search(text) else None,
    )
    return _without_surrogates(value) if _ESCAPED_SURROGATE.search(text) else value


def plain(value: object) -> str | None:
    """A scalar as text, a whole float without its `.0`; None for null, truth values, lists and objects.

    >>> plain(170339.0), plain("015"), plain(True)
    ('170339', '015', None)
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else None
    return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)


def verbatim(value: object, notices: list[str], *, what: str, limit: int = LABEL_LIMIT) -> str | None:
    """The source's own words with their case and spaces; None where there are none but a word for nothing.

    What no database stores (NUL, half characters) is taken out and what is over the limit cut off, each with a notice.
    """
    text = value if isinstance(value, str) else plain(value)
    if text is None or is_nothing(text):
        return None
    # What prints holds nothing of that kind, and asking so is ten times quicker.
    if not text.isprintable() and _UNSTORABLE.search(text):
        text = _UNSTORABLE.sub(lambda found: "" if found[0] == "\x00" else "\ufffd", text)
        notices.append(f"{what} held characters that cannot be stored")
    if len(text) > limit:
        text = text[:limit]
        notices.append(f"{what} was cut at {limit:,} characters")
    return text or None


def words(value: object, notices: list[str], *, what: str, limit: int = LABEL_LIMIT) -> str | None:
    """As `verbatim`, with HTML entities unescaped once and the ends stripped."""
    text = value if isinstance(value, str) else plain(value)
    if text is None:
        return None
    return verbatim((html.unescape(text) if "&" in text else text).strip(), notices, what=what, limit=limit)


def is_nothing(text: str) -> bool:
    """Whether a text is empty or only a word for nothing, such as `null` or `-`.

    >>> is_nothing(" N/A "), is_nothing("Nihil")
    (True, False)
    """
    return (len(text) < _MISSING_LENGTH and text.strip().casefold() in MISSING_WORDS) or not text.strip()


def identifier(value: object) -> str | None:
    """An id as text, never as a number; None where it is missing, unstorable or longer than 200 characters."""
    text = (plain(value) or "").strip()
    return None if is_nothing(text) or len(text) > 200 or _UNSTORABLE.search(text) else text


def ticket_code(value: object) -> str | None:
    """The value where it has the form of a ticket code (letters, YYMMDD, a daily number), else None.

    >>> ticket_code(" JK2501010042"), ticket_code("-")
    ('JK2501010042', None)
    """
    text = (plain(value) or "").strip().upper()
    return text if _CODE.fullmatch(text) else None


def quoted_codes(text: str, *, own: str | None) -> tuple[str, ...]:
    """The other ticket codes that a text names, each once, in order.

    >>> quoted_codes("Lanjutan JK2305290094, WA0812345678", own="JK2306010001")
    ('JK2305290094',)
    """
    return tuple(dict.fromkeys(code for code in _CODE.findall(text) if code != own))


def instant(value: object, *, zone: tzinfo) -> Instant | None:
    """An ISO 8601 time; one without offset is local to `zone`. None where it is missing, unreadable or absurd.

    >>> from datetime import timezone
    >>> instant("2025-01-01T03:12:00.000Z", zone=timezone.utc).at.isoformat()
    '2025-01-01T03:12:00+00:00'
    """
    text = value.strip() if isinstance(value, str) else ""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", "").replace(",", ".").upper())
    except ValueError:
        return None
    precision = TimePrecision.DAY if len(text) == 10 else TimePrecision.SECOND
    return dated(found, precision, zone=zone)


def formatted_instant(value: object, formats: Iterable[str], *, zone: tzinfo) -> Instant | None:
    """A time in the first of the `strptime` formats that fits, as exact as that format; None as for `instant`.

    >>> from datetime import timezone
    >>> formatted_instant("24/11/2026 08:15", ["%d/%m/%Y %H:%M"], zone=timezone.utc).at.isoformat()
    '2026-11-24T08:15:00+00:00'
    """
    text = value.strip() if isinstance(value, str) and len(value) <= _SHORT else ""
    for one in formats:
        try:
            found = datetime.strptime(text, one)  # noqa: DTZ007 - the zone follows, it is the source's
        except ValueError:
            continue
        return dated(found, precision_of(one), zone=zone)
    return None


def precision_of(time_format: str) -> TimePrecision:
    """How exactly a time written in a `strptime` format is stated.

    >>> precision_of("%m/%d/%y %H:%M").value
    'minute'
    """
    if "%S" in time_format:
        return TimePrecision.SECOND
    return TimePrecision.MINUTE if "%M" in time_format else TimePrecision.DAY


def dated(found: datetime, precision: TimePrecision, *, zone: tzinfo) -> Instant | None:
    """The instant of a parsed time, None for a sentinel such as the years 1, 1970 and 9999."""
    if not 1970 < found.year < 2200:
        return None
    return Instant(found if found.tzinfo else found.replace(tzinfo=zone), precision)


def end_of_day(day: date, *, zone: tzinfo) -> datetime:
    """The last second of a local day: what a date alone means as a deadline."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone)


def place(lat: object, lng: object, notices: list[str], *, bounds: Bounds) -> tuple[float | None, float | None]:
    """Coordinates inside the bounds, exchanged if only that fits, else none; both with a notice.

    >>> place("106.8451", "-6.2146", [], bounds=JAKARTA)
    (-6.2146, 106.8451)
    """
    found_lat, found_lng = _number(lat), _number(lng)
    if found_lat is None or found_lng is None or (found_lat == 0 and found_lng == 0):
        return None, None
    if bounds.contain(lat=found_lat, lng=found_lng):
        return found_lat, found_lng
    if bounds.contain(lat=found_lng, lng=found_lat):
        notices.append("latitude and longitude were exchanged")
        return found_lng, found_lat
    notices.append("coordinates outside the area were left out")
    return None, None


def point(value: object, notices: list[str], *, bounds: Bounds) -> tuple[float | None, float | None]:
    """As `place`, of both coordinates in one text.

    >>> point("-6.2146, 106.8451", [], bounds=JAKARTA)
    (-6.2146, 106.8451)
    """
    parts = _BETWEEN_NUMBERS.split(value.strip()) if isinstance(value, str) and len(value) <= _SHORT else []
    return place(parts[0], parts[1], notices, bounds=bounds) if len(parts) == 2 else (None, None)


def name_of(value: object) -> object:
    """The name inside an object like `{"name": ...}`; a bare value as it is."""
    return value.get("name") if isinstance(value, dict) else value


def is_yes(value: object) -> bool:
    """Whether a value says yes in one of the ways sources do: true, 1, "1", "true", "yes", "y", "ya"."""
    return value is True or (plain(value) or "").strip().casefold() in {"1", "true", "yes", "y", "ya"}


def web_address(value: object) -> str | None:
    """An http or https address as it is, whoever it leads to; None for anything else."""
    text = value.strip() if isinstance(value, str) else ""
    is_address = text.lower().startswith(("http://", "https://")) and len(text) <= URL_LIMIT
    return text if is_address and text.isprintable() and " " not in text else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _tidy(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {key.strip(): value for key, value in pairs}


def _storable_int(digits: str) -> int | str:
    return digits if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63 else int(digits)


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
