"""How spans and instants are said in Indonesian and English, exact to the second and without a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

_UNITS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "id": (("hari", "hari"), ("jam", "jam"), ("menit", "menit"), ("detik", "detik")),
    "en": (("day", "days"), ("hour", "hours"), ("minute", "minutes"), ("second", "seconds")),
}
_SIZES = (86_400, 3_600, 60, 1)
_WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "id": ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS: Mapping[str, tuple[str, ...]] = {
    "id": (
        "Januari", "Februari", "Maret", "April", "Mei", "Juni",
        "Juli", "Agustus", "September", "Oktober", "November", "Desember",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
_SHORT_MONTHS: Mapping[str, tuple[str, ...]] = {
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
_TIME_MARK: Mapping[str, str] = {"id": ".", "en": ":"}
_AT: Mapping[str, str] = {"id": " pukul ", "en": ", "}
_LAST: Mapping[str, str] = {"id": "dan", "en": "and"}


@dataclass(frozen=True, slots=True)
class Speech:
    """One of the languages of the catalogue, and the zone in which instants are read."""

    language: str
    zone: tzinfo = UTC

    def span(self, seconds: int, *, in_days: bool = False) -> str:
        """A span without its sign; `in_days` where a day is 24 hours, else hours are the largest unit.

        >>> Speech("en").span(93_785, in_days=True), Speech("id").span(93_785)
        ('1 day 2 hours 3 minutes 5 seconds', '26 jam 3 menit 5 detik')
        """
        left, parts = abs(seconds), []
        for size, names in list(zip(_SIZES, _UNITS[self.language], strict=True))[0 if in_days else 1 :]:
            count, left = divmod(left, size)
            if count:
                parts.append(f"{count} {names[count != 1]}")
        return " ".join(parts) or f"0 {_UNITS[self.language][2][1]}"

    def instant(self, at: datetime) -> str:
        """An instant as a sentence says it; seconds only where there are any.

        >>> from zoneinfo import ZoneInfo
        >>> Speech("id", ZoneInfo("Asia/Jakarta")).instant(datetime(2026, 3, 19, 2, 5, tzinfo=UTC))
        'Kamis, 19 Maret 2026 pukul 09.05 WIB'
        """
        local = at.astimezone(self.zone)
        return f"{self.weekday(local)}, {self.day(local)}{_AT[self.language]}{self.time(at)} {_zone(local)}"

    def moment(self, at: datetime) -> str:
        """The same for tables, short and without its zone: `19 Mar 2026 09.05`."""
        local = at.astimezone(self.zone)
        return f"{local.day:2} {_SHORT_MONTHS[self.language][local.month - 1]} {local.year} {self.time(at)}"

    def time(self, at: datetime) -> str:
        """The time of day; seconds only where there are any."""
        local = at.astimezone(self.zone)
        mark = _TIME_MARK[self.language]
        return local.strftime(f"%H{mark}%M{mark}%S" if local.second else f"%H{mark}%M")

    def day(self, on: date) -> str:
        """A date with its year."""
        return f"{on.day} {_MONTHS[self.language][on.month - 1]} {on.year}"

    def weekday(self, on: date) -> str:
        """The name of its weekday."""
        return _WEEKDAYS[self.language][on.weekday()]

    def days(self, first: date, last: date) -> str:
        """One date, or the span of two, with no more said twice than needed.

        >>> Speech("en").days(date(2026, 3, 18), date(2026, 3, 24))
        '18–24 March 2026'
        """
        if first == last:
            return self.day(first)
        months = _MONTHS[self.language]
        if first.year != last.year:
            return f"{self.day(first)} – {self.day(last)}"
        if first.month != last.month:
            return f"{first.day} {months[first.month - 1]} – {self.day(last)}"
        return f"{first.day}–{self.day(last)}"

    def all_of(self, parts: Sequence[str]) -> str:
        """A list in a sentence.

        >>> Speech("id").all_of(["Nyepi", "Idul Fitri", "Waisak"])
        'Nyepi, Idul Fitri dan Waisak'
        """
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {_LAST[self.language]} {parts[-1]}"


def _zone(local: datetime) -> str:
    """The zone by its name, by its offset where it has none."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local.isoformat()[-6:]}"
