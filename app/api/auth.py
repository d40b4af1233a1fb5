"""Roles at the door: what a route demands of its caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends

from app.complaint.errors import Forbidden
from app.complaint.roles import Role
from app.dependencies import CallerDep
from app.people.callers import Caller, demand


def _demanding(role: Role) -> Callable[[Caller], Awaitable[Caller]]:
    async def demanded(caller: CallerDep) -> Caller:
        demand(caller, role)
        return caller

    return demanded


OfficerDep = Annotated[Caller, Depends(_demanding(Role.OFFICER))]
SupervisorDep = Annotated[Caller, Depends(_demanding(Role.SUPERVISOR))]
AdminDep = Annotated[Caller, Depends(_demanding(Role.ADMIN))]
"""A caller of at least that role; 401 when nobody has signed in, 403 when the role does not reach."""


async def _over_everything(caller: AdminDep) -> Caller:
    if not caller.scope.is_whole:
        raise Forbidden("this reaches every unit: it is for administrators of the whole tree")
    return caller


WholeAdminDep = Annotated[Caller, Depends(_over_everything)]
"""An administrator of the whole tree, for what reaches beyond any one unit."""
