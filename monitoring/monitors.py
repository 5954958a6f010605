"""Adding, changing and pausing monitors, and planned work on them (rules K1, K6, A1, A2)."""

import datetime as dt

from django.db import transaction

from incidents.actors import Actor
from incidents.enums import ADMIN_GROUP, Role
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.records import check_fresh, free_slug
from monitoring.enums import State
from monitoring.models import MaintenanceWindow, Monitor, MonitorStatus

EDITORS = (Role.ORCHESTRATOR, Role.DELIVERY, Role.FOUNDER, ADMIN_GROUP)
#: Who hands out tokens to machines (rule A3).
TOKEN_KEEPERS = (Role.FOUNDER, ADMIN_GROUP)
#: Pages that live beside the monitors: /monitors/tokens/.
RESERVED = ("new", "tokens", "maintenance")
#: Longer work is a pause.
LONGEST_MAINTENANCE = dt.timedelta(days=31)


def may_edit(*, by: Actor) -> bool:
    return by.has_role(*EDITORS)


def check_editor(*, by: Actor) -> None:
    """Raises NotAllowedError, naming who may."""
    if not may_edit(by=by):
        raise NotAllowedError(
            "Monitors are changed by orchestrator, delivery, founder or an administrator. "
            "Ask one of them."
        )


def may_manage_tokens(*, by: Actor) -> bool:
    return by.has_role(*TOKEN_KEEPERS)


def check_token_keeper(*, by: Actor) -> None:
    """Raises NotAllowedError, naming who may."""
    if not may_manage_tokens(by=by):
        raise NotAllowedError(
            "Tokens are made and revoked by the founder or an administrator. Ask one of them."
        )


def add_monitor(monitor: Monitor, *, now: dt.datetime) -> Monitor:
    """Save a new monitor together with its status; it is judged at the next look."""
    with transaction.atomic():
        monitor.created_at = now
        monitor.save()
        MonitorStatus.objects.create(monitor=monitor, state=State.NEW, since=now)
    return monitor


def save_monitor(
    monitor: Monitor, *, by: Actor, now: dt.datetime, version: int | None = None
) -> Monitor:
    """Write a new or a changed monitor; it is judged by the new limits at the next look.

    A new one gets its short name, by which scripts post, from its name unless it has one.
    Raises NotAllowedError, and ConflictError for a form that is too old.
    """
    check_editor(by=by)
    with transaction.atomic():
        check_fresh(monitor, version)
        if monitor.pk is None:
            monitor.slug = free_slug(Monitor, monitor.slug or monitor.name, reserved=RESERVED)
            return add_monitor(monitor, now=now)
        monitor.save()
        _look_again(monitor)
    return monitor


def pause_monitor(monitor: Monitor, *, by: Actor, now: dt.datetime) -> Monitor:
    """Stop judging: what comes in is kept, no incident is opened, no checklist counts it.

    Raises NotAllowedError, and ConflictError where it is paused already.
    """
    return _switch(monitor, is_active=False, by=by)


def resume_monitor(monitor: Monitor, *, by: Actor, now: dt.datetime) -> Monitor:
    """Judge again from now on, as if new: what was due during the pause is not held against it.

    Raises NotAllowedError, and ConflictError where it is not paused.
    """
    with transaction.atomic():
        _switch(monitor, is_active=True, by=by)
        MonitorStatus.objects.filter(monitor=monitor).update(
            state=State.NEW,
            since=now,
            due_at=None,
            check_at=None,
            probe_at=None,
            failures_in_row=0,
            successes_in_row=0,
        )
    return monitor


def plan_maintenance(window: MaintenanceWindow, *, by: Actor) -> MaintenanceWindow:
    """Announce work: until it ends nothing is opened, everything is recorded (rule K6).

    Raises NotAllowedError, and WorkflowError for a window that is empty or too long.
    """
    check_editor(by=by)
    if window.ends_at <= window.starts_at:
        raise WorkflowError("It ends before it begins.")
    if window.ends_at - window.starts_at > LONGEST_MAINTENANCE:
        raise WorkflowError("Maintenance takes no more than 31 days. Pause the monitor instead.")
    window.created_by = by.name
    with transaction.atomic():
        window.save()
        _look_again(window.monitor)
    return window


def end_maintenance(window: MaintenanceWindow, *, by: Actor, now: dt.datetime) -> None:
    """End running work now; take planned work back altogether.

    Raises NotAllowedError, and ConflictError where it is over already.
    """
    check_editor(by=by)
    with transaction.atomic():
        stored = MaintenanceWindow.objects.select_for_update().filter(pk=window.pk).first()
        if stored is None or stored.ends_at <= now:
            raise ConflictError("This maintenance is over already.")
        if stored.starts_at >= now:
            stored.delete()
        else:
            stored.ends_at = now
            stored.save(update_fields=["ends_at"])
        _look_again(stored.monitor)


def _switch(monitor: Monitor, *, is_active: bool, by: Actor) -> Monitor:
    check_editor(by=by)
    with transaction.atomic():
        stored = Monitor.objects.select_for_update().get(pk=monitor.pk)
        if stored.is_active == is_active:
            word = "is not paused" if is_active else "is paused already"
            raise ConflictError(f"{stored} {word}.")
        stored.is_active = is_active
        stored.save(update_fields=["is_active"])
    return stored


def _look_again(monitor: Monitor | None) -> None:
    """Have the evaluation look at a monitor (None: at every one) in its next cycle."""
    rows = MonitorStatus.objects.all()
    if monitor is not None:
        rows = rows.filter(monitor=monitor)
    rows.update(check_at=None)
