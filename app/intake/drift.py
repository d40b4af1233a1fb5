"""PURE: the shape of a source's records, and how what they show now differs from what they always showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.db.states import NoticeKind

ENOUGH_KNOWN = 20
"""Records that must have been seen before anything about their fields is news."""
ENOUGH_SEEN = 20
"""Records of one run without a field after which it is said to have vanished; a few may simply not have it."""

_ALWAYS = 0.95
_PATHS = 200
_PATH_LENGTH = 100
_FORGET_ABOVE = 20_000
_SAMPLE = 50


@dataclass(slots=True)
class Shape:
    """How many records were seen, and in how many of them each field was; `timeline[].status` is inside a list."""

    records: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, stored: object) -> Shape:
        """The shape that `to_json` gave; an empty one for nothing."""
        if not isinstance(stored, dict):
            return cls()
        return cls(int(stored["records"]), Counter({str(path): int(count) for path, count in stored["fields"].items()}))

    def to_json(self) -> dict[str, object]:
        """The shape as the source's row keeps it."""
        return {"records": self.records, "fields": dict(self.fields)}

    def observe(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Count the fields of some records; the first ones of a batch stand for all of it."""
        for _, record in zip(range(_SAMPLE), records, strict=False):
            self.records += 1
            self.fields.update(set(_paths(record)))

    def joined(self, other: Shape) -> Shape:
        """Both together; what is long ago counts less and less. Of too many fields the most frequent are kept."""
        records, fields = self.records + other.records, self.fields + other.fields
        if records > _FORGET_ABOVE:
            records //= 2
            fields = Counter({path: count // 2 for path, count in fields.items() if count > 1})
        return Shape(records, Counter(dict(fields.most_common(_PATHS))))


def differences(known: Shape, seen: Shape) -> list[tuple[NoticeKind, str]]:
    """What is news about the fields of the records `seen`, by what was `known` before.

    >>> known, seen = Shape(100, Counter(id=100, lat=60, title=100)), Shape(30, Counter(id=30, judul=30))
    >>> [(str(kind), path) for kind, path in differences(known, seen)]
    [('new_field', 'judul'), ('vanished_field', 'title')]
    """
    if known.records < ENOUGH_KNOWN:
        return []
    # What has many fields has them by chance, and then a further one is no news.
    new = sorted(seen.fields.keys() - known.fields.keys()) if len(known.fields) < _PATHS else []
    found = [(NoticeKind.NEW_FIELD, path) for path in new]
    if seen.records >= ENOUGH_SEEN:
        always = (path for path, count in known.fields.items() if count >= _ALWAYS * known.records)
        found += [(NoticeKind.VANISHED_FIELD, path) for path in sorted(always) if path not in seen.fields]
    return found


def _paths(record: Mapping[str, Any]) -> Iterator[str]:
    """The names of a record's fields, and those one level below."""
    for name, value in record.items():
        yield _path(name)
        inner, mark = (value[0], "[]") if isinstance(value, list) and value else (value, "")
        if isinstance(inner, dict):
            yield from (_path(f"{name}{mark}.{below}") for below in inner)


def _path(name: object) -> str:
    return str(name)[:_PATH_LENGTH].replace("\0", "")
