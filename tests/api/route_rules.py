"""Who may ask what of every route: a route that is not here fails the walk, until somebody says who may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.complaint.roles import Role

API = "/api/v1"

ANYBODY = frozenset(Role)
WORKS = frozenset({Role.OFFICER, Role.SUPERVISOR, Role.ADMIN})
LEADS = frozenset({Role.SUPERVISOR, Role.ADMIN})
ADMIN = frozenset({Role.ADMIN})
HOOKS = frozenset({Role.SERVICE, Role.SUPERVISOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom a route lets in; `whole` are administrators of the whole tree alone, `is_open` needs no token at all."""

    roles: frozenset[Role]
    whole: bool = False
    is_open: bool = False
    body: Mapping[str, Any] | None = None
    """What to send so that the role is asked before anything else is wrong."""


def _rules(roles: frozenset[Role], lines: str, **rest: Any) -> Iterator[tuple[tuple[str, str], Rule]]:
    for line in lines.split("\n"):
        method, _, path = line.strip().partition(" ")
        if path:
            yield (method, path), Rule(roles, **rest)


_ANYBODY = """
    GET /moves
    GET /complaints
    GET /complaints/{ref}
    GET /complaints/{ref}/history
    GET /complaints/{ref}/clocks
    GET /complaints/{ref}/source-records
    GET /complaints/{ref}/clocks/{clock}/explain
    GET /complaints/{ref}/evidence
    GET /complaints/{ref}/evidence/{evidence_id}
    GET /complaints/{ref}/evidence/{evidence_id}/file
    GET /changes
    GET /changes/stream
    GET /views
    POST /views
    GET /views/{view_id}
    PUT /views/{view_id}
    DELETE /views/{view_id}
    GET /units
    GET /units/status
    GET /units/{code}
    GET /units/{code}/status
    GET /units/{code}/closes
    GET /units/{code}/closes/{month}
    GET /units/{code}/signals
    GET /units/{code}/outlook
    GET /overview
    POST /sla/preview
    GET /alerts
    GET /alerts/{alert_id}
    GET /alerts/{alert_id}/deliveries
    GET /alert-rules
    GET /alert-rules/{name}
    GET /sources
    GET /sources/{name}
    GET /me
"""
_WORKS = """
    POST /complaints
    POST /complaints/moves
    POST /alerts/{alert_id}/acknowledge
    GET /suggestions
    POST /suggestions/{suggestion_id}/confirm
    POST /suggestions/{suggestion_id}/refuse
"""
_LEADS = """
    GET /alert-mutes
    POST /alert-mutes
    POST /alert-mutes/{mute_id}/lift
    POST /alerts/{alert_id}/deliveries/{delivery_id}/replay
    GET /complaints/{ref}/evidence/{evidence_id}/original
    POST /sla/what-if
    POST /sources/{name}/pull
    GET /sources/{name}/rejects
    POST /sources/{name}/rejects/{reject_id}/replay
    POST /sources/{name}/rejects/replay
    POST /sources/{name}/backfill
    GET /sources/{name}/backfills
    GET /sources/{name}/backfills/{backfill_id}
    GET /sources/{name}/reconciliation
    POST /sources/{name}/reconcile
    GET /sources/{name}/notices
    POST /sources/{name}/notices/{notice_id}/close
"""
_HOOKS = """
    GET /webhooks
    POST /webhooks
    GET /webhooks/{webhook_id}
    DELETE /webhooks/{webhook_id}
    POST /webhooks/{webhook_id}/test
    POST /webhooks/{webhook_id}/rotate
    POST /webhooks/{webhook_id}/enable
"""
_ADMIN = """
    POST /sources/{name}/push-secret
    GET /admin/tokens
    POST /admin/tokens
    DELETE /admin/tokens/{token_id}
    GET /admin/officers
    POST /admin/officers
    GET /admin/officers/{officer_id}
    PATCH /admin/officers/{officer_id}
    POST /admin/officers/{officer_id}/unlock
    GET /admin/officers/{officer_id}/alert-settings
    PUT /admin/officers/{officer_id}/alert-settings
    GET /admin/officers/{officer_id}/leave
    POST /admin/officers/{officer_id}/leave
    DELETE /admin/officers/{officer_id}/leave/{leave_id}
    GET /admin/units
    POST /admin/units
    GET /admin/units/{code}
    PATCH /admin/units/{code}
    GET /admin/categories
    GET /admin/categories/{code}
    GET /admin/status-words
    GET /admin/proposals
    GET /admin/proposals/{proposal_id}
    GET /admin/proposals/{proposal_id}/clocks
    GET /admin/calendars
    GET /admin/calendars/{name}
    POST /admin/calendars/{name}/validate
    GET /admin/policies
    GET /admin/policies/{name}
    POST /admin/policies/{name}/validate
"""
_WHOLE = """
    POST /alert-rules
    PUT /alert-rules/{name}
    DELETE /alert-rules/{name}
    GET /deliveries/dead
    POST /deliveries/{delivery_id}/replay
    POST /imports
    GET /imports
    GET /imports/{import_id}
    GET /imports/{import_id}/rejects
    GET /admin/audit
    POST /admin/privacy/exports
    GET /admin/privacy/holds
    GET /admin/privacy/complaints/{ref}
    POST /admin/privacy/complaints/{ref}/restrict
    POST /admin/privacy/complaints/{ref}/unrestrict
    POST /admin/privacy/complaints/{ref}/hold
    POST /admin/privacy/complaints/{ref}/release
    POST /admin/privacy/complaints/{ref}/erase
    POST /admin/privacy/purge
    POST /admin/categories
    PATCH /admin/categories/{code}
    PUT /admin/status-words
    POST /admin/proposals/{proposal_id}/approve
    POST /admin/proposals/{proposal_id}/refuse
    POST /admin/proposals/{proposal_id}/revert
    POST /admin/calendars/{name}/versions
    POST /admin/calendars/{name}/versions/{number}/publish
    POST /admin/calendars/{name}/proposals
    POST /admin/policies/{name}/versions
    POST /admin/policies/{name}/versions/{number}/publish
    POST /admin/policies/{name}/proposals
"""

