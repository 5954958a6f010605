"""Which role may take which step, and who stands in for whom (rule A1)."""

import datetime as dt

from incidents.actors import Actor
from incidents.enums import ADMIN_GROUP, Role
from incidents.errors import NotAllowedError
from incidents.models import Responder
from incidents.transitions import Step

_DELIVERY = {
    Step.INVESTIGATE,
    Step.CONTAIN,
    Step.FIX,
    Step.WORKAROUND,
    Step.VERIFY,
    Step.RELAPSE,
}
_REVENUE = {
    Step.ACKNOWLEDGE,
    Step.DRAFT,
    Step.SEND,
    Step.TOLD,
    Step.HUBSPOT_NOTED,
    Step.RESOLVE,
}
_ORCHESTRATOR = {
    Step.TRIAGE,
    Step.ASSIGN,
    Step.SEVERITY,
    Step.DETECTED_AT,
    Step.CLIENTS,
    Step.REVIEW,
    Step.CLOSE,
    Step.CANCEL,
    Step.WAIVE,
}
_STAFF = {Step.OPEN, Step.WAIT, Step.ESCALATE, Step.PLAYBOOK, Step.STEP, Step.HOLD, Step.RELEASE}
_READERS = {Step.NOTE}

#: Whose step it is; the first role is the one a stand-in stands in for.
OWNING_ROLE: dict[Step, Role] = {
    **dict.fromkeys(_DELIVERY, Role.DELIVERY),
    **dict.fromkeys(_REVENUE, Role.REVENUE),
    **dict.fromkeys(_ORCHESTRATOR, Role.ORCHESTRATOR),
    Step.APPROVE: Role.FOUNDER,
}
STAFF_ROLES = (Role.ORCHESTRATOR, Role.DELIVERY, Role.REVENUE, Role.FOUNDER)
#: Delivery and revenue may do these while every orchestrator is away.
WHEN_ORCHESTRATOR_AWAY = {Step.TRIAGE}


def authorize(step: Step, *, by: Actor, now: dt.datetime) -> Actor:
    """The actor as which the step is taken, marked where it is a stand-in's.

    Raises NotAllowedError. Waivers, approvals and policies are never open to a stand-in.
    """
    if by.is_system:
        return by
    owning = OWNING_ROLE.get(step)
    if owning is None:
        allowed = STAFF_ROLES if step in _STAFF else (*STAFF_ROLES, Role.LEGAL, ADMIN_GROUP)
        if by.has_role(*allowed):
            return by
    elif by.has_role(owning, Role.FOUNDER) or _is_data_fix(step, by):
        return by
    elif owning in (Role.DELIVERY, Role.REVENUE) and by.has_role(Role.ORCHESTRATOR):
        return by.standing_in_for(owning)
    elif step in WHEN_ORCHESTRATOR_AWAY and by.has_role(Role.DELIVERY, Role.REVENUE):
        if not Responder.objects.filter(role=Role.ORCHESTRATOR).present(at=now).exists():
            return by.standing_in_for(Role.ORCHESTRATOR)
        raise NotAllowedError(
            f"{step.label} is the orchestrator's. You may stand in while the orchestrator is away."
        )
    raise NotAllowedError(f"{step.label} is for {_names(owning, step)}. Ask one of them to do it.")


def _is_data_fix(step: Step, by: Actor) -> bool:
    """A1: data fixes are the admin's too; C1 sends them through the same code."""
    return step == Step.DETECTED_AT and by.has_role(ADMIN_GROUP)


def may(step: Step, *, by: Actor, now: dt.datetime) -> bool:
    """Whether ``authorize`` would let the actor take the step."""
    try:
        authorize(step, by=by, now=now)
    except NotAllowedError:
        return False
    return True


def _names(owning: Role | None, step: Step) -> str:
    if owning is None:
        return "the roles of the SOP"
    roles = [owning, Role.ORCHESTRATOR] if owning in (Role.DELIVERY, Role.REVENUE) else [owning]
    roles = list(dict.fromkeys([*roles, Role.FOUNDER]))
    labels = [role.label.lower() for role in roles]
    return f"{', '.join(labels[:-1])} or {labels[-1]}" if len(labels) > 1 else labels[0]
