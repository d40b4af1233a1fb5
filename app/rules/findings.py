"""What checking a version comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or doubtful; `is_new` is one that the version in force does not have."""

    code: str
    field: str
    message: str
    is_new: bool = True

    def to_json(self) -> dict[str, object]:
        """The finding as it is shown."""
        return {"code": self.code, "field": self.field, "message": self.message, "is_new": self.is_new}


@dataclass(frozen=True, slots=True)
class Findings:
    """What checking a version came to."""

    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()

    @property
    def doubts(self) -> tuple[Finding, ...]:
        """The warnings that somebody must confirm before the version is published."""
        return tuple(warning for warning in self.warnings if warning.is_new)
