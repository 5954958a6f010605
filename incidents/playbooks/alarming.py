"""The alarm of a hold: sends from a held domain, and a gate that locked again (rules P4, N1)."""

import datetime as dt

from django.db import transaction

from incidents import staff
from incidents.actors import SYSTEM
from incidents.enums import EntryKind, Owner, Role
from incidents.models import Hold, Incident, Responder
from incidents.taking import lock_incident
from incidents.timeline import record
from notifications.enums import Urgency


def note_sends(hold: Hold, *, sent: int, lately: int, allowed: int, now: dt.datetime) -> bool:
    """P4: count what left a held domain; more than a test batch is an alarm, told once.

    ``sent`` counts since the hold was placed, ``lately`` within the monitor's window. Returns
    whether the alarm was raised now.
    """
    if sent <= hold.sent_while_held and (lately <= allowed or hold.alarmed_at):
        return False
    with transaction.atomic():
        if hold.incident is not None:
            lock_incident(hold.incident, by=SYSTEM)
        rows = Hold.objects.standing().filter(pk=hold.pk)
        rows.filter(sent_while_held__lt=sent).update(sent_while_held=sent)
        if lately <= allowed:
            return False
        if not rows.filter(alarmed_at__isnull=True).update(alarmed_at=now):
            return False
        if hold.incident is not None:
            _raise(hold, hold.incident, sent=lately, allowed=allowed, now=now)
    return True


def tell_of_hold(
    incident: Incident, *, event: str, subject: str, lines: list[str], now: dt.datetime
) -> None:
    """The technical owner and the coordinator hear it, each once (N1)."""
    people = {}
    for owner, role in ((Owner.TECHNICAL, Role.DELIVERY), (Owner.COORDINATOR, Role.ORCHESTRATOR)):
        person = incident.owner(owner)
        if person is None or person.is_away(at=now):
            person = Responder.objects.on_duty(role, at=now)
        if person is not None:
            people[person.pk] = person
    for person in people.values():
        staff.tell(
            person,
            event=event,
            subject=f"{subject} ({incident.ref})",
            lines=[incident.title, *lines, staff.next_deadline_line(incident, person)],
            now=now,
            incident=incident,
            urgency=Urgency.HIGH,
        )


def _raise(hold: Hold, incident: Incident, *, sent: int, allowed: int, now: dt.datetime) -> None:
    text = (
        f"Alarm: {sent:,} mails left {hold.sending_domain} although it is on hold; "
        f"a test batch has at most {allowed:,}. Is a campaign active?"
    )
    data = {"domain": hold.sending_domain.name, "sent": sent, "allowed": allowed}
    record(incident, EntryKind.HOLD, text, by=SYSTEM, now=now, data=data, client=hold.client)
    tell_of_hold(
        incident,
        event=f"hold:{hold.pk}:sends",
        subject=f"Sends while on hold: {hold.sending_domain}",
        lines=[text],
        now=now,
    )
