"""Options of connectors: words from a command line or a row become a checked dataclass."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.contract import InvalidOption

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read_options(kind: type[T], given: Mapping[str, str]) -> T:
    """The options dataclass with the given words read as the types of its defaults (bool, int, float, str).

    Raises: InvalidOption for an unknown name, a word of the wrong type, and what the dataclass itself refuses.
    """
    known = {field.name: field for field in dataclasses.fields(kind)}
    for name in given:
        if name not in known:
            raise InvalidOption(name, f"is not an option; known are {', '.join(sorted(known)) or 'none'}")
    return kind(**{name: _read(name, word, known[name].default) for name, word in given.items()})


def read_rate(given: Mapping[str, str], default: float) -> float:
    """Requests a second, from the option `rate` that every connector over HTTP has.

    Raises: InvalidOption unless it is a number above 0 and at most 1,000.
    """
    rate = float(_read("rate", given["rate"], 0.0)) if "rate" in given else default
    if not 0 < rate <= 1000:
        raise InvalidOption("rate", "must be a number of requests a second above 0 and at most 1000")
    return rate


def check_base_url(url: str) -> str:
    """The URL without a trailing slash.

    Raises: InvalidOption unless it is http or https with a host, and without credentials, query or fragment.
    """
    try:
        parsed = urlsplit(url.strip())
        host, _ = parsed.hostname, parsed.port
    except ValueError as error:
        raise InvalidOption("url", "is not a URL") from error
    if parsed.scheme not in ("http", "https") or not host:
        raise InvalidOption("url", "must start with http:// or https:// and name a host")
    if "@" in parsed.netloc or parsed.query or parsed.fragment:
        raise InvalidOption("url", "must not carry credentials, a query or a fragment")
    return url.strip().rstrip("/")


def check_zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name.

    Raises: InvalidOption for an unknown one.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidOption("timezone", "is not a known time zone name such as Asia/Jakarta") from error


def check_choice(name: str, word: str, choices: Sequence[str]) -> None:
    """Nothing for one of the choices.

    Raises: InvalidOption for another word.
    """
    if word not in choices:
        raise InvalidOption(name, f"must be one of {', '.join(choices)}")


def check_range(name: str, value: int, *, low: int, high: int) -> None:
    """Nothing for a value from `low` to `high`.

    Raises: InvalidOption for another one.
    """
    if not low <= value <= high:
        raise InvalidOption(name, f"must be from {low} to {high}")


def _read(name: str, word: str, default: object) -> bool | int | float | str:
    if isinstance(default, bool):
        if word.strip().casefold() not in _TRUTH:
            raise InvalidOption(name, "must be yes or no")
        return _TRUTH[word.strip().casefold()]
    try:
        if isinstance(default, int):
            return int(word)
        if isinstance(default, float):
            number = float(word)
            if not math.isfinite(number):
                raise ValueError(word)
            return number
    except ValueError as error:
        raise InvalidOption(name, "must be a number") from error
    return word
