"""What callers may be: the roles, and which covers which."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The role of an officer or a token."""

    VIEWER = "viewer"
    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    SERVICE = "service"


_LADDER = (Role.VIEWER, Role.OFFICER, Role.SUPERVISOR, Role.ADMIN)


def covers(role: Role, needed: Role) -> bool:
    """Whether `role` may do what `needed` may; a service reads like a viewer and nothing above.

    >>> covers(Role.SUPERVISOR, Role.OFFICER), covers(Role.SERVICE, Role.OFFICER)
    (True, False)
    """
    if role is needed:
        return True
    held = Role.VIEWER if role is Role.SERVICE else role
    return needed in _LADDER and _LADDER.index(held) >= _LADDER.index(needed)
