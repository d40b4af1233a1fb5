"""Bodies and answers of calendars, policies and proposals."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, StrictBool, StrictInt

from app.api.bodies import Sent
from app.api.instants import Instant
from app.db.states import ProposalState, RecalculationState, RuleKind
from app.rules.findings import Finding, Findings
from app.rules.impact import ClockMove
from app.rules.proposals import ProposalEntry
from app.rules.versions import Rule, Version

Day = Annotated[str, Field(json_schema_extra={"format": "date"}, max_length=10)]
Document = Annotated[str, Field(max_length=20_000, description="What it rests on: a decree, a circular, a link.")]
_WHY = "Why; on record in every history it moves."
Reason = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"\S", description=_WHY)]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True, description="A draft, by its number.")]
_RULES = "In the shape of the preview, with `exceptions: [{unit, days}]` for single units; later layers win."


class CalendarBody(Sent):
    """A version of a calendar; what is left out stays as it is in force."""

    rules: Annotated[dict[str, Any] | None, Field(description=_RULES)] = None
    effective_on: Annotated[Day | None, Field(description="Cycles that start earlier keep the former version.")] = None
    source_document: Document | None = None


class TargetBody(Sent):
    """The allowed time."""

    unit: str
    amount: StrictInt | None = None


class AppliesBody(Sent):
    """What a policy applies to; an empty list is anything."""

    connectors: list[str] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)
    units: list[str] = Field(default_factory=list)
    channels: list[str] = Field(default_factory=list)
    classifications: list[str] = Field(default_factory=list)
    cycles: list[StrictInt] = Field(default_factory=list)


class PolicyBody(Sent):
    """A version of a policy; what is left out stays as it is in force. `family` and `clock` are a new policy's."""

    family: Annotated[str | None, Field(max_length=40)] = None
    clock: Annotated[str | None, Field(max_length=20)] = None
    target: TargetBody | None = None
    calendar: Annotated[str | None, Field(max_length=60)] = None
    applies: AppliesBody | None = None
    honours: Annotated[list[str] | None, Field(description="Reasons whose pauses count.")] = None
    thresholds: Annotated[list[StrictInt] | None, Field(description="Percentages of the target that warn.")] = None
    repeat_s: StrictInt | None = None
    extension_cap_s: StrictInt | None = None
    max_extensions: StrictInt | None = None
    effective_on: Annotated[Day | None, Field(description="Cycles that start earlier keep the former version.")] = None
    basis: Annotated[str | None, Field(max_length=2_000)] = None
    confidence: Annotated[str | None, Field(max_length=3)] = None
    on_change: Annotated[str | None, Field(max_length=20)] = None
    source_document: Document | None = None


class CalendarProposalBody(CalendarBody):
    """A version that should come in force: the number of a draft, or the content itself."""

    reason: Reason
    version: VersionNumber | None = None


class PolicyProposalBody(PolicyBody):
    """A version that should come in force: the number of a draft, or the content itself."""

    reason: Reason
    version: VersionNumber | None = None


class ConfirmBody(Sent):
    """`confirm` says that the warnings have been read."""

    confirm: StrictBool = False


class RefusalBody(Sent):
    """Why a proposal is refused."""

    reason: Reason | None = None


class FindingAnswer(BaseModel):
    """One thing that is wrong or doubtful; `is_new` is one that the version in force does not have."""

    code: str
    field: str
    message: str
    is_new: bool

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls(**finding.to_json())


class FindingsAnswer(BaseModel):
    """What checking a version came to; publishing one with new warnings needs `confirm: true`."""

    valid: bool
    errors: list[FindingAnswer]
    warnings: list[FindingAnswer]

    @classmethod
    def of(cls, findings: Findings) -> Self:
        errors = [FindingAnswer.of(each) for each in findings.errors]
        return cls(valid=not errors, errors=errors, warnings=[FindingAnswer.of(each) for each in findings.warnings])


