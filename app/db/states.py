"""Closed sets of states that only rows have: of rejects, runs, alerts, deliveries, proposals and recalculations."""

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
