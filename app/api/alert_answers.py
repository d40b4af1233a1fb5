"""How alerts, deliveries and webhooks look on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, Field

from app.alerts.ladder import Level
from app.alerts.reading import AlertView, AttemptView, DeliveryView
from app.alerts.webhooks import WebhookView
from app.api.bodies import Sent
from app.api.freshness import SourceFreshness
from app.api.instants import Instant
from app.db.states import AlertState, DeliveryState

Codes = Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=500)]


class ComplaintRef(BaseModel):
    """Which complaint an alert is about; its words are not told here."""

    id: int
    ticket_code: str | None


class UnitRef(BaseModel):
    """A unit by code."""

    code: str
    name: str


class DeliveryAnswer(BaseModel):
    """One message to one recipient; `id` is the `webhook-id` that it is sent under."""

    id: str
    channel: str
    recipient: str
    state: DeliveryState
    attempts: int
    next_attempt_at: Instant | None
    delivered_at: Instant | None

    @classmethod
    def of(cls, view: DeliveryView) -> Self:
        """The delivery as it stands."""
        return cls.model_validate(view, from_attributes=True)


class Attempt(BaseModel):
    """One try to deliver."""

    attempted_at: Instant
    answer: str
    took_ms: int


class DeliveryDetail(DeliveryAnswer):
    """A delivery with every attempt, in order."""

    tries: list[Attempt]

    @classmethod
    def of_tries(cls, view: DeliveryView, tries: Sequence[AttemptView]) -> Self:
        """The delivery and what was tried."""
        attempts = [Attempt.model_validate(each, from_attributes=True) for each in tries]
        return cls(**DeliveryAnswer.of(view).model_dump(), tries=attempts)


class AlertAnswer(BaseModel):
    """One step of one clock's ladder; `step` is the share of the target in percent, above 100 the nth reminder."""

    id: int
    complaint: ComplaintRef
    unit: UnitRef | None
    clock: str
    cycle: int
    rule: str
    step: int
    level: Level
    state: AlertState
    due_at: Instant
    fired_at: Instant
    raised_at: Instant
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    deliveries: list[DeliveryAnswer]

    @classmethod
    def of(cls, view: AlertView) -> Self:
        """The alert as it stands."""
        return cls.model_validate(view, from_attributes=True)


class WebhookBody(Sent):
    """A webhook to be; what is left out is not narrowed."""

    url: str = Field(max_length=2_000, examples=["https://example.org/tanggap"])
    events: list[str] = Field(
        default=["alert"],
        max_length=10,
        description="alert: steps of clocks and their corrections; digest: what is overdue and due today, each "
        "working morning; notice: word of this installation itself.",
    )
    units: Codes | None = Field(None, description="Codes of units, each with all below it; the caller's when left out.")
    levels: list[str] | None = Field(None, max_length=10, description="notice, warning, breach, repeat.")
    clocks: list[str] | None = Field(None, max_length=10, description="respond, resolve, coordinate, handle, ...")


class WebhookAnswer(BaseModel):
    """A webhook; `units` null is the whole tree and what is unrouted, `levels` and `clocks` null are all."""

    id: int
    url: str
    events: list[str]
    units: list[str] | None
    levels: list[str] | None
    clocks: list[str] | None
    created_at: Instant
    created_by: str
    failing_since: Instant | None = Field(description="The first failure since the last message that arrived.")
    off_at: Instant | None = Field(description="When nothing but failures switched it off; see .../enable.")

    @classmethod
    def of(cls, view: WebhookView) -> Self:
        """The webhook without its secret."""
        return cls.model_validate(view, from_attributes=True)


class WebhookSecret(WebhookAnswer):
    """A webhook with its secret, which is shown this once."""

    secret: str = Field(examples=["whsec_..."])

    @classmethod
    def with_secret(cls, view: WebhookView, secret: str) -> Self:
        """The webhook and what its messages are signed with."""
        return cls(**WebhookAnswer.of(view).model_dump(), secret=secret)


class TrialAnswer(BaseModel):
    """What a test call came to."""

    delivered: bool
    answer: str
    took_ms: int


class _Page(BaseModel):
    next_cursor: str | None
    as_of: Instant
    sources: list[SourceFreshness]


class AlertPage(_Page):
    """A page of alerts."""

    items: list[AlertAnswer]


class DeliveryPage(_Page):
    """The deliveries of one alert."""

    items: list[DeliveryDetail]


class WebhookPage(_Page):
    """All webhooks of the caller."""

    items: list[WebhookAnswer]