_MORE_THAN_A_ROLE = """
    POST /complaints/{ref}/evidence
    POST /complaints/{ref}/evidence/{evidence_id}/review
    GET /complaints/{ref}/identity
    PUT /me/password
    GET /me/alert-settings
    PUT /me/alert-settings
    GET /me/leave
    POST /me/leave
    DELETE /me/leave/{leave_id}
"""
"""Their answers hang on the form, a reason or a password too: their own tests ask them in each role."""

RULES: Mapping[tuple[str, str], Rule] = {
    (method, API + path): rule
    for (method, path), rule in (
        *_rules(ANYBODY, _ANYBODY),
        *_rules(WORKS, _WORKS),
        *_rules(LEADS, _LEADS),
        *_rules(HOOKS, _HOOKS),
        *_rules(ADMIN, _ADMIN),
        *_rules(ADMIN, _WHOLE, whole=True),
        *_rules(WORKS, "POST /complaints/{ref}/moves", body={"move": "claim"}),
        *_rules(WORKS, "POST /complaints/{ref}/notes", body={"text": "Sudah ditelepon."}),
        *_rules(frozenset(), _MORE_THAN_A_ROLE),
        *_rules(frozenset(), "POST /intake/{source}", is_open=True),
    )
} | {
    ("GET", "/healthz"): Rule(ANYBODY, is_open=True),
    ("GET", "/readyz"): Rule(ANYBODY, is_open=True),
    ("GET", "/metrics"): Rule(ANYBODY),
}

HELD_BY_A_UNIT = frozenset(
    {"ref", "alert_id", "token_id", "officer_id", "webhook_id", "view_id", "code", "evidence_id", "mute_id"}
)
"""Parts of an address that name what belongs to a unit or to somebody in it; the others name what serves all."""
