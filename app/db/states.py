"""Closed sets of states and kinds that only rows have: of sources and what they bring, alerts, rules, doubles, jobs."""

from __future__ import annotations

from enum import StrEnum


class RejectState(StrEnum):
    """Whether a reject still waits for a mapping that can read it."""

    OPEN = "open"
    REPLAYED = "replayed"


class RunKind(StrEnum):
    """Why a source was read."""

    PULL = "pull"
    BACKFILL = "backfill"
    IMPORT = "import"
    REPLAY = "replay"
    PUSH = "push"


class RunState(StrEnum):
    """Where a run stands; `lost` is one whose worker died."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


class AlertState(StrEnum):
    """Where an alert stands over all its deliveries."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


class DeliveryState(StrEnum):
    """Where one delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


class DeliveryKind(StrEnum):
    """What a message is: a step of a clock, its correction, the list of a morning, or a word about the installation."""

    ALERT = "alert"
    CORRECTION = "correction"
    DIGEST = "digest"
    NOTICE = "notice"


class RuleKind(StrEnum):
    """What a proposal changes."""

    CALENDAR = "calendar"
    POLICY = "policy"


class ProposalState(StrEnum):
    """Where a proposal stands; `approved` waits for the worker that moves the clocks, `applying` has one."""

    DRAFT = "draft"
    APPROVED = "approved"
    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"
    REVERTED = "reverted"


class RecalculationState(StrEnum):
    """Where a recalculation stands; `replaced` is one that a revert made pointless."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REPLACED = "replaced"


class Relation(StrEnum):
    """How a later complaint belongs to an earlier one: the same event told twice, or the same trouble come back."""

    DUPLICATE = "duplicate"
    REPEAT = "repeat"


class SuggestionState(StrEnum):
    """Whether an officer has said what a probable double is."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class NoticeKind(StrEnum):
    """What about a source's data needs somebody: its shape, its words, or what it lists."""

    NEW_FIELD = "new_field"
    VANISHED_FIELD = "vanished_field"
    UNKNOWN_STATUS = "unknown_status"
    UNKNOWN_CATEGORY = "unknown_category"
    GAP = "gap"
    UNLISTED = "unlisted"


class JobState(StrEnum):
    """Where a backfill or an uploaded import stands; a `running` one whose worker died is taken over."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
