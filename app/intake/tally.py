"""The tally of a run: every record ends in exactly one place."""

from __future__ import annotations

from dataclasses import dataclass, fields

from app.intake.merging import Verdict


@dataclass(slots=True)
class Tally:
    """How many records became what."""

    created: int = 0
    linked: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def pulled(self) -> int:
        """All of them."""
        return self.created + self.linked + self.updated + self.unchanged + self.rejected

    def count(self, verdict: Verdict) -> None:
        """Count one record's verdict."""
        name = _COLUMN[verdict]
        setattr(self, name, getattr(self, name) + 1)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def as_columns(self) -> dict[str, int]:
        """The columns of a run, `pulled` first."""
        return {"pulled": self.pulled, **{each.name: getattr(self, each.name) for each in fields(self)}}


_COLUMN = {
    Verdict.CREATE: "created",
    Verdict.LINK: "linked",
    Verdict.UPDATE: "updated",
    Verdict.SKIP: "unchanged",
}
