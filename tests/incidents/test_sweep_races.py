"""Four sweepers at once, as processes of their own: everything once, on both databases."""

import datetime as dt
import re

import pytest

from incidents.enums import DeadlineKind, EntryKind, EscalationCode, Owner
from incidents.models import Deadline, Escalation, EscalationNotice, Incident, SetAside
from incidents.models import TimelineEntry as Entry
from notifications.models import Message
from tests.factories import NOW, make_sop, make_team
from tests.incidents.due import make_due
from tests.racing import RACERS, race

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

DUE = 300
H = dt.timedelta(hours=1)

#: A few at a time, so that the racers meet often.
SWEEPER = """
import json, sys, django
from dataclasses import asdict
from datetime import datetime
django.setup()
from incidents.models import Deadline
from incidents.sweeping import sweep
now, written = datetime.fromisoformat(sys.argv[1]), []
print("ready", flush=True)
sys.stdin.readline()
while Deadline.objects.needing_attention(at=now).exists():
    written.append(asdict(sweep(now=now, limit=25)))
print(json.dumps(written))
"""


def sweep_together(*, now: dt.datetime) -> dict[str, int]:
    """Let four sweepers go at once; returns the sums of their reports."""
    parts = race(SWEEPER, *[[now.isoformat()]] * RACERS, seconds=300)
    reports = [report for part in parts for report in part]
    return {name: sum(report[name] for report in reports) for name in reports[0]}


def test_four_sweepers_over_300_breaches_escalate_300_times_E8_C8() -> None:
    make_sop()
    make_due(DUE, team=make_team(), level=1)
    report = sweep_together(now=NOW + 5 * H)
    assert (report["breaches"], report["failed"]) == (DUE, 0)
    assert Escalation.objects.filter(rule=EscalationCode.BREACH).count() == DUE
    assert Escalation.objects.values("incident").distinct().count() == DUE
    assert Message.objects.count() == EscalationNotice.objects.count() == DUE
    assert Entry.objects.filter(kind=EntryKind.BREACH).count() == DUE
    assert Entry.objects.filter(kind=EntryKind.ESCALATION).count() == DUE
    assert set(Incident.objects.values_list("entry_count", flat=True)) == {2}
    assert not Deadline.objects.filter(next_event_at__isnull=False).exists()
    assert not SetAside.objects.exists()


def test_four_sweepers_fill_one_digest_and_lose_no_line_N1() -> None:
    make_sop()
    make_due(DUE, team=make_team(), kind=DeadlineKind.RESOLVE, owner=Owner.TECHNICAL)
    report = sweep_together(now=NOW + 2 * H)
    assert (report["warnings"], report["failed"]) == (DUE, 0)
    digest = Message.objects.get(subject="Several warnings")
    in_digest = re.findall(r"^- 50% used: Resolve \((INC-2025-\d+)\)", digest.text, re.MULTILINE)
    alone = Message.objects.exclude(pk=digest.pk).values_list("reference", flat=True)
    assert len(in_digest) + len(alone) == DUE
    assert len({*in_digest, *alone}) == DUE
    assert Entry.objects.filter(kind=EntryKind.WARNING).count() == DUE
