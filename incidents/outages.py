"""A channel that is at fault itself: the orchestrator hears of it by one that works (rule N1)."""

import datetime as dt

from django.urls import reverse

from incidents import staff
from incidents.enums import Role
from incidents.models import Responder
from notifications.diagnosis import diagnose
from notifications.enums import Channel, Urgency
from notifications.models import ChannelPause


def channel_paused(pause: ChannelPause, *, now: dt.datetime) -> None:
    """Called by the outbox once for each pause that is an alarm.

    Everybody sees it on every page; the orchestrator on duty is told by another channel, so one
    that cannot be reached otherwise is told by nothing.
    """
    person = Responder.objects.on_duty(Role.ORCHESTRATOR, at=now)
    if person is None:
        return
    paused = set(ChannelPause.objects.in_force(at=now).values_list("channel", flat=True))
    paused.add(pause.channel)
    way = next((one for one in staff.addresses_of(person) if one not in paused), None)
    if way is None:
        return
    telling = staff.Telling(
        responder=person,
        event=f"paused:{pause.channel}:{pause.since:%Y%m%dT%H%M%S}",
        subject=f"{Channel(pause.channel).label} is paused",
        lines=_lines(pause, person),
        urgency=Urgency.HIGH,
        link=staff.absolute(reverse("incidents:outbox")),
        channel=way,
    )
    staff.tell_many([telling], now=now)


def _lines(pause: ChannelPause, person: Responder) -> list[str]:
    label, since = Channel(pause.channel).label, staff.clock_time(pause.since, person)
    meaning = diagnose(channel=pause.channel, answer=pause.reason)
    lines = [f"{label} has not worked since {since}. Its messages wait; none is lost."]
    if meaning:
        lines.append(f"{meaning.words} {meaning.remedy}")
    return [*lines, f"The answer was: {pause.reason}"]