class VersionAnswer(BaseModel):
    """One version: `draft`, `in_force`, or `former`; `content` is in the shape in which it is sent."""

    version: int
    state: str
    content: dict[str, Any]
    created_by: str | None
    created_at: Instant | None
    published_by: str | None
    published_at: Instant | None

    @classmethod
    def of(cls, rule: Rule, version: Version) -> Self:
        return cls(
            version=version.number,
            state=_state(rule, version),
            content=version.content.to_json(),
            created_by=version.created_by,
            created_at=version.created_at,
            published_by=version.published_by,
            published_at=version.published_at,
        )


class RuleAnswer(BaseModel):
    """A calendar or a policy with its versions, newest first; a calendar has no family and no clock."""

    name: str
    family: str | None
    clock: str | None
    version_in_force: int | None
    versions: list[VersionAnswer]
    as_of: Instant

    @classmethod
    def of(cls, rule: Rule, as_of: Instant) -> Self:
        return cls(
            name=rule.name,
            family=rule.family,
            clock=rule.clock,
            version_in_force=rule.in_force.number if rule.in_force is not None else None,
            versions=[VersionAnswer.of(rule, version) for version in reversed(rule.versions)],
            as_of=as_of,
        )


class RulePage(BaseModel):
    """Calendars or policies by name."""

    items: list[RuleAnswer]
    next_cursor: str | None
    as_of: Instant


class UnitImpact(BaseModel):
    """What moves for the clocks of one unit; without code: of complaints that no unit has."""

    code: str | None
    name: str | None
    moved: int
    breaches_appearing: int
    breaches_vanishing: int


class PreviewAnswer(BaseModel):
    """What a version would move of the clocks that were open when it was proposed."""

    as_of: str
    complaints: int
    moved: int
    breaches_appearing: int
    breaches_vanishing: int
    units: list[UnitImpact]
    warnings: list[FindingAnswer]


class ProgressAnswer(BaseModel):
    """How far the clocks have followed; `total` and `visited` count complaints, `moved` clocks.

    Complaints that officers move meanwhile follow by themselves: they leave `total` at the end."""

    state: RecalculationState
    reverts: bool
    total: int | None
    visited: int
    moved: int
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


class ProposalAnswer(BaseModel):
    """A proposal as it stands, with its recalculations, newest first."""

    id: int
    kind: RuleKind
    name: str
    version: int
    former_version: int | None
    revert_version: int | None
    reason: str
    state: ProposalState
    preview: PreviewAnswer
    created_by: str
    created_at: Instant
    decided_by: str | None
    decided_at: Instant | None
    decision: str | None
    reverted_by: str | None
    reverted_at: Instant | None
    recalculations: list[ProgressAnswer]

    @classmethod
    def of(cls, entry: ProposalEntry) -> Self:
        return cls.model_validate(entry, from_attributes=True)


class ProposalPage(BaseModel):
    """Proposals, newest first."""

    items: list[ProposalAnswer]
    next_cursor: str | None
    as_of: Instant


class MoveAnswer(BaseModel):
    """One clock that would move; `breach` is `appears`, `vanishes` or nothing."""

    complaint_id: int
    ticket_code: str | None
    unit: str | None
    clock: str
    cycle: int
    family: str
    old_due_at: Instant | None
    new_due_at: Instant | None
    breach: str | None

    @classmethod
    def of(cls, move: ClockMove, unit: str | None) -> Self:
        return cls(
            complaint_id=move.complaint_id,
            ticket_code=move.ticket_code,
            unit=unit,
            clock=move.clock,
            cycle=move.cycle,
            family=move.family,
            old_due_at=move.old_due_at,
            new_due_at=move.new_due_at,
            breach={1: "appears", -1: "vanishes"}.get(move.breach),
        )


class MovePage(BaseModel):
    """The clocks that would move, by complaint; a page may be longer than asked, since it ends with a complaint."""

    items: list[MoveAnswer]
    next_cursor: str | None
    as_of: Instant


def _state(rule: Rule, version: Version) -> str:
    if version.published_at is None:
        return "draft"
    return "in_force" if version is rule.in_force else "former"
