"""What a bounce monitor means for the hold on its domain (rule P4).

Called by the evaluation with the monitor's status locked: mails that leave a held domain are
counted and raise an alarm, and a domain that was released is held again when its rate rises.
"""

import datetime as dt

from django.db.models import Q

from incidents.enums import UNRESOLVED_STATUSES, ReleaseHow
from incidents.errors import WorkflowError
from incidents.models import Hold
from incidents.playbooks.alarming import note_sends
from incidents.playbooks.holds import place_again
from incidents.readings import Reading
from monitoring.domain_figures import read_rate_since, sent_since
from monitoring.enums import Kind
from monitoring.look import Look

#: A domain may need several test batches before one in fifty is no longer two percent.
TEST_BATCHES = 4


def follow_holds(look: Look) -> None:
    """One query where nothing of the domain is or was on hold."""
    domain_id = look.monitor.sending_domain_id
    if look.monitor.kind != Kind.BOUNCE_RATE or domain_id is None:
        return
    concerned = Q(released_at__isnull=True) | Q(incident__status__in=UNRESOLVED_STATUSES)
    rows = Hold.objects.filter(concerned, sending_domain=domain_id)
    holds = list(rows.select_related("incident", "sending_domain", "client").order_by("placed_at"))
    # Of several incidents that hold the domain the first one counts, and is told, once.
    standing = next((hold for hold in holds if hold.is_standing), None)
    if standing is not None:
        _count_sends(look, standing)
    elif holds:
        _watch_released(max(holds, key=lambda hold: (hold.released_at, hold.pk)), now=look.now)


def _count_sends(look: Look, hold: Hold) -> None:
    """More than a few test batches within the window is a campaign."""
    limits = look.limits
    allowed = TEST_BATCHES * max(limits.minimum_sample, 1)
    sent = sent_since(look.monitor, hold.placed_at, now=look.now)
    lately = sent_since(look.monitor, max(hold.placed_at, look.now - limits.window), now=look.now)
    note_sends(hold, sent=sent, lately=lately, allowed=allowed, now=look.now)


def _watch_released(hold: Hold, *, now: dt.datetime) -> None:
    """Judged since the release, and with the test batch that opened the gate.

    What an override left behind does not count again: it was decided upon.
    """
    domain = hold.sending_domain.name
    starts = [hold.released_at]
    if hold.released_how == ReleaseHow.GATE:
        starts.append(hold.placed_at)
    for since in filter(None, starts):
        reading = read_rate_since(domain, since, now=now)
        if reading.is_good is False:
            _hold_again(hold, reading, now=now)
            return


def _hold_again(hold: Hold, reading: Reading, *, now: dt.datetime) -> None:
    why = f"Its bounce rate is {reading.value}; {reading.threshold} is needed. {reading.detail}"
    try:
        place_again(hold, why=why, now=now)
    except WorkflowError:
        # Somebody resolved or cancelled the incident meanwhile.
        hold.refresh_from_db()
